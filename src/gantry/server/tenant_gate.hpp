#pragma once

#include <optional>

#include "gantry/base/permission.hpp"
#include "gantry/base/task.hpp"
#include "gantry/http/message.hpp"
#include "gantry/tenant/directory.hpp"

namespace gantry::server {

/// The second question of the `authorize` hook, after who asks: does the tenant of request.context have its requests
/// answered? The refusal (403, or 503 when nobody knows), or nothing. Routes for everybody and the operator's, over the
/// Unix socket, belong to no tenant. What is known leaves the io thread at no time. `info` is filled when it is.
Task<std::optional<http::Response>> admit_tenant(tenant::TenantDirectory& directory, const http::Request& request,
                                                 Permission permission, std::optional<tenant::TenantInfo>& info);

}  // namespace gantry::server

#pragma once

#include <optional>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/router.hpp"

namespace gantry::server {

/// Which tenants a request names, by the x-tenant header and a path of /tenants/{tenant}/…: nullopt when it names none,
/// one when both agree. kDenied when they don't, or when one names what no tenant is called.
[[nodiscard]] Result<std::optional<TenantId>> named_tenant(const http::Request& request);

/// Who may do what while no authentication is configured: everybody who can connect reads, writes and deletes in one
/// tenant; administration is for those who may open the Unix socket.
class OpenAccess {
 public:
  /// `any_tenant`: whoever can connect chooses another tenant by naming it.
  explicit OpenAccess(TenantId tenant, bool any_tenant = false) : tenant_(std::move(tenant)), any_tenant_(any_tenant) {}

  /// Fills request.context. kDenied when the request names another tenant that it can't choose, or when an
  /// administrator's route is asked for over the network.
  Result<void> admit(http::Request& request, http::Permission permission) const;

 private:
  const TenantId tenant_;
  const bool any_tenant_;
};

/// True when HOST:PORT (or [IPV6]:PORT) can be reached from this machine alone.
[[nodiscard]] bool is_loopback(std::string_view listen);

}  // namespace gantry::server

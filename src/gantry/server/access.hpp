#pragma once

#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/router.hpp"

namespace gantry::server {

/// Who may do what while no authentication is configured: everybody who can connect reads, writes and deletes in one
/// tenant; administration is for those who may open the Unix socket.
class OpenAccess {
 public:
  explicit OpenAccess(TenantId tenant) : tenant_(std::move(tenant)) {}

  /// Fills request.context. kDenied when the x-tenant header or a path of /tenants/{tenant}/… names another tenant, or
  /// when an administrator's route is asked for over the network.
  Result<void> admit(http::Request& request, http::Permission permission) const;

 private:
  const TenantId tenant_;
};

/// True when HOST:PORT (or [IPV6]:PORT) can be reached from this machine alone.
[[nodiscard]] bool is_loopback(std::string_view listen);

}  // namespace gantry::server

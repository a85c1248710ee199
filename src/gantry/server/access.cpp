#include "gantry/server/access.hpp"

#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace gantry::server {
namespace {

constexpr std::string_view kTenantPrefix = "/tenants/";

// What exists elsewhere is never told: every other tenant gets the same words.
Error no_such_tenant() { return Error::denied("this server has no such tenant for you"); }

}  // namespace

Result<std::optional<TenantId>> named_tenant(const http::Request& request) {
  std::optional<std::string> named = request.headers.joined("x-tenant");
  if (request.path.starts_with(kTenantPrefix)) {
    const std::string_view rest = std::string_view(request.path).substr(kTenantPrefix.size());
    const std::string_view in_path = rest.substr(0, rest.find('/'));
    if (named && *named != in_path) return no_such_tenant();
    named = in_path;
  }
  if (!named) return std::optional<TenantId>();
  if (!is_valid_tenant(*named)) return no_such_tenant();
  return std::optional(TenantId(*std::move(named)));
}

Result<void> OpenAccess::admit(http::Request& request, http::Permission permission) const {
  GANTRY_LET(const auto named, named_tenant(request));
  if (named && *named != tenant_ && !any_tenant_) return no_such_tenant();
  const bool administers = permission == http::Permission::kAdmin || permission == http::Permission::kOperate;
  if (administers && request.remote_address != "unix") {
    return Error::denied("administration goes over the Unix socket in the data folder");
  }
  request.context.tenant = named.value_or(tenant_);
  return {};
}

bool is_loopback(std::string_view listen) {
  const auto colon = listen.rfind(':');
  std::string host(listen.substr(0, colon == std::string_view::npos ? listen.size() : colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host == "localhost") return true;
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127U;
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace gantry::server

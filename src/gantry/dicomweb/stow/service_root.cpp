#include "gantry/dicomweb/stow/service_root.hpp"

#include <string_view>

#include "gantry/dicomweb/forwarded.hpp"
#include "gantry/dicomweb/representation.hpp"

namespace gantry::dicomweb::stow {

std::string service_root(const Settings& settings, const http::Request& request) {
  std::string root = uri_root(settings, request);
  const std::string_view host = request.headers.get("Host").value_or("");
  if (!root.starts_with('/') || !is_host(host)) return root;
  // A proxy may end TLS and pass the Host on as it came.
  const auto forwarded = forwarded_of(request, settings.trusted_proxies);
  const bool secure = forwarded.proto.empty() ? request.secure : forwarded.proto == "https";
  return (secure ? "https://" : "http://") + std::string(host) + root;
}

}  // namespace gantry::dicomweb::stow

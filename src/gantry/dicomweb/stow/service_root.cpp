#include "gantry/dicomweb/stow/service_root.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "gantry/dicomweb/representation.hpp"

namespace gantry::dicomweb::stow {
namespace {

bool is_host(std::string_view text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  };
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

std::string service_root(const Settings& settings, const http::Request& request) {
  std::string root = uri_root(settings, request);
  const std::string_view host = request.headers.get("Host").value_or("");
  if (!root.starts_with('/') || !is_host(host)) return root;
  return (request.secure ? "https://" : "http://") + std::string(host) + root;
}

}  // namespace gantry::dicomweb::stow

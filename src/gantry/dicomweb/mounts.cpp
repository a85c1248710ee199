// One set of handlers at several roots.

#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "gantry/dicomweb/services.hpp"

namespace gantry::dicomweb {
namespace {

/// Appends a parameter's value so that it is one segment of a URI's path (RFC 3986 §3.3), whatever it holds.
void append_segment(std::string& path, std::string_view value) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      path += c;
    } else {
      path += '%';
      path += kHex[byte >> 4U];
      path += kHex[byte & 0xFU];
    }
  }
}

/// The pattern with the request's parameters in their places.
std::string root_of(std::string_view pattern, const http::Request& request) {
  std::string path;
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    path += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    append_segment(path, request.parameter(pattern.substr(open + 1, close - open - 1)));
    pattern.remove_prefix(close + 1);
  }
  return path;
}

bool needs_read_alone(const http::Route& route) {
  return route.permission == http::Permission::kPublic || route.permission == http::Permission::kRead;
}

}  // namespace

std::vector<http::Route> mounted_routes(const Settings& settings, const std::vector<http::Route>& routes) {
  const std::string below = settings.base_path + "/";
  std::vector<http::Route> mounted;
  for (const Mount& mount : settings.mounts) {
    for (const http::Route& route : routes) {
      if (!route.pattern.starts_with(below)) continue;
      if (mount.read_only && !needs_read_alone(route)) continue;
      http::Route copy = route;
      copy.pattern = mount.pattern + route.pattern.substr(settings.base_path.size());
      copy.handler = [pattern = mount.pattern, handler = route.handler](http::Request& request) {
        request.mount = root_of(pattern, request);
        return handler(request);
      };
      mounted.push_back(std::move(copy));
    }
  }
  return mounted;
}

std::vector<http::Route> service_routes(Services& services) {
  std::vector<http::Route> all;
  for (auto* make : {&store_routes, &search_routes, &retrieve_routes}) {
    for (auto& route : make(services)) all.push_back(std::move(route));
  }
  for (auto& route : mounted_routes(services.settings, all)) all.push_back(std::move(route));
  return all;
}

}  // namespace gantry::dicomweb

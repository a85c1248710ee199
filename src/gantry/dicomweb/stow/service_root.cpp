#include "gantry/dicomweb/stow/service_root.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace gantry::dicomweb::stow {
namespace {

bool is_host(std::string_view text) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  };
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), allowed);
}

/// The first of a list: what the client itself asked for.
std::string_view first_of(std::string_view list) {
  list = list.substr(0, list.find(','));
  while (!list.empty() && list.front() == ' ') list.remove_prefix(1);
  while (!list.empty() && list.back() == ' ') list.remove_suffix(1);
  return list;
}

}  // namespace

std::string service_root(const Settings& settings, const http::Request& request) {
  if (!settings.public_url.empty()) {
    return settings.public_url.substr(0, settings.public_url.find_last_not_of('/') + 1);
  }
  std::string_view scheme = "http";
  std::string_view host = request.headers.get("Host").value_or("");
  const auto& proxies = settings.trusted_proxies;
  if (std::find(proxies.begin(), proxies.end(), request.remote_address) != proxies.end()) {
    if (const auto proto = request.headers.get("X-Forwarded-Proto"); proto && first_of(*proto) == "https") scheme = "https";
    if (const auto forwarded = request.headers.get("X-Forwarded-Host")) host = first_of(*forwarded);
  }
  if (!is_host(host)) return settings.base_path;
  return std::string(scheme) + "://" + std::string(host) + settings.base_path;
}

}  // namespace gantry::dicomweb::stow

#include "gantry/dicomweb/representation.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gantry/base/sha256.hpp"
#include "gantry/http/conditional.hpp"

namespace gantry::dicomweb {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string without_last_slashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

/// The first entry of a list: what the client itself asked for.
std::string_view first_of(std::string_view list) { return trim(list.substr(0, list.find(','))); }

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

bool is_path(std::string_view text) {
  return text.size() <= 1024 && text.starts_with('/') && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '~' || c == '/';
         });
}

struct Forwarded {
  std::string proto, host, prefix;
};

Forwarded forwarded_of(const http::Headers& headers) {
  Forwarded found;
  if (const auto forwarded = headers.get("Forwarded")) {
    std::string_view element = first_of(*forwarded);
    while (!element.empty()) {
      const auto end = std::min(element.find(';'), element.size());
      const auto pair = trim(element.substr(0, end));
      element.remove_prefix(std::min(end + 1, element.size()));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      std::string name(pair.substr(0, equals));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      if (name == "proto") found.proto = value;
      if (name == "host") found.host = value;
    }
  }
  const auto fill = [&](std::string& field, std::string_view name) {
    if (!field.empty()) return;
    if (const auto value = headers.get(name)) field = first_of(*value);
  };
  fill(found.proto, "X-Forwarded-Proto");
  fill(found.host, "X-Forwarded-Host");
  fill(found.prefix, "X-Forwarded-Prefix");
  return found;
}

}  // namespace

std::string uri_root(const Settings& settings, const http::Request& request) {
  const std::string& path = request.mount.empty() ? settings.base_path : request.mount;
  if (!settings.public_url.empty()) {
    std::string url = without_last_slashes(settings.public_url);
    if (request.mount.empty()) return url;
    // One that ends otherwise says nothing of where a proxy would have put the other roots.
    if (url.ends_with(settings.base_path)) return url.substr(0, url.size() - settings.base_path.size()) + path;
  }
  const auto& proxies = settings.trusted_proxies;
  if (std::find(proxies.begin(), proxies.end(), request.remote_address) == proxies.end()) return path;
  const auto forwarded = forwarded_of(request.headers);
  std::string root;
  if (is_host(forwarded.host)) root = (forwarded.proto == "https" ? "https://" : "http://") + forwarded.host;
  if (is_path(forwarded.prefix)) root += without_last_slashes(forwarded.prefix);
  return root + path;
}

std::string make_etag(std::initializer_list<std::string_view> parts) {
  // Raised when the same state comes to be shown differently, so that no client keeps an old form.
  static constexpr std::string_view kForm = "2";
  std::string text(kForm);
  for (const auto part : parts) {
    text += '\0';
    text += part;
  }
  const auto digest = sha256(std::as_bytes(std::span(text)));
  return '"' + to_hex(std::span(digest).first(16)) + '"';
}

void set_cache_headers(http::Response& response, std::string_view etag) {
  if (!etag.empty()) response.headers.set("ETag", std::string(etag));
  response.headers.set("Cache-Control", "private, no-cache");
  response.headers.set("Vary", "Accept, Accept-Encoding, Authorization, x-tenant");
}

std::optional<http::Response> not_modified(const http::Headers& request, std::string_view etag) {
  const auto field = request.joined("If-None-Match");
  if (!field) return std::nullopt;
  const auto held = http::if_none_match(*field, etag);
  if (!held) return std::nullopt;
  http::Response response;
  response.status = 304;
  set_cache_headers(response, *held);
  return response;
}

void add_warning(http::Response& response, std::string_view service, std::string_view text) {
  response.headers.add("Warning", "299 " + std::string(service) + ": " + std::string(text));
}

std::string boundary_for(std::string_view etag, std::string_view secret) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(etag.data()), etag.size(), digest.data(), &length);
  return to_hex(std::span(digest).first(length));
}

std::string multipart_content_type(std::string_view media_type, std::string_view boundary) {
  return "multipart/related; type=\"" + std::string(media_type) + "\"; boundary=" + std::string(boundary);
}

MultipartPlan::MultipartPlan(std::string_view etag, const Settings& settings)
    : etag_(etag), boundary_(boundary_for(etag, settings.boundary_secret)) {}

std::string MultipartPlan::part_head(std::string_view media_type, std::string_view transfer_syntax,
                                     std::string_view location) {
  std::string head = first_ ? "--" : "\r\n--";
  first_ = false;
  head.append(boundary_).append("\r\nContent-Type: ").append(media_type);
  if (!transfer_syntax.empty()) head.append("; transfer-syntax=").append(transfer_syntax);
  if (!location.empty()) head.append("\r\nContent-Location: ").append(location);
  return head += "\r\n\r\n";
}

void MultipartPlan::begin_part(std::string_view media_type, std::string_view transfer_syntax,
                               std::string_view location) {
  plan_.add(part_head(media_type, transfer_syntax, location));
}

std::string MultipartPlan::closing() const { return "\r\n--" + boundary_ + "--\r\n"; }

http::Response MultipartPlan::finish(std::string_view media_type) {
  plan_.add(closing());
  http::Response response;
  response.headers.set("Content-Type", multipart_content_type(media_type, boundary_));
  set_cache_headers(response, etag_);
  response.body = std::move(plan_);
  return response;
}

}  // namespace gantry::dicomweb

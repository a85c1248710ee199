#include "gantry/dicomweb/representation.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gantry/base/sha256.hpp"
#include "gantry/dicomweb/forwarded.hpp"
#include "gantry/http/conditional.hpp"

namespace gantry::dicomweb {
namespace {

std::string without_last_slashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
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
  const auto forwarded = forwarded_of(request, settings.trusted_proxies);
  std::string root;
  const bool secure = forwarded.proto.empty() ? request.secure : forwarded.proto == "https";
  if (!forwarded.host.empty()) root = (secure ? "https://" : "http://") + forwarded.host;
  return root + forwarded.prefix + path;
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

#pragma once

// What every answer of the read side has around its body: ETag, caching, roots of URIs, multipart framing.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb {

/// What URIs in answers begin with: the configured public URL; else what a trusted proxy says (Forwarded, RFC 7239, or
/// X-Forwarded-Proto, -Host, -Port, -Prefix; see forwarded.hpp); else the path alone, which is right from anywhere.
/// Below a mount the path is the request's own root, and a public URL counts when it ends with base_path, so that the
/// mount can stand in its place.
[[nodiscard]] std::string uri_root(const Settings& settings, const http::Request& request);

/// A strong ETag of these parts (tenant, state, representation …), in quotes.
[[nodiscard]] std::string make_etag(std::initializer_list<std::string_view> parts);

/// Sets ETag, Cache-Control and Vary (DESIGN §6).
void set_cache_headers(http::Response& response, std::string_view etag);

/// 304 when If-None-Match names the ETag; nullopt: the answer is to be made.
[[nodiscard]] std::optional<http::Response> not_modified(const http::Headers& request, std::string_view etag);

/// The standard's `Warning: 299 <service>: <text>` (PS3.18 §8.3.4). `service` is the root of URIs.
void add_warning(http::Response& response, std::string_view service, std::string_view text);

/// HMAC-SHA256 of the ETag: the same ETag gives the same bytes, and nobody can guess it into a payload.
[[nodiscard]] std::string boundary_for(std::string_view etag, std::string_view secret);

/// Writes a multipart/related body (RFC 2387) as a plan.
class MultipartPlan {
 public:
  /// `etag` names this very representation.
  MultipartPlan(std::string_view etag, const Settings& settings);

  /// The delimiter and header fields in front of a part. `transfer_syntax` and `location` may be empty.
  [[nodiscard]] std::string part_head(std::string_view media_type, std::string_view transfer_syntax,
                                      std::string_view location);
  /// Adds a part's head to the plan; its bytes are added next, by add().
  void begin_part(std::string_view media_type, std::string_view transfer_syntax, std::string_view location);
  void add(http::Segment segment) { plan_.add(std::move(segment)); }
  [[nodiscard]] std::string closing() const;
  [[nodiscard]] const std::string& boundary() const noexcept { return boundary_; }

  /// The finished answer: 200, `multipart/related; type="media_type"; boundary=…`. Call once.
  [[nodiscard]] http::Response finish(std::string_view media_type);

 private:
  std::string etag_;
  std::string boundary_;
  bool first_ = true;
  http::BodyPlan plan_;
};

/// `multipart/related; type="application/dicom"; boundary=…`
[[nodiscard]] std::string multipart_content_type(std::string_view media_type, std::string_view boundary);

}  // namespace gantry::dicomweb

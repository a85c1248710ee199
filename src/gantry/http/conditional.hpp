#pragma once

// Conditional requests (RFC 9110 §13) on the values of header fields.

#include <optional>
#include <string>
#include <string_view>

namespace gantry::http {

/// The ETag of a representation's gzip form: `"abc"` becomes `"abc-gzip"`, weak stays weak.
[[nodiscard]] std::string gzip_etag(std::string_view etag);
/// The same of its zstd form.
[[nodiscard]] std::string zstd_etag(std::string_view etag);

/// If-None-Match against the current ETag and its compressed forms, by weak comparison (§13.1.2). Gives the tag that the 304
/// names: the one that the client holds, since its cache looks the stored answer up by it; for `*` it is `etag`.
/// nullopt: nothing matched (malformed list members match nothing).
[[nodiscard]] std::optional<std::string> if_none_match(std::string_view field, std::string_view etag);

/// If-Range (§13.1.5): true when a Range may be applied. Entity tags compare strongly; a date must equal Last-Modified.
[[nodiscard]] bool if_range_holds(std::string_view field, std::string_view etag,
                                  std::optional<std::string_view> last_modified);

}  // namespace gantry::http

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::http {

/// A media type (RFC 9110 §8.3.1): type, subtype and parameter names in lower case; values as sent, unquoted.
struct MediaType {
  std::string type;     ///< "multipart", "*"
  std::string subtype;  ///< "related", "*"
  std::vector<std::pair<std::string, std::string>> parameters;

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
  /// "multipart/related"
  [[nodiscard]] std::string essence() const { return type + "/" + subtype; }
};

/// kInvalid when it is no media type. Tolerates what senders really write: an unquoted `type=application/dicom`.
[[nodiscard]] Result<MediaType> parse_media_type(std::string_view text);

struct MediaRange {
  MediaType type;
  int quality = 1000;  ///< thousandths; 0: not acceptable
};

/// Accept's ranges, best first (quality, then as sent). Ranges that can't be parsed are skipped, the rest is kept
/// (PS3.18 §8.7.5). An absent or empty header is the caller's to tell from a list with nothing usable in it.
[[nodiscard]] std::vector<MediaRange> parse_accept(std::string_view header);

}  // namespace gantry::http

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::http {

/// Percent-decoding; with `plus_is_space` also '+' (query strings). kInvalid for a broken escape or a NUL.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
[[nodiscard]] std::string percent_encode(std::string_view text);

/// name=value pairs in order, decoded, repeated names kept. kInvalid: broken escapes, or more than `keys_max` keys.
using QueryPairs = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Result<QueryPairs> parse_query(std::string_view query, std::size_t keys_max = 128);

/// Splits target into a decoded path without dot segments and the raw query. kInvalid for NUL, backslash, control
/// characters, encoded slashes, or "..", however written.
struct Target {
  std::string path;
  std::string query;
};
[[nodiscard]] Result<Target> parse_target(std::string_view target);

}  // namespace gantry::http

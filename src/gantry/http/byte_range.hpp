#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gantry::http {

/// Bytes `first` to `last`, both included, of a representation.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  [[nodiscard]] std::uint64_t length() const noexcept { return last - first + 1; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct RangeRequest {
  enum class Kind {
    kNone,    ///< no range, one that is malformed, in another unit, or of too many pieces: send everything (RFC 9110
              ///< §14.2)
    kRanges,  ///< `ranges` holds the satisfiable ones, as asked
    kUnsatisfiable,  ///< 416 with "Content-Range: bytes */length"
  };
  Kind kind = Kind::kNone;
  std::vector<ByteRange> ranges;
};

/// A Range field's value against a representation of `length` bytes (RFC 9110 §14.1.2). At most `most` ranges are
/// taken; more count as malformed.
[[nodiscard]] RangeRequest parse_range(std::string_view field, std::uint64_t length, std::size_t most = 16);

}  // namespace gantry::http

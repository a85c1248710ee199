#pragma once

// One line of a spool: a JSON object whose last member, `hash`, covers the hash of the line before and its own text. So
// no line can be changed, dropped, added or moved without all that follow it telling.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/sha256.hpp"

namespace gantry::audit {

/// What line 1 of the first file follows.
inline constexpr Sha256 kNoHash{};

/// The hash of a line whose text, up to `,"hash":`, is `text`.
[[nodiscard]] Sha256 chained(const Sha256& before, std::string_view text);

/// Finishes `text` (an object without its closing brace) as a line with its newline.
void close_line(std::string& text, const Sha256& hash);

/// A line as it was read.
struct Line {
  std::string_view text;  ///< what the hash covers, beside the hash before
  std::uint64_t n = 0;
  Sha256 hash{};  ///< what it says of itself
};
/// `line` without its newline; nullopt when it has not the form of a line: `{"n":…, … ,"hash":"64 hex digits"}`.
[[nodiscard]] std::optional<Line> split_line(std::string_view line);

/// Of 64 hex digits.
[[nodiscard]] std::optional<Sha256> parse_hash(std::string_view hex);

}  // namespace gantry::audit

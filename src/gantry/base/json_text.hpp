#pragma once

// Strings of JSON (RFC 8259 §7), and the UTF-8 that they must be.

#include <cstddef>
#include <string>
#include <string_view>

namespace gantry {

/// Bytes of the well-formed UTF-8 character (RFC 3629 §4) that `text` begins with; 0 when there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;
/// `text` with U+FFFD for each byte that belongs to no UTF-8 character.
[[nodiscard]] std::string as_utf8(std::string_view text);

/// Adds a string with its quotes. `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);
/// The same for any bytes, as by as_utf8(): what a client sent can't make our answer malformed.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace gantry

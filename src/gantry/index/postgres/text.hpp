#pragma once

// Text as PostgreSQL keeps it: valid UTF-8 without NUL. What DICOM's text may hold beyond that is spelled with two
// noncharacters, so that every string comes back as it went:
//   NUL                                         U+FDD0
//   a byte that is no UTF-8, or of U+FDD0/FDD1  U+FDD1 and two hex digits

#include <string>
#include <string_view>

namespace gantry::index::postgres {

/// Appends `text` in that spelling.
void append_encoded(std::string& out, std::string_view text);
/// True when there may be something to decode.
[[nodiscard]] bool is_encoded(std::string_view stored) noexcept;
[[nodiscard]] std::string decoded(std::string_view stored);

}  // namespace gantry::index::postgres

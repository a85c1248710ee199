#pragma once

#include <string>
#include <string_view>

namespace gantry::index {

/// Text for searching without regard to case and accents: NFKD, combining marks dropped, case folded, NFC. Locale-free.
/// Bytes that are no UTF-8 are kept as U+FFFD.
[[nodiscard]] std::string fold(std::string_view utf8);

/// True when `text` matches `pattern` ('*' any run, '?' one character in UTF-8, the rest literal). Linear in practice;
/// never worse than |text| x |pattern|.
[[nodiscard]] bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept;

/// kName of search_query.hpp: `pattern` and `name` as DICOM writes them ("Yamada^Tarou=山田^太郎=やまだ^たろう"); folds both.
[[nodiscard]] bool matches_person_name(std::string_view pattern, std::string_view name);

}  // namespace gantry::index

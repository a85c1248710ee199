#pragma once

#include <optional>
#include <string_view>

#include "gantry/dicom/tag.hpp"

namespace gantry::dicom {

struct DictionaryEntry {
  Tag tag;
  std::string_view vr;       ///< two letters; the first of the possible ones ("US" for "US or SS", "OW" for "OB or OW")
  std::string_view keyword;  ///< "StudyInstanceUID"
};

/// The standard attribute of that tag, repeating groups (50xx, 60xx) included; null when PS3.6 has none. Private
/// creators (gggg,0010-00FF) are the caller's to know.
[[nodiscard]] const DictionaryEntry* find_attribute(Tag tag) noexcept;
/// By keyword, exact in case; null when unknown.
[[nodiscard]] const DictionaryEntry* find_attribute(std::string_view keyword) noexcept;
/// "0020000D", or a keyword; nullopt when it is neither 8 hex digits nor a known keyword.
[[nodiscard]] std::optional<Tag> parse_attribute(std::string_view text) noexcept;

}  // namespace gantry::dicom

#include "gantry/dicom/dictionary.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace gantry::dicom {

namespace {

#define GANTRY_ATTRIBUTE(tag, vr, keyword) {Tag{std::uint32_t{tag}}, vr, keyword},
#define GANTRY_REPEATER(mask, value, vr, keyword)
constexpr DictionaryEntry kAttributes[] = {
#include "gantry/dicom/dictionary_table.inc"
};
#undef GANTRY_ATTRIBUTE
#undef GANTRY_REPEATER

struct Repeater {
  std::uint32_t mask;
  DictionaryEntry entry;  ///< its tag has zeros where the standard has x
};

#define GANTRY_ATTRIBUTE(tag, vr, keyword)
#define GANTRY_REPEATER(mask, value, vr, keyword) {mask, {Tag{std::uint32_t{value}}, vr, keyword}},
constexpr Repeater kRepeaters[] = {
#include "gantry/dicom/dictionary_table.inc"
};
#undef GANTRY_ATTRIBUTE
#undef GANTRY_REPEATER

/// Entries by keyword; made once, at the first search.
const std::vector<const DictionaryEntry*>& by_keyword() {
  static const auto kSorted = [] {
    std::vector<const DictionaryEntry*> sorted;
    sorted.reserve(std::size(kAttributes));
    for (const auto& entry : kAttributes) {
      if (!entry.keyword.empty()) sorted.push_back(&entry);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->keyword < b->keyword; });
    return sorted;
  }();
  return kSorted;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

const DictionaryEntry* find_attribute(Tag tag) noexcept {
  const auto* found = std::lower_bound(std::begin(kAttributes), std::end(kAttributes), tag,
                                       [](const DictionaryEntry& entry, Tag wanted) { return entry.tag < wanted; });
  if (found != std::end(kAttributes) && found->tag == tag) return found;
  if (tag.is_private()) return nullptr;
  for (const auto& repeater : kRepeaters) {
    if ((tag.value() & repeater.mask) == repeater.entry.tag.value()) return &repeater.entry;
  }
  return nullptr;
}

const DictionaryEntry* find_attribute(std::string_view keyword) noexcept {
  const auto& sorted = by_keyword();
  const auto found =
      std::lower_bound(sorted.begin(), sorted.end(), keyword,
                       [](const DictionaryEntry* entry, std::string_view wanted) { return entry->keyword < wanted; });
  return found != sorted.end() && (*found)->keyword == keyword ? *found : nullptr;
}

std::optional<Tag> parse_attribute(std::string_view text) noexcept {
  if (text.size() == 8) {
    std::uint32_t value = 0;
    bool is_hex = true;
    for (const char c : text) {
      const int digit = hex_value(c);
      is_hex = is_hex && digit >= 0;
      value = (value << 4) | static_cast<std::uint32_t>(digit & 15);
    }
    if (is_hex) return Tag{value};
  }
  const auto* entry = find_attribute(text);
  if (entry == nullptr) return std::nullopt;
  return entry->tag;
}

}  // namespace gantry::dicom

#pragma once

// Reads the DICOM JSON that our own indexer wrote, by slices: nothing is copied, numbers keep their digits, and the
// depth of nesting costs no stack. Damaged text gives kInternal, never a read beyond its end.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::archive::json {

inline std::size_t skip_space(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) ++at;
  return at;
}

/// The end of the value that begins at `at` (a string, number, literal, object or array); npos when it has none.
[[nodiscard]] std::size_t value_end(std::string_view text, std::size_t at) noexcept;

/// The text of a JSON string (with its quotes), escapes resolved. Other values come back as they are.
[[nodiscard]] std::string text_of(std::string_view value);

/// Walks the members of an object or the items of an array, in order.
class Walker {
 public:
  /// `value` begins with '{' or '['; anything else has no members and is `damaged()`.
  explicit Walker(std::string_view value) noexcept;
  /// Moves to the next member or item. False at the end, or when the text is damaged.
  [[nodiscard]] bool next() noexcept;
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }
  /// The member's name as written (no name of DICOM JSON needs escapes); empty for items.
  [[nodiscard]] std::string_view key() const noexcept { return key_; }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }

 private:
  bool fail() noexcept {
    damaged_ = true;
    return false;
  }
  std::string_view text_;
  std::size_t at_ = 0;
  bool object_ = false;
  bool first_ = true;
  bool done_ = false;
  bool damaged_ = false;
  std::string_view key_;
  std::string_view value_;
};

/// The member `key` of `object`; nullopt when there is none.
[[nodiscard]] std::optional<std::string_view> member(std::string_view object, std::string_view key) noexcept;

}  // namespace gantry::archive::json

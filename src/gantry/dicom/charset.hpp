#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dicom/vr.hpp"

namespace gantry::dicom {

/// Text in UTF-8. `damaged` is true when bytes could not be converted: they are kept visible as U+FFFD followed by
/// nothing dropped (each bad byte becomes one U+FFFD), and the caller flags the instance.
struct Utf8Text {
  std::string text;
  bool damaged = false;
};

/// What a Specific Character Set (0008,0005) means (PS3.3 C.12.1.1.2): every defined term, ISO 2022 code extensions
/// included. Immutable; safe from all threads.
class CharacterSet {
 public:
  /// The default repertoire (ISO IR 6). Bytes above 127 are damaged text, unless they are valid UTF-8 (kept, damaged).
  CharacterSet();
  /// From the raw value, backslash-separated, padded or not. Unknown terms are treated as the default repertoire and
  /// `unknown()` is true.
  explicit CharacterSet(std::string_view specific_character_set);

  [[nodiscard]] bool unknown() const noexcept;

  /// How a value's text is delimited: where code extensions reset (PS3.5 §6.1.2.5.3) and where values split.
  enum class Kind {
    kSingle,      ///< ST, LT, UT: one value; CR, LF, FF, TAB reset
    kMulti,       ///< SH, LO: backslash splits and resets
    kUnlimited,   ///< UC: the same, but leading spaces are part of the text
    kPersonName,  ///< PN: backslash splits; '^' and '=' reset too
  };

  /// Converts and splits a raw value (padding still there). A backslash byte that is the second byte of a multi-byte
  /// character does not split. Trailing padding (space, NUL) is removed; of kMulti and kPersonName leading spaces, too.
  /// An empty value is one empty text.
  [[nodiscard]] std::vector<Utf8Text> to_utf8(std::string_view raw, Kind kind) const;

 private:
  struct Plan;
  std::shared_ptr<const Plan> plan_;
};

/// Is its text that of Specific Character Set (PS3.5 §6.1.2.3), rather than of the default repertoire?
[[nodiscard]] bool obeys_character_set(Vr vr) noexcept;

}  // namespace gantry::dicom

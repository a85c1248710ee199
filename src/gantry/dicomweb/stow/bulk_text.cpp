#include "gantry/dicomweb/stow/bulk_text.hpp"

#include <span>

#include "gantry/dicom/charset.hpp"

namespace gantry::dicomweb::stow {

using dicom::CharacterSet;
using dicom::Vr;

bool needs_conversion(Vr vr, std::string_view charset) noexcept {
  return dicom::obeys_character_set(vr) && !charset.empty() && charset != "ISO_IR 192" && charset != "ISO_IR 6";
}

Result<std::string> bulk_text(const RandomAccess& bytes, const dicom::ByteRange& range, Vr vr,
                              std::string_view charset) {
  std::string raw(static_cast<std::size_t>(range.length), '\0');
  std::size_t have = 0;
  while (have < raw.size()) {
    GANTRY_LET(const std::size_t got,
               bytes.read_at(range.offset + have, std::as_writable_bytes(std::span(raw).subspan(have))));
    if (got == 0) return Error::unavailable("a staged part ended early");
    have += got;
  }
  const auto kind = vr == Vr::kUC                    ? CharacterSet::Kind::kUnlimited
                    : vr == Vr::kPN                  ? CharacterSet::Kind::kPersonName
                    : vr == Vr::kLO || vr == Vr::kSH ? CharacterSet::Kind::kMulti
                                                     : CharacterSet::Kind::kSingle;
  const CharacterSet set(charset);
  if (set.unknown()) return Error::invalid("is text in a character set that is not known");
  std::string text;
  bool first = true;
  for (const auto& value : set.to_utf8(raw, kind)) {
    if (value.damaged) return Error::invalid("is text that its character set does not know");
    if (!first) text += '\\';
    first = false;
    text += value.text;
  }
  return text;
}

}  // namespace gantry::dicomweb::stow

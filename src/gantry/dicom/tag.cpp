#include "gantry/dicom/tag.hpp"

namespace gantry::dicom {

std::string to_hex8(Tag tag) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text(8, '0');
  for (unsigned i = 0; i < 8; ++i) text[i] = kDigits[(tag.value() >> (28 - 4 * i)) & 15];
  return text;
}

}  // namespace gantry::dicom

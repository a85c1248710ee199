#pragma once

#include <cstdint>
#include <vector>

namespace gantry::dicom {

// Code elements as tables of UTF-16 units (all they hold lies in the Basic Multilingual Plane), 0 where a code means
// nothing. They are made from ICU's converters at their first use and never change: reading them needs no lock and no
// converter.

/// A set of 96 characters in G1, by its ICU converter: [byte - 0x80], 0x80 to 0x9F being the C1 controls.
class HighTable {
 public:
  explicit HighTable(const char* converter);
  [[nodiscard]] char32_t at(std::uint8_t byte) const noexcept { return units_[byte - 0x80U]; }

 private:
  char16_t units_[128] = {};
};

/// A set of two-byte characters, lead 0x81 to 0xFE and trail 0x40 to 0xFE. Sets of 94x94 characters lie at A1A1 to FEFE.
class PairTable {
 public:
  /// `single_shift`: 0, or a byte in front of each pair. Private use characters are left out unless wanted: nobody
  /// could read them.
  PairTable(const char* converter, std::uint8_t single_shift, bool private_use);
  [[nodiscard]] char32_t at(std::uint8_t lead, std::uint8_t trail) const noexcept {
    if (lead < 0x81 || lead == 0xFF || trail < 0x40 || trail == 0xFF) return 0;
    return units_[index(lead, trail)];
  }
  void set(std::uint8_t lead, std::uint8_t trail, char16_t unit) noexcept { units_[index(lead, trail)] = unit; }

 private:
  static std::size_t index(std::uint8_t lead, std::uint8_t trail) noexcept {
    return (lead - 0x81U) * 191U + (trail - 0x40U);
  }
  std::vector<char16_t> units_;
};

const HighTable& latin_1();     ///< ISO-IR 100
const HighTable& latin_2();     ///< ISO-IR 101
const HighTable& latin_3();     ///< ISO-IR 109
const HighTable& latin_4();     ///< ISO-IR 110
const HighTable& cyrillic();    ///< ISO-IR 144
const HighTable& arabic();      ///< ISO-IR 127
const HighTable& greek();       ///< ISO-IR 126
const HighTable& hebrew();      ///< ISO-IR 138
const HighTable& latin_5();     ///< ISO-IR 148
const HighTable& latin_9();     ///< ISO-IR 203
const HighTable& thai();        ///< ISO-IR 166

const PairTable& jis_x_0208();  ///< ISO-IR 87, at A1A1 to FEFE, with NEC's row 13
const PairTable& jis_x_0212();  ///< ISO-IR 159, at A1A1 to FEFE
const PairTable& ks_x_1001();   ///< ISO-IR 149, at A1A1 to FEFE; around it the rest of code page 949
const PairTable& gb_2312();     ///< ISO-IR 58, at A1A1 to FEFE
const PairTable& gbk();         ///< GBK, and the two-byte codes of GB 18030

/// A four-byte code of GB 18030; 0 when it means nothing.
[[nodiscard]] char32_t gb18030_four(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept;

}  // namespace gantry::dicom

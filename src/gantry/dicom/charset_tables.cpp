#include "gantry/dicom/charset_tables.hpp"

#include <array>
#include <cstring>

#include <unicode/ucnv.h>

#include "gantry/base/handle.hpp"

namespace gantry::dicom {

namespace {

using Converter = Handle<UConverter, &ucnv_close>;

/// An ICU converter that gives nothing rather than a substitute. Should ICU lack it, all its codes mean nothing, and
/// text becomes visibly damaged; the tests of this file see to it that ICU has all of them.
class OneByOne {
 public:
  explicit OneByOne(const char* name) {
    UErrorCode status = U_ZERO_ERROR;
    converter_.reset(ucnv_open(name, &status));
    if (converter_ == nullptr) return;
    ucnv_setToUCallBack(converter_.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
    if (U_FAILURE(status)) converter_.reset();
  }

  /// The one UTF-16 unit that `bytes` mean, or 0.
  char16_t operator()(const char* bytes, int count) {
    if (converter_ == nullptr) return 0;
    UErrorCode status = U_ZERO_ERROR;
    char16_t units[4];
    ucnv_reset(converter_.get());
    const int made = ucnv_toUChars(converter_.get(), units, 4, bytes, count, &status);
    return U_SUCCESS(status) && made == 1 && units[0] != 0xFFFD ? units[0] : char16_t{0};
  }

 private:
  Converter converter_;
};

bool is_private_use(char16_t unit) noexcept { return unit >= 0xE000 && unit <= 0xF8FF; }

// ICU maps these as Windows does; the JIS tables of the Unicode Consortium, and Python, do otherwise.
PairTable make_jis_x_0208() {
  PairTable table("EUC-JP", 0, false);
  table.set(0xA1, 0xC1, 0x301C);
  table.set(0xA1, 0xC2, 0x2016);
  table.set(0xA1, 0xDD, 0x2212);
  table.set(0xA1, 0xF1, 0x00A2);
  table.set(0xA1, 0xF2, 0x00A3);
  table.set(0xA2, 0xCC, 0x00AC);
  return table;
}

PairTable make_jis_x_0212() {
  PairTable table("EUC-JP", 0x8F, false);
  table.set(0xA2, 0xB7, 0x007E);
  return table;
}

constexpr std::size_t kFourByteCodes = 39420;  // 81308130 to 8431A439: the Basic Multilingual Plane

std::vector<char16_t> make_four_byte_codes() {
  std::vector<char16_t> units(kFourByteCodes);
  OneByOne convert("gb18030");
  for (std::size_t i = 0; i < kFourByteCodes; ++i) {
    const char bytes[4] = {static_cast<char>(0x81 + i / 12600), static_cast<char>(0x30 + i / 1260 % 10),
                           static_cast<char>(0x81 + i / 10 % 126), static_cast<char>(0x30 + i % 10)};
    units[i] = convert(bytes, 4);
  }
  return units;
}

}  // namespace

HighTable::HighTable(const char* converter) {
  OneByOne convert(converter);
  for (unsigned i = 0; i < 128; ++i) {
    const char byte = static_cast<char>(0x80 + i);
    units_[i] = i < 0x20 ? static_cast<char16_t>(0x80 + i) : convert(&byte, 1);
  }
}

PairTable::PairTable(const char* converter, std::uint8_t single_shift, bool private_use) : units_(126 * 191) {
  OneByOne convert(converter);
  for (unsigned lead = 0x81; lead < 0xFF; ++lead) {
    for (unsigned trail = 0x40; trail < 0xFF; ++trail) {
      const char bytes[3] = {static_cast<char>(single_shift), static_cast<char>(lead), static_cast<char>(trail)};
      const char16_t unit = single_shift == 0 ? convert(bytes + 1, 2) : convert(bytes, 3);
      if (private_use || !is_private_use(unit)) units_[index(static_cast<std::uint8_t>(lead), static_cast<std::uint8_t>(trail))] = unit;
    }
  }
}

const HighTable& latin_1() { static const HighTable kTable("ISO-8859-1"); return kTable; }
const HighTable& latin_2() { static const HighTable kTable("ISO-8859-2"); return kTable; }
const HighTable& latin_3() { static const HighTable kTable("ISO-8859-3"); return kTable; }
const HighTable& latin_4() { static const HighTable kTable("ISO-8859-4"); return kTable; }
const HighTable& cyrillic() { static const HighTable kTable("ISO-8859-5"); return kTable; }
const HighTable& arabic() { static const HighTable kTable("ISO-8859-6"); return kTable; }
const HighTable& greek() { static const HighTable kTable("ISO-8859-7"); return kTable; }
const HighTable& hebrew() { static const HighTable kTable("ISO-8859-8"); return kTable; }
const HighTable& latin_5() { static const HighTable kTable("ISO-8859-9"); return kTable; }
const HighTable& latin_9() { static const HighTable kTable("ISO-8859-15"); return kTable; }
const HighTable& thai() { static const HighTable kTable("ISO-8859-11"); return kTable; }

const PairTable& jis_x_0208() { static const PairTable kTable = make_jis_x_0208(); return kTable; }
const PairTable& jis_x_0212() { static const PairTable kTable = make_jis_x_0212(); return kTable; }
const PairTable& ks_x_1001() { static const PairTable kTable("windows-949", 0, false); return kTable; }
const PairTable& gb_2312() { static const PairTable kTable("GB2312", 0, false); return kTable; }
const PairTable& gbk() { static const PairTable kTable("gb18030", 0, true); return kTable; }

char32_t gb18030_four(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept {
  if (a < 0x81 || a == 0xFF || b < 0x30 || b > 0x39 || c < 0x81 || c == 0xFF || d < 0x30 || d > 0x39) return 0;
  const std::uint32_t linear = (a - 0x81U) * 12600 + (b - 0x30U) * 1260 + (c - 0x81U) * 10 + (d - 0x30U);
  if (linear < kFourByteCodes) {
    static const std::vector<char16_t> kUnits = make_four_byte_codes();
    return kUnits[linear];
  }
  constexpr std::uint32_t kSupplementary = 189000;  // 90308130 is U+10000
  if (linear < kSupplementary || linear - kSupplementary > 0xFFFFF) return 0;
  return 0x10000 + (linear - kSupplementary);
}

}  // namespace gantry::dicom

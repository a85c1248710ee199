#include "gantry/dicom/charset.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include <unicode/ucnv.h>

#include "gantry/base/handle.hpp"

namespace gantry::dicom {

namespace {

using Converter = Handle<UConverter, &ucnv_close>;

constexpr char32_t kReplacement = 0xFFFD;
constexpr char kEscape = '\x1B';

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    text.push_back(static_cast<char>(0xC0 | (c >> 6)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | (c >> 12)));
    text.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    text.push_back(static_cast<char>(0xF0 | (c >> 18)));
    text.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

unsigned char byte_of(char c) { return static_cast<unsigned char>(c); }

Converter open_converter(const char* name) {
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name, &status));
  if (U_FAILURE(status)) return nullptr;
  ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  return converter;
}

/// One character, or nullopt when these bytes are none in the converter's set.
std::optional<char32_t> convert_one(UConverter* converter, std::string_view bytes) {
  if (converter == nullptr) return std::nullopt;
  std::array<UChar, 8> units{};
  UErrorCode status = U_ZERO_ERROR;
  const auto count = ucnv_toUChars(converter, units.data(), static_cast<int32_t>(units.size()), bytes.data(),
                                   static_cast<int32_t>(bytes.size()), &status);
  if (U_FAILURE(status) || count < 1 || count > 2) return std::nullopt;
  if (count == 2) {
    if (!U16_IS_LEAD(units[0]) || !U16_IS_TRAIL(units[1])) return std::nullopt;
    return U16_GET_SUPPLEMENTARY(units[0], units[1]);
  }
  if (units[0] == 0xFFFD || units[0] == 0x1A) return std::nullopt;
  return units[0];
}

// --- Code elements (PS3.3 Tables C.12-2 to C.12-4) -----------------------------------------------------------------

/// The right half (bytes 0xA0 to 0xFF) of a single-byte set.
using RightHalf = std::array<char32_t, 96>;
/// A set of 94 x 94 characters.
using DoubleSet = std::array<char32_t, 94 * 94>;

RightHalf make_right_half(const char* icu_name) {
  RightHalf half{};
  const Converter converter = open_converter(icu_name);
  for (unsigned i = 0; i < half.size(); ++i) {
    const char byte = static_cast<char>(0xA0 + i);
    half[i] = convert_one(converter.get(), {&byte, 1}).value_or(kReplacement);
  }
  return half;
}

/// `prefix` is what the converter wants before each pair whose bytes have their high bits set.
DoubleSet make_double_set(const char* icu_name, std::string_view prefix) {
  DoubleSet set{};
  const Converter converter = open_converter(icu_name);
  for (unsigned row = 0; row < 94; ++row) {
    for (unsigned cell = 0; cell < 94; ++cell) {
      std::string bytes(prefix);
      bytes.push_back(static_cast<char>(0xA1 + row));
      bytes.push_back(static_cast<char>(0xA1 + cell));
      set[row * 94 + cell] = convert_one(converter.get(), bytes).value_or(kReplacement);
    }
  }
  return set;
}

const DoubleSet& jis_x_0208() {
  static const DoubleSet kSet = make_double_set("EUC-JP", "");
  return kSet;
}
const DoubleSet& jis_x_0212() {
  static const DoubleSet kSet = make_double_set("EUC-JP", "\x8F");
  return kSet;
}
const DoubleSet& ks_x_1001() {
  static const DoubleSet kSet = make_double_set("EUC-KR", "");
  return kSet;
}
const DoubleSet& gb_2312() {
  static const DoubleSet kSet = make_double_set("GB2312", "");
  return kSet;
}

/// The left half in use (G0, bytes below 0x80).
struct Left {
  enum class Kind { kAscii, kRomaji, kDouble };
  Kind kind = Kind::kAscii;
  const DoubleSet& (*set)() = nullptr;
};

/// The right half in use (G1, bytes from 0x80).
struct Right {
  enum class Kind { kNone, kSingle, kDouble };
  Kind kind = Kind::kNone;
  const RightHalf* half = nullptr;
  const DoubleSet& (*set)() = nullptr;
};

struct SingleByteSet {
  int number;            ///< ISO-IR
  const char* icu_name;
  char final_byte;       ///< of ESC 2/13 F
};
constexpr SingleByteSet kSingleByteSets[] = {
    {100, "ISO-8859-1", 'A'}, {101, "ISO-8859-2", 'B'}, {109, "ISO-8859-3", 'C'}, {110, "ISO-8859-4", 'D'},
    {144, "ISO-8859-5", 'L'}, {127, "ISO-8859-6", 'G'}, {126, "ISO-8859-7", 'F'}, {138, "ISO-8859-8", 'H'},
    {148, "ISO-8859-9", 'M'}, {203, "ISO-8859-15", 'b'}, {166, "TIS-620", 'T'},
};

/// The right half of a set by its ISO-IR number, katakana (13) included; null when there is none.
const RightHalf* right_half(int number) {
  static const auto kHalves = [] {
    std::array<RightHalf, std::size(kSingleByteSets) + 1> halves{};
    for (std::size_t i = 0; i < std::size(kSingleByteSets); ++i) halves[i] = make_right_half(kSingleByteSets[i].icu_name);
    halves.back() = make_right_half("Shift_JIS");  // its single bytes are those of JIS X 0201
    for (std::size_t i = 0x40; i < halves.back().size(); ++i) halves.back()[i] = kReplacement;  // lead bytes are none
    return halves;
  }();
  if (number == 13) return &kHalves.back();
  for (std::size_t i = 0; i < std::size(kSingleByteSets); ++i) {
    if (kSingleByteSets[i].number == number) return &kHalves[i];
  }
  return nullptr;
}

std::string_view trim_spaces(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

/// The number of "ISO_IR n" or "ISO 2022 IR n", however it is punctuated ("ISO-IR 100", "iso_ir_100"); -1 for others.
int set_number(std::string_view term) {
  std::string plain;
  for (const char c : term) {
    if (c == ' ' || c == '_' || c == '-') continue;
    plain.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
  }
  std::string_view rest = plain;
  for (const std::string_view prefix : {"ISO2022IR", "ISOIR"}) {
    if (rest.substr(0, prefix.size()) != prefix) continue;
    rest.remove_prefix(prefix.size());
    if (rest.empty() || rest.size() > 3) return -1;
    int number = 0;
    for (const char c : rest) {
      if (c < '0' || c > '9') return -1;
      number = number * 10 + (c - '0');
    }
    return number;
  }
  return -1;
}

}  // namespace

struct CharacterSet::Plan {
  enum class Encoding { kElements, kUtf8, kGb18030 };
  Encoding encoding = Encoding::kElements;
  Left left;    ///< what delimiters reset to
  Right right;
  bool declared = false;  ///< a known term was given: bytes above 127 have a meaning
  bool unknown = false;
};

namespace {

/// What happens at a byte that separates.
struct Separators {
  bool splits_values;  ///< backslash begins another value
  bool is_name;        ///< '^' and '=' reset the code elements, too

  [[nodiscard]] bool resets(char c) const {
    if (c == '\\') return splits_values;
    if (is_name) return c == '^' || c == '=';
    return c == '\r' || c == '\n' || c == '\f' || c == '\t';
  }
};

/// Collects values; what could not be converted is kept visible.
class Collector {
 public:
  explicit Collector(std::vector<Utf8Text>& values) : values_(values) { values_.emplace_back(); }
  void put(char32_t c) { append_utf8(values_.back().text, c); }
  void put_ascii(char c) { values_.back().text.push_back(c); }
  void put_damaged() {
    values_.back().damaged = true;
    append_utf8(values_.back().text, kReplacement);
  }
  void put_or_damaged(char32_t c) { c == kReplacement ? put_damaged() : put(c); }
  void mark_damaged() { values_.back().damaged = true; }
  void next_value() { values_.emplace_back(); }

 private:
  std::vector<Utf8Text>& values_;
};

/// The length of the well-formed UTF-8 character at the front of `bytes`; 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) -> unsigned { return i < bytes.size() ? byte_of(bytes[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

/// ISO IR 192, and (then always `damaged`) undeclared text that happens to be UTF-8.
void decode_utf8(std::string_view raw, Separators separators, bool declared, Collector& out) {
  while (!raw.empty()) {
    if (raw.front() == '\\' && separators.splits_values) {
      out.next_value();
      raw.remove_prefix(1);
      continue;
    }
    const auto length = utf8_length(raw);
    if (length == 0) {
      out.put_damaged();
      raw.remove_prefix(1);
      continue;
    }
    if (length > 1 && !declared) out.mark_damaged();
    for (std::size_t i = 0; i < length; ++i) out.put_ascii(raw[i]);
    raw.remove_prefix(length);
  }
}

/// GB18030 and GBK: a backslash can be the second byte of a character.
void decode_gb18030(std::string_view raw, Separators separators, Collector& out) {
  thread_local const Converter converter = open_converter("gb18030");
  while (!raw.empty()) {
    const unsigned first = byte_of(raw.front());
    if (first < 0x80) {
      if (raw.front() == '\\' && separators.splits_values) {
        out.next_value();
      } else {
        out.put_ascii(raw.front());
      }
      raw.remove_prefix(1);
      continue;
    }
    const unsigned second = raw.size() > 1 ? byte_of(raw[1]) : 0;
    const std::size_t length = second >= 0x30 && second <= 0x39 ? 4 : 2;
    const auto character = raw.size() >= length ? convert_one(converter.get(), raw.substr(0, length)) : std::nullopt;
    if (character) {
      out.put(*character);
      raw.remove_prefix(length);
    } else {
      out.put_damaged();
      raw.remove_prefix(1);
    }
  }
}

/// Text of single- and double-byte code elements with or without code extensions (ISO 2022; PS3.5 §6.1.2.5).
class ElementDecoder {
 public:
  ElementDecoder(Left left, Right right, Separators separators, Collector& out)
      : first_left_(left), first_right_(right), left_(left), right_(right), separators_(separators), out_(out) {}

  void decode(std::string_view raw) {
    while (!raw.empty()) {
      const char c = raw.front();
      if (c == kEscape) {
        if (const auto length = escape(raw)) {
          raw.remove_prefix(length);
        } else {
          out_.mark_damaged();  // an escape that nobody defined: kept as it is
          out_.put_ascii(c);
          raw.remove_prefix(1);
        }
        continue;
      }
      raw.remove_prefix(byte_of(c) < 0x80 ? left(raw) : right(raw));
    }
  }

 private:
  /// Obeys the escape sequence at the front of `raw`; its length, or 0 when it is unknown.
  std::size_t escape(std::string_view raw) {
    const auto is = [raw](std::string_view sequence) { return raw.substr(1, sequence.size()) == sequence; };
    if (is("(B")) return left_ = Left{}, 3;
    if (is("(J")) return left_ = Left{Left::Kind::kRomaji, nullptr}, 3;
    if (is("$B") || is("$@")) return left_ = Left{Left::Kind::kDouble, &jis_x_0208}, 3;
    if (is("$(D")) return left_ = Left{Left::Kind::kDouble, &jis_x_0212}, 4;
    if (is("$)C")) return right_ = Right{Right::Kind::kDouble, nullptr, &ks_x_1001}, 4;
    if (is("$)A")) return right_ = Right{Right::Kind::kDouble, nullptr, &gb_2312}, 4;
    if (is(")I")) return right_ = Right{Right::Kind::kSingle, right_half(13), nullptr}, 3;
    if (is("-") && raw.size() > 2) {
      for (const auto& set : kSingleByteSets) {
        if (set.final_byte == raw[2]) return right_ = Right{Right::Kind::kSingle, right_half(set.number), nullptr}, 3;
      }
    }
    return 0;
  }

  /// Reads one character of the left half; how many bytes it took.
  std::size_t left(std::string_view raw) {
    const char c = raw.front();
    // In a double-byte left half '\', '^' and '=' are halves of characters; senders must switch back before a delimiter
    // (PS3.5 §6.1.2.5.3). Control characters and spaces are none of it.
    if (left_.kind == Left::Kind::kDouble && byte_of(c) > 0x20 && byte_of(c) < 0x7F) {
      const unsigned second = raw.size() > 1 ? byte_of(raw[1]) : 0;
      if (second <= 0x20 || second >= 0x7F) return out_.put_damaged(), 1;
      const char32_t character = left_.set()[(byte_of(c) - 0x21U) * 94 + (second - 0x21U)];
      if (character == kReplacement) return out_.put_damaged(), out_.put_damaged(), 2;
      return out_.put(character), 2;
    }
    if (separators_.resets(c)) {
      left_ = first_left_;
      right_ = first_right_;
      if (c == '\\') return out_.next_value(), 1;
    }
    // JIS X 0201 has a yen sign and an overline where ASCII has a backslash and a tilde. A backslash that does not split
    // is shown as the yen that its author saw.
    if (left_.kind == Left::Kind::kRomaji && c == '\\') return out_.put(0x00A5), 1;
    if (left_.kind == Left::Kind::kRomaji && c == '~') return out_.put(0x203E), 1;
    return out_.put_ascii(c), 1;
  }

  std::size_t right(std::string_view raw) {
    const unsigned first = byte_of(raw.front());
    if (right_.kind == Right::Kind::kDouble) {
      const unsigned second = raw.size() > 1 ? byte_of(raw[1]) : 0;
      if (first < 0xA1 || first == 0xFF || second < 0xA1 || second == 0xFF) return out_.put_damaged(), 1;
      const char32_t character = right_.set()[(first - 0xA1) * 94 + (second - 0xA1)];
      if (character == kReplacement) return out_.put_damaged(), out_.put_damaged(), 2;
      return out_.put(character), 2;
    }
    if (right_.kind == Right::Kind::kNone || first < 0xA0) return out_.put_damaged(), 1;
    return out_.put_or_damaged((*right_.half)[first - 0xA0]), 1;
  }

  const Left first_left_;
  const Right first_right_;
  Left left_;
  Right right_;
  const Separators separators_;
  Collector& out_;
};

bool is_plain_ascii(std::string_view raw) {
  return std::all_of(raw.begin(), raw.end(), [](char c) { return byte_of(c) < 0x80 && c != kEscape; });
}

}  // namespace

CharacterSet::CharacterSet() {
  static const auto kDefault = std::make_shared<const Plan>();
  plan_ = kDefault;
}

CharacterSet::CharacterSet(std::string_view specific_character_set) {
  auto plan = std::make_shared<Plan>();
  bool is_first = true;
  for (std::string_view rest = specific_character_set;; is_first = false) {
    const auto end = rest.find('\\');
    const auto term = trim_spaces(rest.substr(0, end));
    const int number = set_number(term);
    const RightHalf* half = number > 0 ? right_half(number) : nullptr;
    const bool is_double = number == 87 || number == 159 || number == 149 || number == 58;
    if (is_first) {
      plan->declared = !term.empty();
      if (number == 192 || term == "UTF-8" || term == "UTF8") {
        plan->encoding = Plan::Encoding::kUtf8;
      } else if (term == "GB18030" || term == "GBK" || term == "GB2312") {
        plan->encoding = Plan::Encoding::kGb18030;
      } else if (half != nullptr) {
        plan->right = Right{Right::Kind::kSingle, half, nullptr};
        if (number == 13) plan->left = Left{Left::Kind::kRomaji, nullptr};
      } else if (number == 149) {  // not allowed as the first value, but seen
        plan->right = Right{Right::Kind::kDouble, nullptr, &ks_x_1001};
      } else if (number == 58) {
        plan->right = Right{Right::Kind::kDouble, nullptr, &gb_2312};
      } else if (!term.empty() && number != 6 && number != 87 && number != 159) {
        plan->unknown = true;
        plan->declared = false;
      }
    } else if (!term.empty() && half == nullptr && !is_double && number != 6 && number != 14) {
      plan->unknown = true;
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  plan_ = std::move(plan);
}

bool CharacterSet::unknown() const noexcept { return plan_->unknown; }

std::vector<Utf8Text> CharacterSet::to_utf8(std::string_view raw, Kind kind) const {
  while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\0')) raw.remove_suffix(1);
  const Separators separators{.splits_values = kind != Kind::kSingle, .is_name = kind == Kind::kPersonName};
  std::vector<Utf8Text> values;
  Collector out(values);
  const bool romaji = plan_->left.kind == Left::Kind::kRomaji;
  if (plan_->encoding == Plan::Encoding::kGb18030) {
    decode_gb18030(raw, separators, out);
  } else if (plan_->encoding == Plan::Encoding::kUtf8 || (is_plain_ascii(raw) && !romaji)) {
    decode_utf8(raw, separators, true, out);
  } else if (!plan_->declared && plan_->right.kind == Right::Kind::kNone && raw.find(kEscape) == std::string_view::npos) {
    decode_utf8(raw, separators, false, out);
  } else {
    ElementDecoder(plan_->left, plan_->right, separators, out).decode(raw);
  }
  for (auto& value : values) {
    const auto last = value.text.find_last_not_of(std::string_view(" \0", 2));
    value.text.erase(last == std::string::npos ? 0 : last + 1);
    if (kind != Kind::kSingle) value.text.erase(0, value.text.find_first_not_of(' '));
  }
  return values;
}

}  // namespace gantry::dicom

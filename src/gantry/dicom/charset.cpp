#include "gantry/dicom/charset.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "gantry/base/json_text.hpp"
#include "gantry/dicom/charset_tables.hpp"

namespace gantry::dicom {

namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char kEscape = 0x1B;

/// A code element (PS3.3 Tables C.12-2 to C.12-4): what an escape sequence puts into G0 (bytes below 128) or G1
/// (above).
struct CodeElement {
  std::string_view iso_ir;                ///< "100"; JIS X 0201 Romaji and Katakana are one term, "13"
  std::string_view escape;                ///< after ESC
  bool right = false;                     ///< goes into G1
  const HighTable& (*high)() = nullptr;   ///< single-byte sets of G1
  const PairTable& (*pairs)() = nullptr;  ///< multi-byte sets
  const PairTable& (*wider)() = nullptr;  ///< what senders take for the multi-byte set, for codes that it lacks
  bool romaji = false;
  bool katakana = false;
};

constexpr CodeElement kElements[] = {
    {.iso_ir = "6", .escape = "(B"},
    {.iso_ir = "13", .escape = "(J", .romaji = true},
    {.iso_ir = "13", .escape = ")I", .right = true, .katakana = true},
    {.iso_ir = "100", .escape = "-A", .right = true, .high = latin_1},
    {.iso_ir = "101", .escape = "-B", .right = true, .high = latin_2},
    {.iso_ir = "109", .escape = "-C", .right = true, .high = latin_3},
    {.iso_ir = "110", .escape = "-D", .right = true, .high = latin_4},
    {.iso_ir = "144", .escape = "-L", .right = true, .high = cyrillic},
    {.iso_ir = "127", .escape = "-G", .right = true, .high = arabic},
    {.iso_ir = "126", .escape = "-F", .right = true, .high = greek},
    {.iso_ir = "138", .escape = "-H", .right = true, .high = hebrew},
    {.iso_ir = "148", .escape = "-M", .right = true, .high = latin_5},
    {.iso_ir = "203", .escape = "-b", .right = true, .high = latin_9},
    {.iso_ir = "166", .escape = "-T", .right = true, .high = thai},
    {.iso_ir = "87", .escape = "$B", .pairs = jis_x_0208},
    {.iso_ir = "159", .escape = "$(D", .pairs = jis_x_0212},
    {.iso_ir = "149", .escape = "$)C", .right = true, .pairs = ks_x_1001, .wider = ks_x_1001},
    {.iso_ir = "58", .escape = "$)A", .right = true, .pairs = gb_2312, .wider = gbk},
};
constexpr const CodeElement* kAscii = &kElements[0];

/// Other names by which senders call a set, after normalising.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {
    {"ASCII", "6"},        {"USASCII", "6"},     {"LATIN1", "100"},   {"ISO88591", "100"},
    {"ISO88592", "101"},   {"ISO88593", "109"},  {"ISO88594", "110"}, {"ISO88595", "144"},
    {"ISO88596", "127"},   {"ISO88597", "126"},  {"ISO88598", "138"}, {"ISO88599", "148"},
    {"ISO885911", "166"},  {"ISO885915", "203"}, {"TIS620", "166"},   {"EUCKR", "149"},
    {"GB2312", "58"},      {"ISO202258", "58"},  {"UTF8", "192"},     {"ISO2022GB18030", "GB18030"},
    {"ISO2022GBK", "GBK"},
};

/// "ISO_IR 100", "ISO-IR 100", "ISO 2022 IR 100", "iso_ir_100" → "100"; "GB18030" stays, and so does what we don't
/// know.
std::string normalise_term(std::string_view term) {
  std::string letters;
  for (const char c : term) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      letters.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
    }
  }
  for (const auto& [name, meaning] : kSynonyms) {
    if (letters == name) return std::string(meaning);
  }
  for (const std::string_view prefix : {"ISO2022IR", "ISOIR"}) {
    if (letters.size() > prefix.size() && letters.compare(0, prefix.size(), prefix) == 0) {
      return letters.substr(prefix.size());
    }
  }
  return letters;
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<std::uint8_t>(c) < 0x80 && c != kEscape; });
}

std::string_view trimmed(std::string_view text, bool leading) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (leading && !text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

bool trims_leading(CharacterSet::Kind kind) noexcept {
  return kind == CharacterSet::Kind::kMulti || kind == CharacterSet::Kind::kPersonName;
}

/// JIS X 0208 as Shift-JIS shifts it: what some senders write where they promise JIS X 0201.
char32_t shift_jis(std::uint8_t lead, std::uint8_t trail) {
  const bool is_lead = (lead >= 0x81 && lead <= 0x9F) || (lead >= 0xE0 && lead <= 0xEF);
  if (!is_lead || trail < 0x40 || trail == 0x7F || trail > 0xFC) return 0;
  const unsigned row = (lead < 0xA0 ? lead - 0x81U : lead - 0xC1U) * 2 + (trail >= 0x9F ? 1 : 0);
  const unsigned cell = trail >= 0x9F ? trail - 0x9FU : trail - 0x40U - (trail > 0x7F ? 1 : 0);
  return jis_x_0208().at(static_cast<std::uint8_t>(0xA1 + row), static_cast<std::uint8_t>(0xA1 + cell));
}

/// What a Specific Character Set means, ready to be applied.
struct CodePlan {
  enum class Encoding : std::uint8_t { kIso2022, kUtf8, kGb18030 };

  explicit CodePlan(std::string_view specific_character_set);

  Encoding encoding = Encoding::kIso2022;
  bool unknown = false;
  const CodeElement* left = kAscii;          ///< G0 at the start of a value and after a delimiter
  const CodeElement* right = nullptr;        ///< G1 there
  const CodeElement* spare_right = nullptr;  ///< the first declared one, for senders that forget its escape sequence
  std::array<bool, std::size(kElements)> declared{};

 private:
  void add(const std::string& term, bool first);
};

CodePlan::CodePlan(std::string_view specific_character_set) {
  declared[0] = true;
  bool first = true;
  for (;;) {
    const std::size_t cut = specific_character_set.find('\\');
    add(normalise_term(specific_character_set.substr(0, cut)), first);
    if (cut == std::string_view::npos || encoding != Encoding::kIso2022) break;
    specific_character_set.remove_prefix(cut + 1);
    first = false;
  }
}

void CodePlan::add(const std::string& term, bool first) {
  if (term.empty()) return;
  if (term == "192" || term == "GB18030" || term == "GBK") {
    // These stand alone (PS3.5 §6.1.2.5.4 d); in a later value they have no meaning.
    if (first) encoding = term == "192" ? Encoding::kUtf8 : Encoding::kGb18030;
    unknown = unknown || !first;
    return;
  }
  bool found = false;
  for (std::size_t i = 0; i < std::size(kElements); ++i) {
    const CodeElement& element = kElements[i];
    if (element.iso_ir != term) continue;
    found = true;
    declared[i] = true;
    if (first && element.romaji) left = &element;
    if (first && element.right) right = &element;  // multi-byte sets, too, though they must not come first
    if (element.right && spare_right == nullptr) spare_right = &element;
  }
  unknown = unknown || !found;
}

/// Converts one raw value, byte by byte.
class Decoder {
 public:
  using Kind = CharacterSet::Kind;
  Decoder(std::string_view raw, Kind kind, std::vector<Utf8Text>& values) : rest_(raw), kind_(kind), values_(values) {}

 protected:
  [[nodiscard]] std::uint8_t byte(std::size_t i) const noexcept { return static_cast<std::uint8_t>(rest_[i]); }
  [[nodiscard]] bool has(std::size_t count) const noexcept { return rest_.size() >= count; }
  [[nodiscard]] bool splits(std::uint8_t c) const noexcept { return c == '\\' && kind_ != Kind::kSingle; }
  /// Whether the character sets of the start are active again from `c` on (PS3.5 §6.1.2.5.3).
  [[nodiscard]] bool resets(std::uint8_t c) const noexcept {
    return c == '\n' || c == '\r' || c == '\f' || c == '\t' || splits(c) ||
           (kind_ == Kind::kPersonName && (c == '^' || c == '='));
  }

  void put(char32_t c, std::size_t bytes) {
    append_utf8(current_.text, c);
    rest_.remove_prefix(bytes);
  }
  /// The UTF-8 character that is there, whose length has been checked.
  void put_utf8(std::size_t bytes) {
    current_.text.append(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
  }
  void put_damaged(std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) append_utf8(current_.text, kReplacement);
    current_.damaged = true;
    rest_.remove_prefix(bytes);
  }
  void flag() noexcept { current_.damaged = true; }

  void end_value() {
    const std::string_view text = trimmed(current_.text, trims_leading(kind_));
    if (text.size() != current_.text.size()) current_.text = std::string(text);
    values_.push_back(std::move(current_));
    current_ = {};
  }
  void split() {
    rest_.remove_prefix(1);
    end_value();
  }

  std::string_view rest_;

 private:
  Kind kind_;
  std::vector<Utf8Text>& values_;
  Utf8Text current_;
};

class Utf8Decoder : Decoder {
 public:
  using Decoder::Decoder;
  void run() {
    while (!rest_.empty()) {
      const std::uint8_t c = byte(0);
      if (splits(c)) {
        split();
      } else if (c < 0x80) {
        put(c, 1);
      } else if (const std::size_t length = utf8_length(rest_); length > 0) {
        put_utf8(length);
      } else {
        put_damaged(1);
      }
    }
    end_value();
  }
};

class Gb18030Decoder : Decoder {
 public:
  using Decoder::Decoder;
  void run() {
    while (!rest_.empty()) {
      const std::uint8_t c = byte(0);
      if (splits(c)) {
        split();
      } else if (c < 0x80) {
        put(c, 1);
      } else if (const char32_t four = has(4) ? gb18030_four(c, byte(1), byte(2), byte(3)) : 0; four != 0) {
        put(four, 4);
      } else if (const char32_t two = has(2) ? gbk().at(c, byte(1)) : 0; two != 0) {
        put(two, 2);
      } else {
        put_damaged(1);
      }
    }
    end_value();
  }
};

/// ISO 2022 with code extensions, or one single-byte set.
class Iso2022Decoder : Decoder {
 public:
  Iso2022Decoder(const CodePlan& plan, std::string_view raw, Kind kind, std::vector<Utf8Text>& values)
      : Decoder(raw, kind, values), plan_(plan), left_(plan.left), right_(plan.right) {}

  void run() {
    while (!rest_.empty()) {
      const std::uint8_t c = byte(0);
      if (c == kEscape) {
        escape();
      } else if (c < 0x21 || c == 0x7F) {
        if (resets(c)) reset();
        put(c, 1);
      } else if (c < 0x80) {
        left(c);
      } else {
        right(c);
      }
    }
    end_value();
  }

 private:
  void reset() noexcept {
    left_ = plan_.left;
    right_ = plan_.right;
  }

  void escape() {
    const std::string_view sequence = rest_.substr(1);
    for (std::size_t i = 0; i < std::size(kElements); ++i) {
      const CodeElement& element = kElements[i];
      if (sequence.substr(0, element.escape.size()) != element.escape) continue;
      (element.right ? right_ : left_) = &element;
      if (!plan_.declared[i]) flag();
      rest_.remove_prefix(1 + element.escape.size());
      return;
    }
    put_damaged(1);
  }

  void left(std::uint8_t c) {
    if (left_->pairs != nullptr) {
      const std::uint8_t trail = has(2) ? byte(1) : 0;
      const bool is_pair = trail > 0x20 && trail < 0x7F;
      const char32_t wide = is_pair ? left_->pairs().at(c | 0x80U, trail | 0x80U) : 0;
      if (wide != 0) return put(wide, 2);
      // A delimiter that came before the way back to single bytes.
      if (!resets(c)) return put_damaged(is_pair ? 2 : 1);
      flag();
    }
    if (resets(c)) reset();
    if (splits(c)) return split();
    if (left_->romaji && c == '\\') return put(0xA5, 1);
    if (left_->romaji && c == '~') return put(0x203E, 1);
    put(c, 1);
  }

  void right(std::uint8_t c) {
    if (right_ == nullptr) {
      flag();
      if (plan_.spare_right != nullptr) {
        right_ = plan_.spare_right;
      } else {
        return undeclared();
      }
    }
    if (right_->high != nullptr) {
      // C1 controls have no place in DICOM, yet they are characters (mostly, somebody meant Windows-1252).
      if (c < 0xA0) flag();
      const char32_t letter = right_->high().at(c);
      return letter == 0 ? put_damaged(1) : put(letter, 1);
    }
    if (right_->katakana) {
      if (c >= 0xA1 && c <= 0xDF) return put(0xFF61 + (c - 0xA1U), 1);
      const char32_t shifted = has(2) ? shift_jis(c, byte(1)) : 0;
      if (shifted == 0) return put_damaged(1);
      flag();
      return put(shifted, 2);
    }
    if (!has(2)) return put_damaged(1);
    if (c > 0xA0 && byte(1) > 0xA0) {
      if (const char32_t pair = right_->pairs().at(c, byte(1)); pair != 0) return put(pair, 2);
    }
    const char32_t wider = right_->wider().at(c, byte(1));
    if (wider == 0) return put_damaged(1);
    flag();
    put(wider, 2);
  }

  // Bytes above 127 where no set for them was named: mostly UTF-8, or else nobody knows.
  void undeclared() {
    std::size_t run = 0;
    while (run < rest_.size() && byte(run) >= 0x80) ++run;
    std::size_t valid = 0;
    while (valid < run) {
      const std::size_t length = utf8_length(rest_.substr(valid, run - valid));
      if (length == 0) return put_damaged(run);
      valid += length;
    }
    while (run > 0) {
      const std::size_t length = utf8_length(rest_);
      put_utf8(length);
      run -= length;
    }
  }

  const CodePlan& plan_;
  const CodeElement* left_;
  const CodeElement* right_;
};

void split_ascii(std::string_view raw, CharacterSet::Kind kind, std::vector<Utf8Text>& values) {
  const bool multi = kind != CharacterSet::Kind::kSingle;
  for (;;) {
    const std::size_t cut = multi ? raw.find('\\') : std::string_view::npos;
    values.push_back({std::string(trimmed(raw.substr(0, cut), trims_leading(kind))), false});
    if (cut == std::string_view::npos) return;
    raw.remove_prefix(cut + 1);
  }
}

}  // namespace

struct CharacterSet::Plan {
  CodePlan code;
};

CharacterSet::CharacterSet() {
  static const auto kDefault = std::make_shared<const Plan>(Plan{CodePlan({})});
  plan_ = kDefault;
}

CharacterSet::CharacterSet(std::string_view specific_character_set)
    : plan_(std::make_shared<const Plan>(Plan{CodePlan(specific_character_set)})) {}

bool CharacterSet::unknown() const noexcept { return plan_->code.unknown; }

std::vector<Utf8Text> CharacterSet::to_utf8(std::string_view raw, Kind kind) const {
  std::vector<Utf8Text> values;
  const CodePlan& code = plan_->code;
  if (code.left == kAscii && is_ascii(raw)) {
    split_ascii(raw, kind, values);
    return values;
  }
  switch (code.encoding) {
    case CodePlan::Encoding::kUtf8: Utf8Decoder(raw, kind, values).run(); break;
    case CodePlan::Encoding::kGb18030: Gb18030Decoder(raw, kind, values).run(); break;
    case CodePlan::Encoding::kIso2022: Iso2022Decoder(code, raw, kind, values).run(); break;
  }
  return values;
}

bool obeys_character_set(Vr vr) noexcept {
  switch (vr) {
    case Vr::kLO:
    case Vr::kLT:
    case Vr::kPN:
    case Vr::kSH:
    case Vr::kST:
    case Vr::kUC:
    case Vr::kUT: return true;
    default: return false;
  }
}

}  // namespace gantry::dicom

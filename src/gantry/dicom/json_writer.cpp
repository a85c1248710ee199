#include "gantry/dicom/json_writer.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "gantry/base/json_text.hpp"

namespace gantry::dicom {

namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";
constexpr std::size_t kDigitsMax = 17;        // what a double can carry at all
constexpr std::size_t kDigitsSafe = 15;       // what a double always carries
constexpr std::size_t kIntegerChars = 18;     // more may not fit 64 bits, and parsers refuse them
constexpr std::uint64_t kExact = 1ULL << 53;  // integers up to here are exact in a double

template <class T>
T number_at(const char* bytes, bool big_endian) noexcept {
  std::array<char, sizeof(T)> ordered{};
  for (std::size_t i = 0; i < sizeof(T); ++i) ordered[i] = bytes[big_endian ? sizeof(T) - 1 - i : i];
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, ordered.data(), sizeof value);
  return value;
}

template <class T>
void append_number(std::string& out, T value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

// Whole numbers beyond 64 bits are JSON, but parsers refuse them: those get an exponent.
template <class T>
void append_float(std::string& out, T value) {
  if (std::abs(value) < static_cast<T>(kExact)) {
    append_number(out, value);
    return;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  out.append(text, end);
}

template <class T>
bool append_all(std::string& out, std::string_view bytes, bool big_endian) {
  const std::size_t start = out.size();
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    const T value = number_at<T>(bytes.data() + at, big_endian);
    if (at > 0) out.push_back(',');
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) {
        out.resize(start);
        return false;
      }
      append_float(out, value);
    } else if constexpr (sizeof(T) == 8) {
      const bool exact = value <= static_cast<T>(kExact) && (std::is_unsigned_v<T> || value >= -static_cast<T>(kExact));
      if (!exact) out.push_back('"');
      append_number(out, value);
      if (!exact) out.push_back('"');
    } else {
      append_number(out, value);
    }
  }
  return true;
}

void append_tags(std::string& out, std::string_view bytes, bool big_endian) {
  for (std::size_t at = 0; at < bytes.size(); at += 4) {
    if (at > 0) out.push_back(',');
    out.push_back('"');
    append_hex8(out, {number_at<std::uint16_t>(bytes.data() + at, big_endian),
                      number_at<std::uint16_t>(bytes.data() + at + 2, big_endian)});
    out.push_back('"');
  }
}

std::string_view trim_spaces(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// Component groups (PS3.5 §6.2.1.1). What a broken name has beyond the third '=' stays with the third.
void append_person_name(std::string& out, std::string_view name) {
  static constexpr std::array<std::string_view, 3> kGroups = {"Alphabetic", "Ideographic", "Phonetic"};
  bool first = true;
  const std::size_t start = out.size();
  out.push_back('{');
  for (std::size_t i = 0; i < kGroups.size(); ++i) {
    const std::size_t equals = i + 1 < kGroups.size() ? name.find('=') : std::string_view::npos;
    const std::string_view group = trim_spaces(name.substr(0, equals));
    if (!group.empty()) {
      if (!first) out.push_back(',');
      first = false;
      append_json_string(out, kGroups[i]);
      out.push_back(':');
      append_json_string(out, group);
    }
    if (equals == std::string_view::npos) break;
    name.remove_prefix(equals + 1);
  }
  if (first) {
    out.resize(start);
    out.append("null");
    return;
  }
  out.push_back('}');
}

// Position behind the digits that begin at `at`.
std::size_t skip_digits(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}

// JSON's grammar for numbers (RFC 8259 §6).
bool is_json_number(std::string_view text) noexcept {
  std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const std::size_t integer = at;
  at = skip_digits(text, at);
  if (at == integer || (text[integer] == '0' && at > integer + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const std::size_t fraction = ++at;
    at = skip_digits(text, at);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = at;
    at = skip_digits(text, at);
    if (at == exponent) return false;
  }
  return at == text.size();
}

// The digits that carry the value, at most kDigitsMax + 1 of them: without sign, point, exponent, zeros at either end.
std::size_t significant_digits(std::string_view text, std::array<char, kDigitsMax + 1>& digits) noexcept {
  std::size_t count = 0;
  std::size_t zeros = 0;
  for (const char c : text) {
    if (c == 'e' || c == 'E') break;
    if (c < '0' || c > '9') continue;
    if (c == '0') {
      if (count > 0) ++zeros;
      continue;
    }
    for (; zeros > 0 && count < digits.size(); --zeros) digits[count++] = '0';
    zeros = 0;
    if (count >= digits.size()) return digits.size();
    digits[count++] = c;
  }
  return count;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = (group << 8) | (i < have ? static_cast<std::uint8_t>(bytes[at + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) out.push_back(i <= have ? kAlphabet[(group >> (18 - 6 * i)) & 63] : '=');
  }
}

void append_hex8(std::string& out, Tag tag) {
  char text[8];
  for (unsigned i = 0; i < 8; ++i) text[i] = kHexDigits[(tag.value() >> (28 - 4 * i)) & 15];
  out.append(text, sizeof text);
}

bool survives_as_json_number(std::string_view text) noexcept {
  if (!is_json_number(text)) return false;
  if (text.size() > kIntegerChars && text.find_first_of(".eE") == std::string_view::npos) return false;
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || !std::isfinite(value)) return false;
  std::array<char, kDigitsMax + 1> wanted{};
  const std::size_t count = significant_digits(text, wanted);
  if (count <= kDigitsSafe) return count == 0 || std::abs(value) >= 1e-300;
  if (count > kDigitsMax) return false;
  char printed[40];
  const auto end = std::to_chars(printed, printed + sizeof printed, value, std::chars_format::scientific,
                                 static_cast<int>(count) - 1)
                       .ptr;
  std::array<char, kDigitsMax + 1> got{};
  const std::size_t got_count = significant_digits({printed, static_cast<std::size_t>(end - printed)}, got);
  return got_count == count && std::string_view(got.data(), count) == std::string_view(wanted.data(), count);
}

void append_text_items(std::string& out, Vr vr, std::span<const std::string_view> values) {
  bool first = true;
  for (const std::string_view value : values) {
    if (!first) out.push_back(',');
    first = false;
    if (value.empty()) {
      out.append("null");
    } else if (vr == Vr::kPN) {
      append_person_name(out, value);
    } else if ((vr == Vr::kIS || vr == Vr::kDS) && survives_as_json_number(value)) {
      out.append(value);
    } else {
      append_json_string(out, value);
    }
  }
}

bool append_number_items(std::string& out, Vr vr, std::string_view bytes, bool big_endian) {
  switch (vr) {
    case Vr::kUS: return append_all<std::uint16_t>(out, bytes, big_endian);
    case Vr::kSS: return append_all<std::int16_t>(out, bytes, big_endian);
    case Vr::kUL: return append_all<std::uint32_t>(out, bytes, big_endian);
    case Vr::kSL: return append_all<std::int32_t>(out, bytes, big_endian);
    case Vr::kUV: return append_all<std::uint64_t>(out, bytes, big_endian);
    case Vr::kSV: return append_all<std::int64_t>(out, bytes, big_endian);
    case Vr::kFL: return append_all<float>(out, bytes, big_endian);
    case Vr::kFD: return append_all<double>(out, bytes, big_endian);
    default: append_tags(out, bytes, big_endian); return true;
  }
}

void append_binary(std::string& out, Vr vr, std::string_view bytes, bool big_endian) {
  const std::size_t word = facts(vr).word_bytes;
  if (!big_endian || word == 1) {
    append_base64(out, bytes);
    return;
  }
  std::string swapped(bytes);
  for (std::size_t at = 0; at + word <= swapped.size(); at += word) {
    for (std::size_t i = 0; i < word / 2; ++i) std::swap(swapped[at + i], swapped[at + word - 1 - i]);
  }
  append_base64(out, swapped);
}

}  // namespace gantry::dicom

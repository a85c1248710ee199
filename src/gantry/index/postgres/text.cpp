#include "gantry/index/postgres/text.hpp"

#include <algorithm>

namespace gantry::index::postgres {
namespace {

constexpr std::string_view kNul = "\xEF\xB7\x90";   // U+FDD0
constexpr std::string_view kByte = "\xEF\xB7\x91";  // U+FDD1

/// Bytes of the valid UTF-8 character at the beginning of `text` (not empty); 0 when there is none.
std::size_t valid_character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned from = 0x80, unsigned to = 0xBF) {
    return i < text.size() && byte(i) >= from && byte(i) <= to;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    // No overlong forms, no surrogates.
    const bool second = follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
    return second && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  const bool second = follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
  return second && follows(2) && follows(3) ? 4 : 0;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

void append_encoded(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
  if (plain) {
    out += text;
    return;
  }
  while (!text.empty()) {
    const std::size_t length = valid_character(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (character.front() == '\0') {
      out += kNul;
    } else if (length == 0 || character == kNul || character == kByte) {
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        out.append(kByte).append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      }
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
}

bool is_encoded(std::string_view stored) noexcept { return stored.find("\xEF\xB7") != std::string_view::npos; }

std::string decoded(std::string_view stored) {
  std::string text;
  while (!stored.empty()) {
    if (stored.starts_with(kNul)) {
      text += '\0';
      stored.remove_prefix(kNul.size());
    } else if (stored.starts_with(kByte) && stored.size() >= 5 && digit_of(stored[3]) >= 0 &&
               digit_of(stored[4]) >= 0) {
      text += static_cast<char>(digit_of(stored[3]) << 4 | digit_of(stored[4]));
      stored.remove_prefix(5);
    } else {
      text += stored.front();
      stored.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace gantry::index::postgres

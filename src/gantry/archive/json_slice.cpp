#include "gantry/archive/json_slice.hpp"

#include <cstdint>

namespace gantry::archive::json {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

/// After the closing quote of the string that begins at `at`.
std::size_t string_end(std::string_view text, std::size_t at) noexcept {
  std::size_t i = at + 1;
  while (i < text.size()) {
    i = text.find_first_of("\"\\", i);
    if (i == kNone) return kNone;
    if (text[i] == '"') return i + 1;
    i += 2;  // past the escaped character, whatever it is
  }
  return kNone;
}

std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) noexcept {
  if (at + 4 > text.size()) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Resolves the \uXXXX (or pair of them) whose digits begin at `at`; gives the position after it.
std::size_t append_unicode_escape(std::string& out, std::string_view text, std::size_t at) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  const auto high = hex4(text, at);
  if (!high) {
    append_utf8(out, kReplacement);
    return at;
  }
  at += 4;
  if (*high < 0xD800 || *high > 0xDFFF) {
    append_utf8(out, *high);
    return at;
  }
  const bool pair = *high < 0xDC00 && text.substr(at, 2) == "\\u";
  const auto low = pair ? hex4(text, at + 2) : std::nullopt;
  if (!low || *low < 0xDC00 || *low > 0xDFFF) {
    append_utf8(out, kReplacement);
    return at;
  }
  append_utf8(out, 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00));
  return at + 6;
}

}  // namespace

std::size_t value_end(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size()) return kNone;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] != '{' && text[at] != '[') {
    const std::size_t end = text.find_first_of(",]} \n\r\t", at);
    return end == at ? kNone : end == kNone ? text.size() : end;
  }
  std::size_t depth = 0;
  while (at < text.size()) {
    at = text.find_first_of("\"{}[]", at);
    if (at == kNone) return kNone;
    if (text[at] == '"') {
      at = string_end(text, at);
      if (at == kNone) return kNone;
      continue;
    }
    if (text[at] == '{' || text[at] == '[') {
      ++depth;
    } else if (--depth == 0) {
      return at + 1;
    }
    ++at;
  }
  return kNone;
}

std::string text_of(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string out;
  out.reserve(value.size());
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t escape = value.find('\\', at);
    out.append(value.substr(at, escape == kNone ? kNone : escape - at));
    if (escape == kNone || escape + 1 >= value.size()) break;
    const char what = value[escape + 1];
    at = escape + 2;
    switch (what) {
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'u': at = append_unicode_escape(out, value, at); break;
      default: out += what;
    }
  }
  return out;
}

Walker::Walker(std::string_view value) noexcept : text_(value) {
  at_ = skip_space(text_, 0);
  if (at_ >= text_.size() || (text_[at_] != '{' && text_[at_] != '[')) {
    damaged_ = done_ = true;
    return;
  }
  object_ = text_[at_] == '{';
  ++at_;
}

bool Walker::next() noexcept {
  if (done_ || damaged_) return false;
  at_ = skip_space(text_, at_);
  if (at_ >= text_.size()) return fail();
  if (text_[at_] == (object_ ? '}' : ']')) {
    done_ = true;
    return false;
  }
  if (!first_) {
    if (text_[at_] != ',') return fail();
    at_ = skip_space(text_, at_ + 1);
  }
  first_ = false;
  if (object_) {
    if (at_ >= text_.size() || text_[at_] != '"') return fail();
    const std::size_t end = string_end(text_, at_);
    if (end == kNone) return fail();
    key_ = text_.substr(at_ + 1, end - at_ - 2);
    at_ = skip_space(text_, end);
    if (at_ >= text_.size() || text_[at_] != ':') return fail();
    at_ = skip_space(text_, at_ + 1);
  }
  const std::size_t end = value_end(text_, at_);
  if (end == kNone) return fail();
  value_ = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

std::optional<std::string_view> member(std::string_view object, std::string_view key) noexcept {
  Walker walker(object);
  while (walker.next()) {
    if (walker.key() == key) return walker.value();
  }
  return std::nullopt;
}

}  // namespace gantry::archive::json

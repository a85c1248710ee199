#include "gantry/index/mysql/literal.hpp"

#include <cassert>

namespace gantry::index::mysql {
namespace {

constexpr char kOpen = '\x01', kClose = '\x02';

void append_value(std::string& out, const sql::Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    out += std::to_string(*number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out += literal(*text);
  } else {
    // Lists and rows are written by the dialect, never bound.
    const auto* time = std::get_if<Timestamp>(&value);
    assert(time != nullptr);
    out += std::to_string(sql::micros(*time));
  }
}

}  // namespace

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const std::size_t begin = out.size();
  out.resize(begin + 2 * bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out[begin + 2 * i] = kHex[byte >> 4];
    out[begin + 2 * i + 1] = kHex[byte & 15];
  }
}

std::string literal(std::string_view bytes) {
  std::string text = "X'";
  append_hex(text, bytes);
  return text += '\'';
}

void append_literal(std::string& out, const sql::Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) {
    out += std::to_string(*number);
    return;
  }
  out += "X'";
  append_hex(out, std::get<std::string>(cell));
  out += '\'';
}

std::string placeholder(std::size_t n) { return kOpen + std::to_string(n) + kClose; }

std::string rendered(const sql::Text& statement) {
  const std::string_view text = statement.text();
  std::string out;
  out.reserve(text.size() + 32 * statement.values().size());
  std::size_t at = 0;
  for (auto open = text.find(kOpen); open != std::string_view::npos; open = text.find(kOpen, at)) {
    out.append(text, at, open - at);
    const auto close = text.find(kClose, open);
    std::size_t n = 0;
    for (const char digit : text.substr(open + 1, close - open - 1)) n = n * 10 + static_cast<std::size_t>(digit - '0');
    append_value(out, statement.values()[n - 1]);
    at = close + 1;
  }
  return out.append(text, at);
}

}  // namespace gantry::index::mysql

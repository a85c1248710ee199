#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "gantry/base/json_text.hpp"
#include "gantry/observe/log.hpp"

namespace gantry::observe {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr char kHex[] = "0123456789abcdef";

/// The inside of a JSON string (RFC 8259 §7). C1 controls and line separators are escaped, too: some terminals and
/// readers of lines take them for more than text.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const auto character = text.substr(0, length);
    const auto byte = static_cast<unsigned char>(character[0]);
    if (character == "\"" || character == "\\") {
      out += '\\';
      out += character;
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else if (byte == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(character[1]) >> 4];
      out += kHex[static_cast<unsigned char>(character[1]) & 15];
    } else if (character == "\xE2\x80\xA8") {
      out += "\\u2028";
    } else if (character == "\xE2\x80\xA9") {
      out += "\\u2029";
    } else {
      out += character;
    }
    text.remove_prefix(length);
  }
}

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  static_cast<void>(error);  // 32 characters hold every 64-bit integer and every shortest double
  out.append(digits, end);
}

void append_json_value(std::string& out, const Field::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    out += '"';
    append_escaped(out, *text);
    out += '"';
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    append_number(out, *integer);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value)) {
    append_number(out, *natural);
  } else if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) {
      append_number(out, *real);
    } else {
      out += "null";  // JSON has no other word for it
    }
  }
}

/// Text is quoted when it is empty or when a space, a quote or an '=' would make it ambiguous.
void append_text_value(std::string& out, const Field::Value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return append_json_value(out, value);
  if (text->empty() || text->find_first_of(" \"=\\") != std::string_view::npos) return append_json_value(out, value);
  append_escaped(out, *text);
}

void append_padded(std::string& out, long number, int digits) {
  char text[16];
  out.append(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, "%0*ld", digits, number)));
}

std::tm split_time(std::int64_t time_us, long& milliseconds) {
  const std::int64_t seconds = time_us / 1'000'000 - (time_us % 1'000'000 < 0 ? 1 : 0);
  milliseconds = static_cast<long>((time_us - seconds * 1'000'000) / 1000);
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

void append_clock(std::string& out, const std::tm& parts, long milliseconds) {
  append_padded(out, parts.tm_hour, 2);
  out += ':';
  append_padded(out, parts.tm_min, 2);
  out += ':';
  append_padded(out, parts.tm_sec, 2);
  out += '.';
  append_padded(out, milliseconds, 3);
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: return "off";
  }
  return "error";
}

std::optional<LogLevel> log_level(std::string_view name) noexcept {
  for (const auto level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kOff}) {
    if (to_string(level) == name) return level;
  }
  return std::nullopt;
}

std::optional<LogFormat> log_format(std::string_view name) noexcept {
  if (name == "auto") return LogFormat::kAuto;
  if (name == "json") return LogFormat::kJson;
  if (name == "text") return LogFormat::kText;
  return std::nullopt;
}

void append_json_line(std::string& out, std::int64_t time_us, LogLevel level, std::string_view message,
                      std::span<const Field> fields) {
  long milliseconds = 0;
  const std::tm parts = split_time(time_us, milliseconds);
  out += "{\"time\":\"";
  append_padded(out, parts.tm_year + 1900L, 4);
  out += '-';
  append_padded(out, parts.tm_mon + 1, 2);
  out += '-';
  append_padded(out, parts.tm_mday, 2);
  out += 'T';
  append_clock(out, parts, milliseconds);
  out += "Z\",\"level\":\"";
  out += to_string(level);
  out += "\",\"message\":\"";
  append_escaped(out, message);
  out += '"';
  for (const Field& field : fields) {
    out += ",\"";
    append_escaped(out, field.name());
    out += "\":";
    append_json_value(out, field.value());
  }
  out += '}';
}

void append_text_line(std::string& out, std::int64_t time_us, LogLevel level, std::string_view message,
                      std::span<const Field> fields) {
  long milliseconds = 0;
  const std::tm parts = split_time(time_us, milliseconds);
  append_clock(out, parts, milliseconds);
  switch (level) {
    case LogLevel::kDebug: out += " DEBUG "; break;
    case LogLevel::kInfo: out += " INFO  "; break;
    case LogLevel::kWarn: out += " WARN  "; break;
    case LogLevel::kError:
    case LogLevel::kOff: out += " ERROR "; break;
  }
  append_escaped(out, message);
  for (const Field& field : fields) {
    out += ' ';
    append_escaped(out, field.name());
    out += '=';
    append_text_value(out, field.value());
  }
}

}  // namespace gantry::observe

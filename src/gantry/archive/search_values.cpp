#include "gantry/archive/search_values.hpp"

#include <algorithm>
#include <functional>

namespace gantry::archive {
namespace {

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

bool is_calendar_day(std::string_view yyyymmdd) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int year = number(yyyymmdd.substr(0, 4));
  const int month = number(yyyymmdd.substr(4, 2));
  const int day = number(yyyymmdd.substr(6, 2));
  if (month < 1 || month > 12 || day < 1) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

/// Fills what the text leaves open with its first or its last instant.
enum class Fill { kFirst, kLast };

std::optional<std::string> full_time(std::string_view text, Fill fill) {
  std::string digits;
  for (const char c : text.substr(0, text.find('.'))) {
    if (c != ':') digits += c;
  }
  std::string_view fraction;
  if (const auto dot = text.find('.'); dot != std::string_view::npos) {
    fraction = text.substr(dot + 1);
    if (digits.size() != 6 || fraction.empty() || fraction.size() > 6) return std::nullopt;
  }
  if (!all_digits(digits) || !all_digits(fraction)) return std::nullopt;
  if (digits.size() != 2 && digits.size() != 4 && digits.size() != 6) return std::nullopt;
  const bool last = fill == Fill::kLast;
  while (digits.size() < 6) digits += last ? "59" : "00";
  // 60 is a leap second (PS3.5 §6.2).
  if (number(std::string_view(digits).substr(0, 2)) > 23 || number(std::string_view(digits).substr(2, 2)) > 59 ||
      number(std::string_view(digits).substr(4, 2)) > 60) {
    return std::nullopt;
  }
  std::string full = digits + '.' + std::string(fraction);
  full.resize(13, last ? '9' : '0');
  return full;
}

std::optional<std::string> full_date_time(std::string_view text, Fill fill) {
  // The offset from UTC is a sign and four digits at the end. A minus there is a range's to tell before.
  const auto sign = text.find_first_of("+-");
  text = text.substr(0, sign);
  const std::string_view digits = text.substr(0, text.find('.'));
  if (!all_digits(digits) || digits.size() < 4 || digits.size() > 14 || digits.size() % 2 != 0) return std::nullopt;
  const bool last = fill == Fill::kLast;
  std::string date(digits.substr(0, 8));
  if (date.size() == 4) date += last ? "12" : "01";
  if (date.size() == 6) {
    date += "01";
    if (!is_calendar_day(date)) return std::nullopt;
    if (last) {
      date.replace(6, 2, "31");
      while (!is_calendar_day(date))
        date.replace(6, 2, std::to_string(number(std::string_view(date).substr(6, 2)) - 1));
    }
  }
  if (!is_calendar_day(date)) return std::nullopt;
  std::string time(digits.size() > 8 ? text.substr(8) : std::string_view());
  if (time.empty()) return date + (last ? "235959.999999" : "000000.000000");
  const auto full = full_time(time, fill);
  return full ? std::optional(date + *full) : std::nullopt;
}

std::optional<std::string> full_date(std::string_view text, Fill) { return comparable_date(text); }

using ParseEnd = std::optional<std::string> (*)(std::string_view, Fill);

Result<ValueRange> parse_range(std::string_view value, const char* what, ParseEnd parse) {
  const auto refuse = [&] { return Error::invalid("'" + std::string(value.substr(0, 64)) + "' is no " + what); };
  if (value.find_first_of("*?") != std::string_view::npos) return refuse();
  const auto dash = value.find('-');
  if (dash == std::string_view::npos) {
    auto from = parse(value, Fill::kFirst);
    auto to = parse(value, Fill::kLast);
    if (!from || !to) return refuse();
    return ValueRange{*std::move(from), *std::move(to)};
  }
  const auto left = trimmed(value.substr(0, dash));
  const auto right = trimmed(value.substr(dash + 1));
  if (left.empty() && right.empty()) return refuse();
  ValueRange range;
  if (!left.empty()) {
    auto from = parse(left, Fill::kFirst);
    if (!from) return refuse();
    range.from = *std::move(from);
  }
  if (!right.empty()) {
    auto to = parse(right, Fill::kLast);
    if (!to) return refuse();
    range.to = *std::move(to);
  }
  if (!range.from.empty() && !range.to.empty() && range.from > range.to) {
    return Error::invalid("the range '" + std::string(value) + "' ends before it begins");
  }
  return range;
}

}  // namespace

std::string_view trimmed(std::string_view value) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  return value;
}

std::vector<std::string> split_list(std::string_view value, std::string_view separators) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = value.find_first_of(separators);
    if (const auto part = trimmed(value.substr(0, end)); !part.empty()) parts.emplace_back(part);
    if (end == std::string_view::npos) return parts;
    value.remove_prefix(end + 1);
  }
}

std::optional<std::string> comparable_date(std::string_view value) {
  std::string digits;
  if (value.size() == 10 && value[4] == '.' && value[7] == '.') {
    digits = std::string(value.substr(0, 4)) + std::string(value.substr(5, 2)) + std::string(value.substr(8, 2));
  } else {
    digits = value;
  }
  if (digits.size() != 8 || !all_digits(digits) || !is_calendar_day(digits)) return std::nullopt;
  return digits;
}

std::optional<std::string> comparable_time(std::string_view value) { return full_time(value, Fill::kFirst); }

std::optional<std::string> comparable_date_time(std::string_view value) { return full_date_time(value, Fill::kFirst); }

bool is_within(const std::string& comparable, const ValueRange& range) {
  return (range.from.empty() || comparable >= range.from) && (range.to.empty() || comparable <= range.to);
}

Result<ValueRange> parse_date_range(std::string_view value) {
  return parse_range(value, "date or range of dates (YYYYMMDD, YYYYMMDD-, -YYYYMMDD, YYYYMMDD-YYYYMMDD)", full_date);
}

Result<ValueRange> parse_time_range(std::string_view value) {
  return parse_range(value,
                     "time or range of times (HH, HHMM, HHMMSS or HHMMSS.FFFFFF, with '-' before, after or between)",
                     full_time);
}

Result<ValueRange> parse_date_time_range(std::string_view value) {
  return parse_range(value, "date and time or range of them (YYYYMMDDHHMMSS.FFFFFF, shortened from the right)",
                     full_date_time);
}

}  // namespace gantry::archive

#include "gantry/archive/time_zone.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "gantry/index/fields.hpp"
#include "gantry/index/matching.hpp"

namespace gantry::archive {
namespace {

using index::Field;
using index::Match;

/// What the clock of the place showed. Births are days on a calendar and have no zone.
constexpr std::array<std::pair<Field, Field>, 4> kClocks = {{
    {Field::kStudyDate, Field::kStudyTime},
    {Field::kSeriesDate, Field::kSeriesTime},
    {Field::kContentDate, Field::kContentTime},
    {Field::kPerformedProcedureStepStartDate, Field::kPerformedProcedureStepStartTime},
}};

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::chrono::sys_days day_of(std::string_view key) {
  return std::chrono::sys_days(std::chrono::year(number(key.substr(0, 4))) /
                               std::chrono::month(static_cast<unsigned>(number(key.substr(4, 2)))) /
                               std::chrono::day(static_cast<unsigned>(number(key.substr(6, 2)))));
}

std::string to_key(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

/// The keys of a date and a time some minutes later.
std::pair<std::string, std::string> shifted(const std::string& date, const std::string& time, int minutes) {
  constexpr int kDay = 24 * 60;
  int minute = number(std::string_view(time).substr(0, 2)) * 60 + number(std::string_view(time).substr(2, 2)) + minutes;
  int days = minute / kDay;
  minute %= kDay;
  if (minute < 0) minute += kDay, --days;
  std::array<char, 8> clock{};
  std::snprintf(clock.data(), clock.size(), "%02d%02d", minute / 60, minute % 60);
  return {to_key(day_of(date) + std::chrono::days(days)), clock.data() + time.substr(4)};
}

/// A day further than any two zones are apart.
std::string days_off(const std::string& date, int days) {
  const std::string key = index::date_key(date);
  return key.empty() ? key : to_key(day_of(key) + std::chrono::days(days));
}

bool is_clock(const Match& match) {
  const bool time_of_day = match.kind == Match::Kind::kRange || match.kind == Match::Kind::kDateTimeRange;
  return time_of_day && std::any_of(kClocks.begin(), kClocks.end(), [&](const auto& clock) {
           return match.field == clock.first || match.field == clock.second;
         });
}

std::string value_of(const index::SearchRow& row, Field field) {
  const auto& traits = index::traits_of(field);
  if (traits.level == index::Level::kStudy) return row.study.attributes.*traits.member;
  if (traits.level == index::Level::kSeries) return row.series ? row.series->attributes.*traits.member : std::string();
  return row.instance ? row.instance->attributes.*traits.member : std::string();
}

}  // namespace

std::optional<int> parse_zone(std::string_view text) {
  const bool west = text.starts_with('-');
  if (west || text.starts_with('+')) text.remove_prefix(1);
  if (text.size() != 4 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const int hours = number(text.substr(0, 2)), minutes = number(text.substr(2));
  const int offset = hours * 60 + minutes;
  if (minutes > 59 || offset > (west ? 12 : 14) * 60) return std::nullopt;
  return west ? -offset : offset;
}

ZonedMatches::ZonedMatches(int minutes, index::SearchQuery& query) : minutes_(minutes) {
  std::vector<Match> kept;
  for (Match& match : query.matches) {
    if (!is_clock(match)) {
      kept.push_back(std::move(match));
      continue;
    }
    if (index::traits_of(match.field).kind == index::FieldKind::kDate) {
      const std::string& to = match.values[match.kind == Match::Kind::kRange ? 1 : 2];
      kept.push_back({match.field, Match::Kind::kRange, {days_off(match.values[0], -2), days_off(to, 2)}, {}});
    }
    matches_.push_back(std::move(match));
  }
  query.matches = std::move(kept);
}

bool ZonedMatches::hold(const index::SearchRow& row) const {
  const auto zone = parse_zone(row.study.attributes.timezone_offset);
  const int minutes = zone ? minutes_ - *zone : 0;
  const index::ValueOf as_asked = [&](Field field) {
    const std::string value = value_of(row, field);
    for (const auto& [date_field, time_field] : kClocks) {
      if (field != date_field && field != time_field) continue;
      const std::string date = index::date_key(value_of(row, date_field));
      const std::string time = index::time_key(value_of(row, time_field));
      if (minutes == 0 || date.empty() || time.empty()) return value;
      auto [day, clock] = shifted(date, time, minutes);
      return field == date_field ? day : clock;
    }
    return value;
  };
  return std::all_of(matches_.begin(), matches_.end(),
                     [&](const Match& match) { return index::Matcher(match).matches(as_asked); });
}

}  // namespace gantry::archive

#include "gantry/index/matching.hpp"

#include <algorithm>
#include <tuple>

#include "gantry/index/fold.hpp"

namespace gantry::index {
namespace {

using Kind = Match::Kind;

bool equals(FieldKind kind, const std::string& wanted, const std::string& value) {
  if (kind == FieldKind::kDate && !date_key(wanted).empty()) return date_key(wanted) == date_key(value);
  if (kind == FieldKind::kTime && !time_key(wanted).empty()) return time_key(wanted) == time_key(value);
  if (kind == FieldKind::kNumber && number_key(wanted) != kNoNumber) return number_key(wanted) == number_key(value);
  return wanted == value;
}

bool in_range(const Match& match, FieldKind kind, const std::string& value) {
  const std::string key = kind == FieldKind::kDate ? date_key(value) : time_key(value);
  const KeyRange range = key_range(match);
  return !key.empty() && (range.from.empty() || range.from <= key) && (range.to.empty() || key <= range.to);
}

/// A row without a time is there all day.
bool in_date_time_range(const Match& match, const std::string& date, const std::string& time) {
  const std::string day = date_key(date);
  if (day.empty()) return false;
  const std::string at = time_key(time);
  const std::string earliest = day + (at.empty() ? time_key("00") : at);
  const std::string latest = day + (at.empty() ? time_key_upper("23") : at);
  const auto& [from_date, from_time, to_date, to_time] =
      std::tie(match.values[0], match.values[1], match.values[2], match.values[3]);
  if (!from_date.empty() && latest < date_key(from_date) + time_key(from_time.empty() ? "00" : from_time)) return false;
  return to_date.empty() || earliest <= date_key(to_date) + time_key_upper(to_time.empty() ? "23" : to_time);
}

}  // namespace

Matcher::Matcher(const Match& match) : match_(&match) {
  if (match.kind == Kind::kFolded) folded_.emplace(match.values[0]);
  if (match.kind == Kind::kFuzzyName) fuzzy_.emplace(match.values[0]);
  if (match.kind == Kind::kName) name_.emplace(match.values[0]);
}

bool Matcher::matches(const ValueOf& value_of) const {
  const Match& match = *match_;
  const FieldTraits& field = traits_of(match.field);
  const std::string whole = value_of(match.field);
  switch (match.kind) {
    case Kind::kEmpty: return whole.empty();
    case Kind::kName: return name_->matches(search_name(whole));
    case Kind::kFuzzyName: return fuzzy_->matches(search_name(whole));
    case Kind::kFolded: return folded_->matches(search_text(whole));
    case Kind::kRange: return in_range(match, field.kind, whole);
    case Kind::kDateTimeRange: return in_date_time_range(match, whole, value_of(match.time_field));
    case Kind::kWildcard:
    case Kind::kAnyOf: break;
  }
  std::vector<std::string> values{whole};
  if (field.kind == FieldKind::kMulti || field.kind == FieldKind::kModalities) {
    values = split_values(whole);
    if (values.empty()) values.emplace_back();
  }
  return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
    if (match.kind == Kind::kWildcard) return matches_wildcard(match.values[0], value);
    return std::any_of(match.values.begin(), match.values.end(),
                       [&](const std::string& wanted) { return equals(field.kind, wanted, value); });
  });
}

std::weak_ordering compare_values(const Order& by, const std::string& a, const std::string& b) {
  const auto directed = [&by](auto order) -> std::weak_ordering { return by.descending ? 0 <=> order : order; };
  switch (traits_of(by.field).kind) {
    case FieldKind::kDate: return directed(date_key(a) <=> date_key(b));
    case FieldKind::kTime: return directed(time_key(a) <=> time_key(b));
    case FieldKind::kName: return directed(search_name(a) <=> search_name(b));
    case FieldKind::kDescription: return directed(search_text(a) <=> search_text(b));
    case FieldKind::kNumber: {
      const auto x = number_key(a), y = number_key(b);
      if ((x == kNoNumber) != (y == kNoNumber)) {
        return x == kNoNumber ? std::weak_ordering::greater : std::weak_ordering::less;
      }
      return directed(x <=> y);
    }
    default: return directed(a <=> b);
  }
}

bool is_behind(const SearchQuery& query, const ValueOf& value_of) {
  if (query.after.empty()) return true;
  const std::vector<Order> order = full_order(query);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (const auto c = compare_values(order[i], query.after[i], value_of(order[i].field)); c != 0) return c < 0;
  }
  return false;
}

std::vector<Order> full_order(const SearchQuery& query) {
  std::vector<Order> order = query.order;
  order.insert(order.end(), {{Field::kStudyDate, true}, {Field::kStudyTime, true}, {Field::kStudyUid, false}});
  if (query.level >= Level::kSeries) order.insert(order.end(), {{Field::kSeriesNumber}, {Field::kSeriesUid}});
  if (query.level == Level::kInstance) order.insert(order.end(), {{Field::kInstanceNumber}, {Field::kSopUid}});
  return order;
}

}  // namespace gantry::index

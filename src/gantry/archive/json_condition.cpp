#include "gantry/archive/json_condition.hpp"

#include <algorithm>
#include <charconv>

#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/search_values.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"

namespace gantry::archive {
namespace {

bool is_one_of(std::string_view vr, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), vr) != list.end();
}

bool is_number(std::string_view vr) {
  return is_one_of(vr, {"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"});
}

/// Wildcards mean something in these alone (PS3.4 C.2.2.2.4).
bool takes_wildcards(std::string_view vr) {
  return is_one_of(vr, {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"});
}

std::optional<double> to_number(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "Alphabetic=Ideographic=Phonetic" of Annex F's object.
std::string person_name(std::string_view object) {
  std::string groups[3];
  json::Walker walker(object);
  while (walker.next()) {
    const int group = walker.key() == "Alphabetic"    ? 0
                      : walker.key() == "Ideographic" ? 1
                      : walker.key() == "Phonetic"    ? 2
                                                      : -1;
    if (group >= 0) groups[group] = json::text_of(walker.value());
  }
  return groups[0] + "=" + groups[1] + "=" + groups[2];
}

bool within(const std::optional<std::string>& comparable, const Result<ValueRange>& range) {
  return comparable && range && is_within(*comparable, *range);
}

}  // namespace

Result<JsonCondition> JsonCondition::create(const std::vector<dicom::Tag>& path, std::string_view vr,
                                            std::string_view value, bool want_empty, bool fuzzy) {
  JsonCondition condition;
  for (const auto tag : path) condition.path_.push_back(dicom::to_hex8(tag));
  condition.value_ = trimmed(value);
  condition.want_empty_ = want_empty;
  if (want_empty) return condition;
  if (fuzzy) condition.fuzzy_ = std::make_shared<const index::FuzzyName>(condition.value_);
  if (is_one_of(vr, {"SQ", "OB", "OD", "OF", "OL", "OV", "OW", "UN"})) {
    return Error::invalid("values of VR " + std::string(vr) + " can't be matched");
  }
  if (vr == "DA") GANTRY_TRY(parse_date_range(condition.value_));
  if (vr == "TM") GANTRY_TRY(parse_time_range(condition.value_));
  if (vr == "DT") GANTRY_TRY(parse_date_time_range(condition.value_));
  if (is_number(vr) && !to_number(condition.value_)) return Error::invalid("'" + condition.value_ + "' is no number");
  if (vr == "UI") {
    for (const auto& uid : split_list(condition.value_, ",\\")) {
      if (!is_valid_uid(uid)) return Error::invalid("'" + uid.substr(0, 80) + "' is no UID");
    }
  }
  return condition;
}

Result<bool> JsonCondition::holds(std::string_view object) const { return holds_in(object, 0); }

// The depth is that of the key's path, which the length of a URL bounds.
Result<bool> JsonCondition::holds_in(std::string_view data_set, std::size_t depth) const {
  json::Walker members(data_set);
  while (members.next()) {
    if (members.key() != path_[depth]) continue;
    std::string vr;
    std::optional<std::string_view> values;
    json::Walker parts(members.value());
    while (parts.next()) {
      if (parts.key() == "vr") vr = json::text_of(parts.value());
      if (parts.key() == "Value") values = parts.value();
      if (parts.key() == "InlineBinary" || parts.key() == "BulkDataURI") return false;  // there, but not to be matched
    }
    if (parts.damaged()) return Error::internal("stored JSON is damaged");
    if (!values) return want_empty_;
    json::Walker items(*values);
    bool any = false;
    while (items.next()) {
      if (depth + 1 < path_.size()) {
        GANTRY_LET(const bool inside, holds_in(items.value(), depth + 1));
        if (inside) return true;
      } else {
        any = any || items.value() != "null";
        if (!want_empty_ && value_matches(vr, items.value())) return true;
      }
    }
    if (items.damaged()) return Error::internal("stored JSON is damaged");
    return want_empty_ && depth + 1 == path_.size() && !any;
  }
  if (members.damaged()) return Error::internal("stored JSON is damaged");
  return want_empty_;
}

bool JsonCondition::value_matches(std::string_view vr, std::string_view item) const {
  if (item == "null" || vr == "SQ") return false;
  if (vr == "PN" && fuzzy_ != nullptr) return fuzzy_->matches(index::search_name(person_name(item)));
  if (vr == "PN") return index::matches_person_name(value_, person_name(item));
  const std::string text = json::text_of(item);
  if (vr == "DA") return within(comparable_date(text), parse_date_range(value_));
  if (vr == "TM") return within(comparable_time(text), parse_time_range(value_));
  if (vr == "DT") return within(comparable_date_time(text), parse_date_time_range(value_));
  if (is_number(vr)) {
    const auto wanted = to_number(value_);
    return wanted && wanted == to_number(text);
  }
  if (vr == "UI") {
    const auto list = split_list(value_, ",\\");
    return std::find(list.begin(), list.end(), text) != list.end();
  }
  if (takes_wildcards(vr) && value_.find_first_of("*?") != std::string::npos)
    return index::matches_wildcard(value_, text);
  return value_ == trimmed(text);
}

}  // namespace gantry::archive

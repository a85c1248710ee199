#include "gantry/index/search_query.hpp"

#include "gantry/index/fields.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {
namespace {

constexpr Field kPlaceFields[] = {Field::kStudyDate, Field::kStudyTime,      Field::kStudyUid, Field::kSeriesNumber,
                                  Field::kSeriesUid, Field::kInstanceNumber, Field::kSopUid};

constexpr std::size_t kPatternBytesMost = 1024;
constexpr std::size_t kValuesMost = 10'000;
constexpr std::size_t kMultiValuesMost = 256;  ///< of fields that have several values themselves
constexpr std::size_t kMatchesMost = 256;

std::string name_of(Field field) { return std::string(traits_of(field).column); }

bool is_bound(FieldKind kind, const std::string& value) {
  if (value.empty()) return true;
  return kind == FieldKind::kDate ? !date_key(value).empty() : !time_key(value).empty();
}

Result<void> validate_match(const SearchQuery& query, const Match& match) {
  const FieldTraits& field = traits_of(match.field);
  if (field.level > query.level) return Error::invalid(name_of(match.field) + " belongs to a level below the search");
  const auto values = match.values.size();
  switch (match.kind) {
    case Match::Kind::kAnyOf:
      if (values == 0) return Error::invalid(name_of(match.field) + " needs a value");
      if (values > kMultiValuesMost && (field.kind == FieldKind::kMulti || field.kind == FieldKind::kModalities)) {
        return Error::invalid(name_of(match.field) + " has too many values");
      }
      return {};
    case Match::Kind::kWildcard:
    case Match::Kind::kFolded:
    case Match::Kind::kName:
    case Match::Kind::kFuzzyName:
      if (values != 1) return Error::invalid(name_of(match.field) + " needs one pattern");
      if (match.values[0].size() > kPatternBytesMost) return Error::invalid(name_of(match.field) + " is too long");
      if ((match.kind == Match::Kind::kName || match.kind == Match::Kind::kFuzzyName) &&
          field.kind != FieldKind::kName) {
        return Error::invalid(name_of(match.field) + " is no person name");
      }
      if (match.kind == Match::Kind::kFolded && field.kind != FieldKind::kText &&
          field.kind != FieldKind::kDescription && field.kind != FieldKind::kName) {
        return Error::invalid(name_of(match.field) + " is no text");
      }
      return {};
    case Match::Kind::kRange:
      if (values != 2) return Error::invalid(name_of(match.field) + " needs two bounds");
      if (field.kind != FieldKind::kDate && field.kind != FieldKind::kTime) {
        return Error::invalid(name_of(match.field) + " is no date or time");
      }
      for (const auto& value : match.values) {
        if (!is_bound(field.kind, value)) return Error::invalid(name_of(match.field) + " has a bound that is none");
      }
      return {};
    case Match::Kind::kDateTimeRange: {
      if (values != 4) return Error::invalid(name_of(match.field) + " needs two dates and two times");
      const FieldTraits& time = traits_of(match.time_field);
      if (field.kind != FieldKind::kDate || time.kind != FieldKind::kTime || time.level != field.level) {
        return Error::invalid(name_of(match.field) + " and " + name_of(match.time_field) + " are no date and time");
      }
      for (std::size_t i = 0; i < 4; ++i) {
        if (!is_bound(i % 2 == 0 ? FieldKind::kDate : FieldKind::kTime, match.values[i])) {
          return Error::invalid(name_of(match.field) + " has a bound that is none");
        }
      }
      if ((match.values[0].empty() && !match.values[1].empty()) ||
          (match.values[2].empty() && !match.values[3].empty())) {
        return Error::invalid(name_of(match.field) + " has a time without its date");
      }
      return {};
    }
    case Match::Kind::kEmpty: return {};
  }
  return Error::invalid("unknown kind of match");
}

}  // namespace

std::span<const Field> place_fields(Level level) noexcept {
  return std::span(kPlaceFields).first(level == Level::kStudy ? 3 : level == Level::kSeries ? 5 : 7);
}

std::vector<std::string> place_of(const SearchRow& row) {
  const auto number = [](std::string_view text) {
    const auto key = number_key(text);
    return key == kNoNumber ? std::string() : std::to_string(key);
  };
  const auto& study = row.study;
  std::vector<std::string> place{date_key(study.attributes.study_date), time_key(study.attributes.study_time),
                                 study.study.str()};
  if (row.series) place.insert(place.end(), {number(row.series->attributes.series_number), row.series->series.str()});
  if (row.instance) {
    place.insert(place.end(), {number(row.instance->attributes.instance_number), row.instance->sop.str()});
  }
  return place;
}

Result<void> validate(const SearchQuery& query) {
  if (query.matches.size() > kMatchesMost) return Error::invalid("too many conditions");
  if (query.series && query.level == Level::kStudy) return Error::invalid("a search for studies within a series");
  if (query.sop && query.level != Level::kInstance) return Error::invalid("a search above instances within an instance");
  std::size_t values = 0;
  for (const Match& match : query.matches) {
    GANTRY_TRY(validate_match(query, match));
    values += match.values.size();
  }
  if (values > kValuesMost) return Error::invalid("too many values");
  for (const Order& order : query.order) {
    if (level_of(order.field) > query.level) {
      return Error::invalid(name_of(order.field) + " belongs to a level below the search");
    }
  }
  if (!query.after.empty()) {
    const auto fields = place_fields(query.level);
    if (!query.order.empty()) return Error::invalid("a place in the default order, and another order");
    if (query.after.size() != fields.size()) return Error::invalid("the place to go on from is of another level");
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto kind = traits_of(fields[i]).kind;
      if ((kind == FieldKind::kDate || kind == FieldKind::kTime) && !is_bound(kind, query.after[i])) {
        return Error::invalid("the place to go on from has a " + name_of(fields[i]) + " that is none");
      }
    }
  }
  if (query.order.size() > 16) return Error::invalid("too many sort keys");
  return {};
}

}  // namespace gantry::index

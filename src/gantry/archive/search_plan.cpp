#include "gantry/archive/search_plan.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "gantry/archive/attribute_level.hpp"
#include "gantry/archive/record_key.hpp"
#include "gantry/archive/search_values.hpp"
#include "gantry/dicom/dictionary.hpp"

namespace gantry::archive {
namespace {

using index::Field;
using index::Level;
using index::Match;

enum class Kind { kUid, kText, kCodes, kFolded, kName, kDate, kTime, kNumber };

struct Column {
  std::uint32_t sequence;  ///< 0: the attribute stands in the data set itself
  std::uint32_t tag;
  Field field;
  Kind kind;
};

constexpr std::array kColumns = {
    Column{0, 0x00020010, Field::kTransferSyntaxUid, Kind::kUid},
    Column{0, 0x00080016, Field::kSopClassUid, Kind::kUid},
    Column{0, 0x00080018, Field::kSopUid, Kind::kUid},
    Column{0, 0x00080020, Field::kStudyDate, Kind::kDate},
    Column{0, 0x00080021, Field::kSeriesDate, Kind::kDate},
    Column{0, 0x00080023, Field::kContentDate, Kind::kDate},
    Column{0, 0x00080030, Field::kStudyTime, Kind::kTime},
    Column{0, 0x00080031, Field::kSeriesTime, Kind::kTime},
    Column{0, 0x00080033, Field::kContentTime, Kind::kTime},
    Column{0, 0x00080050, Field::kAccessionNumber, Kind::kText},
    Column{0, 0x00080060, Field::kModality, Kind::kCodes},
    Column{0, 0x00080061, Field::kModalitiesInStudy, Kind::kCodes},
    Column{0, 0x00080090, Field::kReferringPhysicianName, Kind::kName},
    Column{0, 0x00081030, Field::kStudyDescription, Kind::kFolded},
    Column{0, 0x0008103E, Field::kSeriesDescription, Kind::kFolded},
    Column{0, 0x00083002, Field::kTransferSyntaxUid, Kind::kUid},
    Column{0, 0x00100010, Field::kPatientName, Kind::kName},
    Column{0, 0x00100020, Field::kPatientId, Kind::kText},
    Column{0, 0x00100030, Field::kPatientBirthDate, Kind::kDate},
    Column{0, 0x00100032, Field::kPatientBirthTime, Kind::kTime},
    Column{0, 0x00100040, Field::kPatientSex, Kind::kCodes},
    Column{0, 0x00180015, Field::kBodyPartExamined, Kind::kCodes},
    Column{0, 0x00181030, Field::kProtocolName, Kind::kFolded},
    Column{0, 0x0020000D, Field::kStudyUid, Kind::kUid},
    Column{0, 0x0020000E, Field::kSeriesUid, Kind::kUid},
    Column{0, 0x00200010, Field::kStudyId, Kind::kText},
    Column{0, 0x00200011, Field::kSeriesNumber, Kind::kNumber},
    Column{0, 0x00200013, Field::kInstanceNumber, Kind::kNumber},
    Column{0, 0x00280008, Field::kNumberOfFrames, Kind::kNumber},
    Column{0, 0x00280010, Field::kRows, Kind::kNumber},
    Column{0, 0x00280011, Field::kColumns, Kind::kNumber},
    Column{0, 0x00280100, Field::kBitsAllocated, Kind::kNumber},
    Column{0, 0x00400244, Field::kPerformedProcedureStepStartDate, Kind::kDate},
    Column{0, 0x00400245, Field::kPerformedProcedureStepStartTime, Kind::kTime},
    Column{0x00400275, 0x00400009, Field::kScheduledProcedureStepId, Kind::kText},
    Column{0x00400275, 0x00401001, Field::kRequestedProcedureId, Kind::kText},
};

constexpr std::array kDateTimePairs = {
    std::pair{Field::kStudyDate, Field::kStudyTime},
    std::pair{Field::kSeriesDate, Field::kSeriesTime},
    std::pair{Field::kContentDate, Field::kContentTime},
    std::pair{Field::kPatientBirthDate, Field::kPatientBirthTime},
    std::pair{Field::kPerformedProcedureStepStartDate, Field::kPerformedProcedureStepStartTime},
};

/// What the server works out itself: returned, never matched.
constexpr std::array<std::uint32_t, 8> kComputed = {0x00080005, 0x00080056, 0x0008041B, 0x00081190,
                                                    0x00201200, 0x00201206, 0x00201208, 0x00201209};
constexpr dicom::Tag kTimezoneOffset{0x00080201};
constexpr dicom::Tag kRecordKey{0x0008041B};
constexpr dicom::Tag kPriorRecordKey{0x0008041C};

const Column* find_column(const std::vector<dicom::Tag>& path) {
  const std::uint32_t sequence = path.size() == 2 ? path[0].value() : 0;
  if (path.size() > 2) return nullptr;
  const auto found = std::find_if(kColumns.begin(), kColumns.end(), [&](const Column& column) {
    return column.sequence == sequence && column.tag == path.back().value();
  });
  return found == kColumns.end() ? nullptr : &*found;
}

const char* to_text(Level level) {
  return level == Level::kStudy ? "study" : level == Level::kSeries ? "series" : "instance";
}

/// 8 hex digits, a dotted path, or a capital in front: meant as an attribute, so it is never ignored.
bool meant_as_attribute(std::string_view name) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  if (name.empty()) return false;
  if (name.front() >= 'A' && name.front() <= 'Z') return true;
  return name.find('.') != std::string_view::npos || (name.size() == 8 && std::all_of(name.begin(), name.end(), hex));
}

/// nullopt when a part is unknown: no keyword, or a standard tag that PS3.6 does not have.
std::optional<std::vector<dicom::Tag>> parse_path(std::string_view text) {
  constexpr std::size_t kPartsMost = 16;
  std::vector<dicom::Tag> path;
  for (;;) {
    const auto dot = text.find('.');
    const auto tag = dicom::parse_attribute(text.substr(0, dot));
    if (!tag || path.size() == kPartsMost) return std::nullopt;
    if (!tag->is_private() && dicom::find_attribute(*tag) == nullptr) return std::nullopt;
    path.push_back(*tag);
    if (dot == std::string_view::npos) return path;
    text.remove_prefix(dot + 1);
  }
}

bool has_wildcard(std::string_view value) { return value.find_first_of("*?") != std::string_view::npos; }

class Planner {
 public:
  Planner(const SearchRequest& request, const SearchLimits& limits) : request_(request), limits_(limits) {}

  Result<SearchPlan> plan() {
    plan_.query.level = request_.level;
    plan_.query.study = request_.study;
    plan_.query.series = request_.series;
    for (const auto& key : request_.keys) GANTRY_TRY(add_key(key));
    if (request_.combined_date_time) combine_date_time();
    if (zone_) {
      ZonedMatches zoned(*zone_, plan_.query);
      if (!zoned.empty()) plan_.zoned = std::move(zoned);
    }
    if (!plan_.conditions.empty() && !plan_.query.study && plan_.query.matches.empty()) {
      return Error::invalid(unindexed_ +
                            " has no index: it can be matched under a study, under a series, or together with "
                            "an indexed key such as PatientID or StudyDate");
    }
    GANTRY_TRY(add_includes());
    GANTRY_TRY(add_order());
    GANTRY_TRY(set_page());
    plan_.query.with_attributes = plan_.include.all || !plan_.conditions.empty() || needs_stored_json();
    return std::move(plan_);
  }

 private:
  Result<void> add_key(const SearchKey& key) {
    const auto path = parse_path(key.attribute);
    if (!path) {
      if (meant_as_attribute(key.attribute)) {
        return Error::invalid("'" + key.attribute.substr(0, 128) + "' is no attribute that is known here");
      }
      plan_.warnings.push_back("The parameter " + printable(key.attribute) + " is not known and was ignored.");
      return {};
    }
    const std::string_view value = trimmed(key.value);
    if (path->size() == 1 && (*path)[0] == kPriorRecordKey) return go_on_from(value);
    const Column* column = find_column(*path);
    // Series always come with what the columns hold of the Request Attributes Sequence.
    if (column == nullptr || column->sequence == 0) include_.push_back((*path)[0]);
    const bool want_empty = request_.empty_matching && value == "\"\"";
    // A value of asterisks alone is as universal as no value (PS3.4 C.2.2.2.3).
    if (!want_empty && value.find_first_not_of('*') == std::string_view::npos) return {};
    if (std::find(kComputed.begin(), kComputed.end(), path->back().value()) != kComputed.end()) {
      return Error::invalid(key.attribute + " can be returned, but not matched");
    }
    if (path->size() == 1 && (*path)[0] == kTimezoneOffset && !want_empty) {
      zone_ = parse_zone(value);
      if (zone_) return {};
      return Error::invalid(key.attribute + ": an offset from UTC was expected, such as +0100 or -0330");
    }
    const Level level = column != nullptr ? index::level_of(column->field) : level_of((*path)[0]);
    if (level > request_.level) {
      std::string advice = "; search the resource of that level";
      if (column != nullptr && column->field == Field::kModality) advice += ", or use ModalitiesInStudy";
      return Error::invalid(key.attribute + " belongs to the " + to_text(level) + " level" + advice);
    }
    for (const std::string_view part : values_of(*path, value)) {
      auto added = column != nullptr ? add_match(*column, part, want_empty) : add_condition(*path, part, want_empty);
      if (!added) return Error::invalid(key.attribute + ": " + added.error().detail());
    }
    if (column == nullptr) unindexed_ = key.attribute;
    return {};
  }

  /// Private attributes have no level of their own: they are looked for at the one that is searched.
  [[nodiscard]] Level level_of(dicom::Tag tag) const {
    return tag.is_private() ? request_.level : attribute_level(tag);
  }

  /// The values that an entity must all have (multiple value matching, PS3.4 C.2.2.2.8): only where these VRs are.
  [[nodiscard]] std::vector<std::string_view> values_of(const std::vector<dicom::Tag>& path,
                                                        std::string_view value) const {
    static constexpr std::array<std::string_view, 8> kVrs = {"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"};
    const auto* entry = dicom::find_attribute(path.back());
    if (!request_.multiple_matching || entry == nullptr ||
        std::find(kVrs.begin(), kVrs.end(), entry->vr) == kVrs.end()) {
      return {value};
    }
    std::vector<std::string_view> values;
    while (!value.empty()) {
      const auto cut = std::min(value.find('\\'), value.size());
      if (const auto part = trimmed(value.substr(0, cut)); !part.empty()) values.push_back(part);
      value.remove_prefix(std::min(cut + 1, value.size()));
    }
    return values;
  }

  /// An empty Prior Record Key begins at the first record, and asks for the keys.
  Result<void> go_on_from(std::string_view key) {
    if (!request_.order.empty()) return Error::invalid("PriorRecordKey goes on in its own order, not with orderby");
    include_.push_back(kRecordKey);
    if (key.empty()) return {};
    GANTRY_LET(plan_.query.after, place_of_record_key(key, request_.level));
    return {};
  }

  /// A name from the query as it may stand in a header field.
  static std::string printable(std::string_view name) {
    std::string text;
    for (const char c : name.substr(0, 64)) text += c > ' ' && c < 0x7F ? c : '?';
    return text;
  }

  Result<void> add_match(const Column& column, std::string_view value, bool want_empty) {
    Match match;
    match.field = column.field;
    if (want_empty) {
      match.kind = Match::Kind::kEmpty;
      plan_.query.matches.push_back(std::move(match));
      return {};
    }
    switch (column.kind) {
      case Kind::kUid: GANTRY_TRY(fill_uids(match, value)); break;
      case Kind::kCodes: GANTRY_TRY(fill_codes(match, value)); break;
      case Kind::kText:
        match.kind = has_wildcard(value) ? Match::Kind::kWildcard : Match::Kind::kAnyOf;
        match.values.emplace_back(value);
        break;
      case Kind::kFolded:
        match.kind = Match::Kind::kFolded;
        match.values.emplace_back(value);
        break;
      case Kind::kName:
        match.kind = request_.fuzzy ? Match::Kind::kFuzzyName : Match::Kind::kName;
        match.values.emplace_back(value);
        break;
      case Kind::kNumber: GANTRY_TRY(fill_number(match, value)); break;
      case Kind::kDate:
      case Kind::kTime: {
        GANTRY_LET(auto range, column.kind == Kind::kDate ? parse_date_range(value) : parse_time_range(value));
        match.kind = Match::Kind::kRange;
        match.values = {std::move(range.from), std::move(range.to)};
        break;
      }
    }
    plan_.query.matches.push_back(std::move(match));
    return {};
  }

  static Result<void> fill_uids(Match& match, std::string_view value) {
    match.kind = Match::Kind::kAnyOf;
    match.values = split_list(value, ",\\");
    for (const auto& uid : match.values) {
      if (!is_valid_uid(uid)) return Error::invalid("'" + uid.substr(0, 80) + "' is no UID");
    }
    if (match.values.empty()) return Error::invalid("a list of UIDs was expected");
    return {};
  }

  // No code string holds a comma (PS3.5 §6.2), so a list is told apart safely.
  static Result<void> fill_codes(Match& match, std::string_view value) {
    match.values = split_list(value, ",\\");
    if (match.values.empty()) return Error::invalid("a code or a list of codes was expected");
    const bool wild = std::any_of(match.values.begin(), match.values.end(), has_wildcard);
    if (wild && match.values.size() > 1) return Error::invalid("a list can't hold wildcards");
    match.kind = wild ? Match::Kind::kWildcard : Match::Kind::kAnyOf;
    return {};
  }

  static Result<void> fill_number(Match& match, std::string_view value) {
    const std::string_view digits = !value.empty() && (value[0] == '-' || value[0] == '+') ? value.substr(1) : value;
    if (digits.empty() || digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return Error::invalid("'" + std::string(value.substr(0, 32)) + "' is no whole number");
    }
    match.kind = Match::Kind::kAnyOf;
    match.values.emplace_back(value.front() == '+' ? digits : value);
    return {};
  }

  Result<void> add_condition(const std::vector<dicom::Tag>& path, std::string_view value, bool want_empty) {
    const auto* entry = dicom::find_attribute(path.back());
    GANTRY_LET(auto condition,
               JsonCondition::create(path, entry != nullptr ? entry->vr : "", value, want_empty, request_.fuzzy));
    plan_.conditions.push_back(std::move(condition));
    return {};
  }

  void combine_date_time() {
    auto& matches = plan_.query.matches;
    const auto range_of = [&](Field field) {
      return std::find_if(matches.begin(), matches.end(), [field](const Match& match) {
        return match.field == field && match.kind == Match::Kind::kRange;
      });
    };
    for (const auto& [date, time] : kDateTimePairs) {
      const auto dates = range_of(date);
      const auto times = range_of(time);
      if (dates == matches.end() || times == matches.end()) continue;
      Match both;
      both.field = date;
      both.time_field = time;
      both.kind = Match::Kind::kDateTimeRange;
      both.values = {dates->values[0], times->values[0], dates->values[1], times->values[1]};
      *dates = std::move(both);
      matches.erase(times);
    }
  }

  Result<void> add_includes() {
    for (const auto& name : request_.include) {
      if (name == "all") {
        plan_.include.all = true;
        continue;
      }
      const auto path = parse_path(name);
      if (!path)
        return Error::invalid("includefield: '" + name.substr(0, 128) + "' is no attribute that is known here");
      include_.push_back((*path)[0]);
    }
    // Attributes of lower levels are not returned (PS3.18 §10.6.3.3).
    std::erase_if(include_, [this](dicom::Tag tag) { return level_of(tag) > request_.level; });
    std::sort(include_.begin(), include_.end());
    include_.erase(std::unique(include_.begin(), include_.end()), include_.end());
    plan_.include.tags = std::move(include_);
    return {};
  }

  [[nodiscard]] bool needs_stored_json() const {
    return std::any_of(plan_.include.tags.begin(), plan_.include.tags.end(), [](dicom::Tag tag) {
      const bool computed = std::find(kComputed.begin(), kComputed.end(), tag.value()) != kComputed.end();
      const bool computed_key = tag == kPriorRecordKey;
      const bool requests = tag.value() == 0x00400275;  // its two columns are not all that the sequence holds
      return !computed && !computed_key && (requests || find_column({tag}) == nullptr);
    });
  }

  Result<void> add_order() {
    for (std::string_view name : request_.order) {
      const bool descending = !name.empty() && name.front() == '-';
      if (descending) name.remove_prefix(1);
      const auto path = parse_path(name);
      const Column* column = path ? find_column(*path) : nullptr;
      if (column == nullptr) {
        return Error::invalid("orderby: '" + std::string(name.substr(0, 128)) + "' is no attribute with an index");
      }
      if (index::level_of(column->field) > request_.level || column->field == Field::kModalitiesInStudy) {
        return Error::invalid("orderby: " + std::string(name) + " can't order this level");
      }
      plan_.query.order.push_back({column->field, descending});
    }
    return {};
  }

  Result<void> set_page() {
    if (request_.offset > limits_.offset_most) {
      return Error::invalid("offset: at most " + std::to_string(limits_.offset_most) +
                            " results can be skipped; PriorRecordKey goes on from any of them");
    }
    plan_.offset = request_.offset;
    plan_.limit = request_.limit;
    if (!plan_.limit && !request_.study) plan_.limit = limits_.limit_default;
    if (plan_.limit && *plan_.limit > limits_.limit_most) {
      plan_.limit = limits_.limit_most;
      plan_.warnings.push_back("The limit was reduced to " + std::to_string(limits_.limit_most) + ".");
    }
    return {};
  }

  const SearchRequest& request_;
  const SearchLimits& limits_;
  SearchPlan plan_;
  std::vector<dicom::Tag> include_;
  std::optional<int> zone_;
  std::string unindexed_;
};

}  // namespace

bool IncludedAttributes::has(dicom::Tag tag) const noexcept { return all || names(tag); }

bool IncludedAttributes::names(dicom::Tag tag) const noexcept {
  return std::binary_search(tags.begin(), tags.end(), tag);
}

std::vector<MatchingKey> matching_keys() {
  const auto words = [](Kind kind) -> std::string_view {
    switch (kind) {
      case Kind::kUid: return "list of UIDs";
      case Kind::kText: return "single value, wildcard; case counts";
      case Kind::kCodes: return "single value, wildcard, list; case counts";
      case Kind::kFolded: return "single value, wildcard; case and accents don't count";
      case Kind::kName: return "by component group, wildcard, fuzzy; case and accents don't count";
      case Kind::kDate: return "single date, range";
      case Kind::kTime: return "single time, range";
      case Kind::kNumber: return "whole number, by its value";
    }
    return "";
  };
  std::vector<MatchingKey> keys;
  for (const Column& column : kColumns) {
    keys.push_back({column.sequence, column.tag, index::level_of(column.field), words(column.kind)});
  }
  return keys;
}

Result<SearchPlan> plan_search(const SearchRequest& request, const SearchLimits& limits) {
  return Planner(request, limits).plan();
}

}  // namespace gantry::archive

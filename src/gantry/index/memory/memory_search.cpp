// Searching in memory: every row is looked at, every condition is asked of it in the words of search_query.hpp.

#include <algorithm>
#include <compare>

#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/state_row.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index {

struct MemoryIndex::Hit {
  const std::string* study_uid = nullptr;
  const Study* study = nullptr;
  const Series* series = nullptr;      ///< null at study level
  const Instance* instance = nullptr;  ///< null above instance level
  std::vector<std::string> modalities;
  dicom::QidoAttributes attributes;  ///< of all levels that are there

  [[nodiscard]] std::string value(Field field) const {
    switch (field) {
      case Field::kStudyUid: return *study_uid;
      case Field::kModalitiesInStudy: return join_values(modalities);
      case Field::kSeriesUid: return series->state.series_uid;
      case Field::kSopUid: return instance->record.sop.str();
      case Field::kSopClassUid: return instance->record.sop_class;
      case Field::kTransferSyntaxUid: return instance->record.transfer_syntax;
      default: return attributes.*traits_of(field).member;
    }
  }
};

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

/// Less, equal or greater in the order of `field`; numbers that are none come last either way.
std::weak_ordering compare(Field field, bool descending, const std::string& a, const std::string& b) {
  const auto directed = [descending](auto order) -> std::weak_ordering { return descending ? 0 <=> order : order; };
  switch (traits_of(field).kind) {
    case FieldKind::kDate: return directed(date_key(a) <=> date_key(b));
    case FieldKind::kTime: return directed(time_key(a) <=> time_key(b));
    case FieldKind::kName: return directed(search_name(a) <=> search_name(b));
    case FieldKind::kDescription: return directed(search_text(a) <=> search_text(b));
    case FieldKind::kNumber: {
      const auto x = number_key(a), y = number_key(b);
      if ((x == kNoNumber) != (y == kNoNumber)) return x == kNoNumber ? std::weak_ordering::greater : std::weak_ordering::less;
      return directed(x <=> y);
    }
    default: return directed(a <=> b);
  }
}

std::vector<Order> full_order(const SearchQuery& query) {
  std::vector<Order> order = query.order;
  order.insert(order.end(), {{Field::kStudyDate, true}, {Field::kStudyTime, true}, {Field::kStudyUid, false}});
  if (query.level >= Level::kSeries) order.insert(order.end(), {{Field::kSeriesNumber}, {Field::kSeriesUid}});
  if (query.level == Level::kInstance) order.insert(order.end(), {{Field::kInstanceNumber}, {Field::kSopUid}});
  return order;
}

template <class Hit>
bool satisfies(const Hit& hit, const Match& match) {
  const FieldTraits& field = traits_of(match.field);
  const std::string whole = hit.value(match.field);
  if (match.kind == Kind::kEmpty) return whole.empty();
  if (match.kind == Kind::kName) return matches_person_name(match.values[0], whole);
  if (match.kind == Kind::kFolded) {
    return FoldedPattern(match.values[0]).matches(search_text(whole));
  }
  if (match.kind == Kind::kRange) return in_range(match, field.kind, whole);
  if (match.kind == Kind::kDateTimeRange) return in_date_time_range(match, whole, hit.value(match.time_field));
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

}  // namespace

Result<std::vector<MemoryIndex::Hit>> MemoryIndex::hits(const RequestContext& ctx, const SearchQuery& query) const {
  GANTRY_TRY(validate(query));
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  std::vector<Hit> found;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return found;
  const auto take = [&](const Hit& hit) {
    if (std::all_of(query.matches.begin(), query.matches.end(), [&](const Match& m) { return satisfies(hit, m); })) {
      found.push_back(hit);
    }
  };
  for (const auto& [study_uid, study] : tenant->second.studies) {
    if (query.study && query.study->str() != study_uid) continue;
    Hit hit;
    hit.study_uid = &study_uid;
    hit.study = &study;
    hit.attributes = study.attributes;
    std::set<std::string> modalities;
    bool shown = false;
    for (const auto& [uid, series] : study.series) {
      if (series.instances.empty()) continue;
      shown = true;
      for (auto& modality : split_values(series.state.modality)) modalities.insert(std::move(modality));
    }
    if (!shown) continue;
    hit.modalities.assign(modalities.begin(), modalities.end());
    if (query.level == Level::kStudy) take(hit);
    if (query.level == Level::kStudy) continue;
    for (const auto& [series_uid, series] : study.series) {
      if (series.instances.empty() || (query.series && query.series->str() != series_uid)) continue;
      hit.series = &series;
      for (const AttributeMember member : members_of(Level::kSeries)) hit.attributes.*member = series.attributes.*member;
      for (const auto& [column, attribute] : kStateMembers) {
        const auto& members = members_of(Level::kSeries);
        if (std::find(members.begin(), members.end(), attribute) != members.end()) {
          hit.attributes.*attribute = series.state.*column;
        }
      }
      hit.instance = nullptr;
      if (query.level == Level::kSeries) take(hit);
      if (query.level == Level::kSeries) continue;
      for (const auto& [sop, instance] : series.instances) {
        if (query.sop && query.sop->str() != sop) continue;
        hit.instance = &instance;
        for (const AttributeMember member : members_of(Level::kInstance)) {
          hit.attributes.*member = instance.record.attributes.*member;
        }
        take(hit);
      }
    }
  }
  return found;
}

Result<std::vector<SearchRow>> MemoryIndex::rows(const RequestContext& ctx, const SearchQuery& query) const {
  GANTRY_LET(std::vector<Hit> found, hits(ctx, query));
  const auto order = full_order(query);
  std::sort(found.begin(), found.end(), [&order](const Hit& a, const Hit& b) {
    for (const auto& [field, descending] : order) {
      if (const auto c = compare(field, descending, a.value(field), b.value(field)); c != 0) return c < 0;
    }
    return false;
  });
  const std::uint64_t end =
      std::min<std::uint64_t>(found.size(), query.limit ? query.offset + *query.limit : found.size());
  std::vector<SearchRow> rows;
  for (std::uint64_t i = query.offset; i < end; ++i) {
    const Hit& hit = found[i];
    SearchRow& row = rows.emplace_back();
    const Study& study = *hit.study;
    row.study.study = StudyUid(*hit.study_uid);
    row.study.attributes = attributes_of(Level::kStudy, hit.attributes);
    row.study.modalities = hit.modalities;
    for (const auto& [uid, series] : study.series) {
      if (!series.instances.empty()) ++row.study.series_count;
      row.study.instance_count += series.instances.size();
    }
    row.study.version = study.version;
    row.study.created = study.created;
    row.study.updated = study.updated;
    const Instance* described = nullptr;
    if (hit.series != nullptr) {
      const StateRow& state = hit.series->state;
      row.series = SeriesRow{SeriesUid(state.series_uid),
                             attributes_of(Level::kSeries, hit.attributes),
                             hit.series->instances.size(),
                             state.version,
                             state.created_time,
                             state.updated_time};
      described = &hit.series->instances.at(hit.series->first_sop);
    } else {
      described = &study.series.at(study.first_series).instances.at(study.first_sop);
    }
    if (hit.instance != nullptr) {
      const InstanceRecord& record = hit.instance->record;
      row.instance = InstanceRow{record.sop,
                                 record.sop_class,
                                 record.transfer_syntax,
                                 attributes_of(Level::kInstance, record.attributes),
                                 hit.instance->version,
                                 {}};
      if (query.with_location) {
        row.instance->location = Location{record.object_key, record.size, record.file_sha256, record.frame_index};
      }
      described = hit.instance;
    }
    if (query.with_attributes) row.attributes_zstd = described->record.attributes_zstd;
  }
  return rows;
}

Result<void> MemoryIndex::search(const RequestContext& ctx, const SearchQuery& query,
                                 const std::function<bool(SearchRow&&)>& visit) {
  std::vector<SearchRow> found;
  {
    const std::scoped_lock lock(mutex_);
    GANTRY_LET(found, rows(ctx, query));
  }
  for (auto& row : found) {
    if (!visit(std::move(row))) break;
  }
  return {};
}

Result<std::uint64_t> MemoryIndex::count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(const std::vector<Hit> found, hits(ctx, query));
  return found.size() > most ? most + 1 : std::uint64_t{found.size()};
}

}  // namespace gantry::index

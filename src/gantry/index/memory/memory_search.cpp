// Searching in memory: every row is looked at, every condition is asked of it in the words of search_query.hpp.

#include <algorithm>

#include "gantry/index/fields.hpp"
#include "gantry/index/matching.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/state_row.hpp"

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

Result<std::vector<MemoryIndex::Hit>> MemoryIndex::hits(const RequestContext& ctx, const SearchQuery& query) const {
  GANTRY_TRY(validate(query));
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  std::vector<Hit> found;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return found;
  const std::vector<Matcher> matchers(query.matches.begin(), query.matches.end());
  const auto take = [&](const Hit& hit) {
    const ValueOf value_of = [&hit](Field field) { return hit.value(field); };
    if (std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& m) { return m.matches(value_of); }) &&
        is_behind(query, value_of)) {
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
    for (const Order& by : order) {
      if (const auto c = compare_values(by, a.value(by.field), b.value(by.field)); c != 0) return c < 0;
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

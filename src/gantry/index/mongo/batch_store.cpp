#include "gantry/index/mongo/batch_store.hpp"

#include <algorithm>
#include <tuple>

namespace gantry::index::mongo {

using sql::CellRow;
using sql::SeriesKey;

namespace {

/// A document may have 16 MB; a batch's own rows need some of them.
constexpr std::size_t kInstanceBytesMost = 15'000'000;

std::vector<std::string> as_vector(const std::set<std::string>& values) { return {values.begin(), values.end()}; }

const std::string& image_text(const CellRow& row, std::string_view column) {
  return text_in(sql::kImageTable, row, column);
}

}  // namespace

Result<std::optional<sql::TenantRow>> BatchStore::begin(const Wanted& wanted, Loaded& loaded) {
  if (!row_) return row_;
  batch_.last_version = static_cast<std::int64_t>(row_->change_no);
  GANTRY_TRY(load(wanted, loaded));
  return row_;
}

Result<void> BatchStore::load(const Wanted& wanted, Loaded& loaded) {
  if (!wanted.sops.empty() || !wanted.object_keys.empty()) GANTRY_TRY(load_instances(wanted, loaded));
  std::vector<std::string> ids;
  for (const auto& uid : wanted.studies) {
    const auto ours = batch_.studies.find(uid);
    if (ours == batch_.studies.end()) ids.push_back(study_id(tenant(), uid));
    if (ours != batch_.studies.end() && ours->second) loaded.studies.insert_or_assign(uid, to_study(*ours->second));
  }
  if (!ids.empty()) {
    Find find;
    find.filter = by_any_of("_id", ids);
    GANTRY_TRY(session_.find(kStudies, find, [&](const bson_t& document) -> Result<bool> {
      const CellRow row = to_cells(sql::kStudyTable, document);
      loaded.studies.insert_or_assign(text_in(sql::kStudyTable, row, "study_uid"), to_study(row));
      return true;
    }));
  }
  ids.clear();
  for (const auto& key : wanted.series) {
    const auto ours = batch_.series.find(key);
    if (ours == batch_.series.end()) ids.push_back(series_id(tenant(), key.first, key.second));
    if (ours != batch_.series.end() && ours->second) loaded.series.insert_or_assign(key, to_series(*ours->second));
  }
  if (ids.empty()) return {};
  Find find;
  find.filter = by_any_of("_id", ids);
  return session_.find(kStates, find, [&](const bson_t& document) -> Result<bool> {
    sql::SeriesState series = to_series(to_cells(sql::kStateTable, document));
    SeriesKey key(series.state.study_uid, series.state.series_uid);
    loaded.series.insert_or_assign(std::move(key), std::move(series));
    return true;
  });
}

Result<void> BatchStore::load_instances(const Wanted& wanted, Loaded& loaded) {
  static constexpr std::string_view kColumns[] = {"study_uid",  "series_uid",     "sop_uid", "transfer_syntax",
                                                  "object_key", "dataset_sha256", "size"};
  std::vector<std::string> ids;
  for (const auto& sop : wanted.sops) ids.push_back(image_id(tenant(), sop));
  if (!ids.empty()) {
    Find find;
    find.filter = by_any_of("_id", ids);
    find.projection = columns_only(kColumns);
    GANTRY_TRY(session_.find(kImages, find, [&](const bson_t& row) -> Result<bool> {
      present_.insert(text_of(row, "sop_uid"));
      loaded.presents.insert_or_assign(
          text_of(row, "sop_uid"),
          sql::Present{StudyUid(text_of(row, "study_uid")), SeriesUid(text_of(row, "series_uid")),
                       text_of(row, "transfer_syntax"), text_of(row, "object_key"),
                       sql::sha256_of(view_of(row, "dataset_sha256")),
                       static_cast<std::uint64_t>(number_of(row, "size"))});
      return true;
    }));
  }
  const auto keys = as_vector(wanted.object_keys);
  if (keys.empty()) return {};
  const auto note = [&](const bson_t& row) -> Result<bool> {
    loaded.used_keys.insert(text_of(row, "object_key"));
    return true;
  };
  Find find;
  find.projection.small("object_key", 1);
  find.filter = by_any_of("object_key", keys);
  GANTRY_TRY(session_.find(kImages, find, note));
  find.filter = by_any_of("_id", keys);
  return session_.find(kQueue, find, note);
}

Result<void> BatchStore::write(const Writes& writes) {
  batch_.objects_due = writes.objects_due;
  for (const SeriesKey& key : writes.dropped_series) GANTRY_TRY(drop_series(key));
  for (const std::string& study : writes.dropped_studies) {
    GANTRY_LET(const std::vector<CellRow> series, series_of(study));
    for (const CellRow& row : series) GANTRY_TRY(drop_series({study, text_in(sql::kStateTable, row, "series_uid")}));
    batch_.studies.insert_or_assign(study, std::nullopt);
  }
  for (const CellRow& row : writes.series) {
    const SeriesKey key(text_in(sql::kStateTable, row, "study_uid"), text_in(sql::kStateTable, row, "series_uid"));
    batch_.series.insert_or_assign(key, row);
  }
  for (const CellRow& row : writes.studies) {
    batch_.studies.insert_or_assign(text_in(sql::kStudyTable, row, "study_uid"), row);
  }
  for (const CellRow& row : writes.instances) batch_.instances.insert_or_assign(image_text(row, "sop_uid"), row);
  batch_.queue.insert(batch_.queue.end(), writes.queue.begin(), writes.queue.end());
  batch_.changes.insert(batch_.changes.end(), writes.changes.begin(), writes.changes.end());
  batch_.audits.insert(batch_.audits.end(), writes.audits.begin(), writes.audits.end());
  if (writes.tenant) batch_.counters = writes.tenant;
  return {};
}

Result<void> BatchStore::drop_series(const SeriesKey& key) {
  batch_.series.insert_or_assign(key, std::nullopt);
  batch_.dropped_jsons.push_back(key);
  return {};
}

Result<void> BatchStore::finish(const Writes& writes) {
  GANTRY_TRY(write(writes));
  if (batch_.counters) batch_.last_version = static_cast<std::int64_t>(batch_.counters->change_no);
  return finish_(batch_);
}

Result<bool> BatchStore::write_instance(const CellRow& row, std::string& why) {
  const std::size_t bytes = image_text(row, "attributes").size() + image_text(row, "frame_index").size();
  if (bytes > kInstanceBytesMost) {
    why = "its attributes and frame index are larger than a document of the database may be";
    return false;
  }
  const std::string& sop = image_text(row, "sop_uid");
  if (!present_.contains(sop)) batch_.fresh.insert(sop);
  batch_.instances.insert_or_assign(sop, row);
  return true;
}

Result<std::vector<sql::CommitStore::Gone>> BatchStore::take_instances(const Scope& scope, Timestamp due) {
  Find find;
  if (scope.sop) {
    find.filter = by_text("_id", image_id(tenant(), *scope.sop));
    find.filter.text("study_uid", scope.study);
    if (scope.series) find.filter.text("series_uid", *scope.series);
  } else if (scope.series) {
    find.filter = by_text("series_key", series_id(tenant(), scope.study, *scope.series));
  } else {
    find.filter = by_text("study_key", study_id(tenant(), scope.study));
  }
  static constexpr std::string_view kColumns[] = {"series_uid", "sop_uid", "size", "object_key"};
  find.projection = columns_only(kColumns);
  std::map<std::string, Gone> by_series;
  std::string object_key;
  GANTRY_TRY(session_.find(kImages, find, [&](const bson_t& row) -> Result<bool> {
    const std::string series = text_of(row, "series_uid");
    if (batch_.takes(scope.study, series, view_of(row, "sop_uid"))) return true;
    Gone& gone = by_series.try_emplace(series, Gone{series, 0, 0}).first->second;
    ++gone.instances;
    gone.bytes += static_cast<std::uint64_t>(number_of(row, "size"));
    object_key = text_of(row, "object_key");
    return true;
  }));
  if (by_series.empty()) return std::vector<Gone>();
  // The one that moves is queued by its name now: when the batch is made, another row has its place.
  if (scope.sop) batch_.queue.push_back(sql::queue_cells(batch_.tenant, object_key, due));
  batch_.taken.push_back({scope, due});
  std::vector<Gone> all;
  for (auto& [uid, gone] : by_series) all.push_back(std::move(gone));
  return all;
}

Result<std::string> BatchStore::first_instance(const SeriesKey& series) {
  using Place = std::pair<std::int64_t, std::string>;
  std::optional<Place> first;
  const auto offer = [&first](Place place) {
    if (!first || place < *first) first = std::move(place);
  };
  for (const auto& [sop, row] : batch_.instances) {
    if (image_text(row, "study_uid") != series.first || image_text(row, "series_uid") != series.second) continue;
    offer({number_in(sql::kImageTable, row, "instance_number_key"), sop});
  }
  Find find;
  find.filter = by_text("series_key", series_id(tenant(), series.first, series.second));
  find.sort.small("instance_number_key", 1).small("sop_uid", 1);
  static constexpr std::string_view kColumns[] = {"instance_number_key", "sop_uid"};
  find.projection = columns_only(kColumns);
  GANTRY_TRY(session_.find(kImages, find, [&](const bson_t& row) -> Result<bool> {
    std::string sop = text_of(row, "sop_uid");
    if (batch_.instances.contains(sop) || batch_.takes(series.first, series.second, sop)) return true;
    offer({number_of(row, "instance_number_key"), std::move(sop)});
    return false;
  }));
  return first ? first->second : std::string();
}

Result<std::vector<CellRow>> BatchStore::series_of(const std::string& study) {
  std::vector<CellRow> rows;
  for (const auto& [key, row] : batch_.series) {
    if (key.first == study && row) rows.push_back(*row);
  }
  Find find;
  find.filter = by_text("study_key", study_id(tenant(), study));
  GANTRY_TRY(session_.find(kStates, find, [&](const bson_t& document) -> Result<bool> {
    if (!batch_.series.contains({study, text_of(document, "series_uid")}))
      rows.push_back(to_cells(sql::kStateTable, document));
    return true;
  }));
  return rows;
}

Result<std::optional<SeriesKey>> BatchStore::next_first_of(const std::string& study, const SeriesKey& current) {
  const auto& [series, sop] = current;
  const auto ours = batch_.instances.find(sop);
  if (ours != batch_.instances.end()) {
    if (image_text(ours->second, "study_uid") == study && image_text(ours->second, "series_uid") == series) {
      return std::optional<SeriesKey>();
    }
  } else if (!batch_.takes(study, series, sop)) {
    Find find;
    find.filter = by_text("_id", image_id(tenant(), sop));
    find.filter.text("series_key", series_id(tenant(), study, series));
    find.projection.small("_id", 1);
    GANTRY_LET(const auto there, session_.find_one(kImages, find));
    if (there) return std::optional<SeriesKey>();
  }
  GANTRY_LET(const std::vector<CellRow> rows, series_of(study));
  const CellRow* first = nullptr;
  const auto place = [](const CellRow& row) {
    return std::tuple(number_in(sql::kStateTable, row, "series_number_key"),
                      text_in(sql::kStateTable, row, "series_uid"));
  };
  for (const CellRow& row : rows) {
    if (number_in(sql::kStateTable, row, "instances") == 0) continue;
    if (first == nullptr || place(row) < place(*first)) first = &row;
  }
  if (first == nullptr) return std::optional<SeriesKey>();
  return std::optional(
      SeriesKey(text_in(sql::kStateTable, *first, "series_uid"), text_in(sql::kStateTable, *first, "first_sop_uid")));
}

Result<std::vector<std::string>> BatchStore::modalities_of(const std::string& study) {
  GANTRY_LET(const std::vector<CellRow> rows, series_of(study));
  std::vector<std::string> modalities;
  for (const CellRow& row : rows) {
    if (number_in(sql::kStateTable, row, "instances") > 0)
      modalities.push_back(text_in(sql::kStateTable, row, "modality"));
  }
  return modalities;
}

}  // namespace gantry::index::mongo

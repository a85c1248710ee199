#include "gantry/index/sqlite/commit_run.hpp"

#include "gantry/base/sha256.hpp"
#include "gantry/index/sql/search_plan.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"

namespace gantry::index::sqlite {
namespace {

using Outcome = Committed::Outcome;

bool exceeds(std::uint64_t quota, std::uint64_t have, std::uint64_t freed, std::uint64_t added) {
  return quota != 0 && added > freed && have - freed + added > quota;
}

/// The column of dicom_image_meta that can't be missing keeps its first value when other bytes replace the instance's.
const std::string& upsert_instance() {
  static const std::string text = [] {
    constexpr std::array<std::string_view, 1> kKept{"created_time"};
    return sql::upsert_into(sql::sqlite_dialect(), sql::kImageTable, kKept);
  }();
  return text;
}

}  // namespace

Result<bool> CommitRun::load_tenant() {
  GANTRY_LET(Query query, db_.query("SELECT state, change_no, bytes, instances, studies, series, quota_bytes, quota_instances "
                                    "FROM dicom_tenant WHERE tenant_id = ?1"));
  query << tenant_.view();
  GANTRY_LET(const bool found, query.step());
  if (!found) return false;
  row_ = {static_cast<TenantState>(query.integer(0)), query.count(1), query.count(2), query.count(3), query.count(4),
          query.count(5), query.count(6), query.count(7)};
  return true;
}

Result<std::optional<CommitRun::Present>> CommitRun::find(const SopUid& sop) {
  GANTRY_LET(Query query, db_.query("SELECT study_uid, series_uid, transfer_syntax, object_key, dataset_sha256, size "
                                    "FROM dicom_image_meta WHERE tenant_id = ?1 AND sop_uid = ?2"));
  query << tenant_.view() << sop.view();
  GANTRY_LET(const bool found, query.step());
  if (!found) return std::optional<Present>();
  return std::optional<Present>(Present{StudyUid(query.text(0)), SeriesUid(query.text(1)), query.text(2), query.text(3),
                                        sha256_of(query.view(4)), query.count(5)});
}

Result<Committed> CommitRun::commit(const InstanceRecord& record, ConflictPolicy policy) {
  if (Clock::now() - record.persist_began > kPersistMost) return Committed{Outcome::kTooLate, 0, {}, {}};
  if (auto defect = defect_of(record)) return Committed{Outcome::kRejected, 0, *std::move(defect), {}};
  GANTRY_LET(const std::optional<Present> present, find(record.sop));
  if (present) {
    if (present->study == record.study && present->series == record.series &&
        present->transfer_syntax == record.transfer_syntax && present->dataset_sha256 == record.dataset_sha256) {
      settled_.insert(record.sop.str());
      return Committed{Outcome::kUnchanged, 0, {}, {}};
    }
    if (policy == ConflictPolicy::kIgnore) return Committed{Outcome::kIgnored, 0, {}, {}};
    if (policy == ConflictPolicy::kReject || settled_.contains(record.sop.str())) {
      return Committed{Outcome::kConflict, 0, {}, {}};
    }
  }
  const std::uint64_t freed = present ? present->size : 0;
  if (exceeds(row_.quota_bytes, row_.bytes, freed, record.size) ||
      exceeds(row_.quota_instances, row_.instances, present ? 1 : 0, 1)) {
    return Committed{Outcome::kNoQuota, 0, {}, {}};
  }
  {
    GANTRY_LET(Query used, db_.query("SELECT 1 FROM dicom_image_meta WHERE object_key = ?1 UNION ALL "
                                     "SELECT 1 FROM dicom_delete_queue WHERE object_key = ?1"));
    used << record.object_key.view();
    GANTRY_LET(const bool in_use, used.step());
    if (in_use) return Committed{Outcome::kRejected, 0, "the object key is in use", {}};
  }
  const bool moves = present && (present->study != record.study || present->series != record.series);
  if (moves) {
    GANTRY_LET(const std::uint64_t gone, remove(present->study, present->series, record.sop, now_ + kReplacedGrace));
    (void)gone;
  }
  const std::uint64_t version = row_.change_no + 1;
  std::string why;
  GANTRY_LET(const bool written, write_instance(record, version, why));
  if (!written) {
    if (moves) return Error::internal("a row that replaces another one was refused: " + why);
    return Committed{Outcome::kRejected, 0, std::move(why), {}};
  }
  row_.change_no = version;
  if (present && !moves) {
    GANTRY_TRY(queue_object(present->object_key, now_ + kReplacedGrace));
    row_.bytes -= present->size;
    --row_.instances;
  }
  GANTRY_TRY(count_in(record, version, !present || moves));
  GANTRY_TRY(add_change(version, present ? Change::Action::kReplaced : Change::Action::kStored, record.study.view(),
                        record.series.view(), record.sop.view()));
  settled_.insert(record.sop.str());
  Committed committed{present ? Outcome::kReplaced : Outcome::kStored, version, {}, {}};
  if (moves) committed.moved_from = Committed::Place{present->study, present->series};
  return committed;
}

Result<bool> CommitRun::write_instance(const InstanceRecord& record, std::uint64_t version, std::string& why) {
  const dicom::QidoAttributes& a = record.attributes;
  const std::string content_date = date_key(a.content_date), content_time = time_key(a.content_time);
  GANTRY_LET(Query query, db_.query(upsert_instance()));
  query << tenant_.view() << record.study.view() << record.series.view() << record.sop.view() << record.sop_class
        << record.transfer_syntax << a.instance_number << a.number_of_frames << a.rows << a.columns << a.bits_allocated
        << a.content_date << a.content_time << number_key(a.instance_number) << number_key(a.number_of_frames)
        << number_key(a.rows) << number_key(a.columns) << number_key(a.bits_allocated) << content_date << content_time
        << version << micros(now_) << record.object_key.view() << record.size;
  query.blob(record.file_sha256).blob(record.dataset_sha256).blob(record.frame_index).blob(record.attributes_zstd);
  return query.run_unless_refused(why);
}

Result<void> CommitRun::count_in(const InstanceRecord& record, std::uint64_t version, bool is_new) {
  GANTRY_LET(StudyState* const study, load_study(record.study.str()));
  GANTRY_LET(SeriesState* const series, load_series(record.study.str(), record.series.str()));
  if (is_new) {
    if (study->instances++ == 0) ++row_.studies;
    if (series->instances++ == 0) {
      ++study->series;
      ++row_.series;
      // The row may come from the six calls: from here on it counts, with the modality it has.
      study->recount_modalities = study->recount_modalities || series->existed;
    }
  } else {
    // What only the replaced bytes said goes with them.
    if (series->instances == 1) {
      for (const auto& [column, attribute] : kStateMembers) (series->state.*column).clear();
      series->state.study_date_origin.clear();
      series->attributes = {};
      study->recount_modalities = true;
    }
    if (study->instances == 1) study->attributes = {};
  }
  row_.bytes += record.size;
  ++row_.instances;
  fill_attributes(Level::kStudy, study->attributes, record.attributes);
  fill_state(series->state, record.attributes);
  fill_attributes(Level::kSeries, series->attributes, record.attributes);
  for (auto& modality : split_values(series->state.modality)) study->modalities.insert(std::move(modality));
  if (study->first_sop.empty()) {
    study->first_series = record.series.str();
    study->first_sop = record.sop.str();
  }
  if (series->first_sop.empty()) series->first_sop = record.sop.str();
  series->state.series_related_instances = series->instances;
  series->state.version = version;
  series->state.updated_time = now_;
  study->version = version;
  return {};
}

Result<void> CommitRun::queue_object(const std::string& key, Timestamp due) {
  GANTRY_LET(Query query, db_.query("INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) "
                                    "VALUES (?1, ?2, ?3, 0) ON CONFLICT (object_key) DO NOTHING"));
  query << key << tenant_.view() << micros(due);
  return query.run();
}

Result<void> CommitRun::add_change(std::uint64_t version, Change::Action action, std::string_view study,
                                   std::string_view series, std::string_view sop) {
  static const std::string insert = sql::insert_into(sql::sqlite_dialect(), sql::kChangeTable);
  GANTRY_LET(Query query, db_.query(insert));
  query << tenant_.view() << version << static_cast<int>(action) << study << series << sop << micros(now_);
  return query.run();
}

Result<CommitRun::StudyState*> CommitRun::load_study(const std::string& uid) {
  const auto [at, is_new] = studies_.try_emplace(uid);
  StudyState& study = at->second;
  if (!is_new) return &study;
  study.created = now_;
  static const std::string select = [] {
    std::string text = "SELECT modalities_in_study, study_related_series, study_related_instances, version, "
                       "first_series_uid, first_sop_uid, created_time";
    for (const auto& column : sql::select_columns(Level::kStudy)) {
      if (column.member != nullptr) text.append(", ").append(column.name);
    }
    return text + " FROM dicom_study_meta WHERE tenant_id = ?1 AND study_uid = ?2";
  }();
  GANTRY_LET(Query query, db_.query(select));
  query << tenant_.view() << uid;
  GANTRY_LET(const bool found, query.step());
  if (!found) return &study;
  study.existed = true;
  for (auto& modality : split_values(query.view(0))) study.modalities.insert(std::move(modality));
  study.series = query.count(1);
  study.instances = query.count(2);
  study.version = query.count(3);
  study.first_series = query.text(4);
  study.first_sop = query.text(5);
  study.created = timestamp(query.integer(6));
  int column = 7;
  for (const auto& [name, member] : sql::select_columns(Level::kStudy)) {
    if (member != nullptr) study.attributes.*member = query.text(column++);
  }
  study.terms = terms_of(study);
  return &study;
}

Result<CommitRun::SeriesState*> CommitRun::load_series(const std::string& study, const std::string& uid) {
  const auto [at, is_new] = series_.try_emplace(SeriesKey(study, uid));
  SeriesState& series = at->second;
  if (!is_new) return &series;
  static const std::string select = "SELECT " + state_row_columns("") +
                                    ", performed_procedure_step_start_date, performed_procedure_step_start_time, "
                                    "scheduled_procedure_step_ids, requested_procedure_ids, instances, first_sop_uid "
                                    "FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3";
  GANTRY_LET(Query query, db_.query(select));
  query << tenant_.view() << study << uid;
  GANTRY_LET(const bool found, query.step());
  if (!found) {
    series.state.tenant_id = tenant_.str();
    series.state.study_uid = study;
    series.state.series_uid = uid;
    series.state.study_uid_hash = uid_hash(study);
    series.state.series_uid_hash = uid_hash(uid);
    series.state.created_time = now_;
    return &series;
  }
  series.existed = true;
  series.state = read_state_row(query, 0);
  series.attributes.performed_procedure_step_start_date = query.text(30);
  series.attributes.performed_procedure_step_start_time = query.text(31);
  series.attributes.scheduled_procedure_step_ids = query.text(32);
  series.attributes.requested_procedure_ids = query.text(33);
  series.instances = query.count(34);
  series.first_sop = query.text(35);
  if (series.instances > 0) series.terms = terms_of(series);
  return &series;
}

Result<void> CommitRun::save_state(const StateRow& state) {
  GANTRY_LET(SeriesState* const series, load_series(state.study_uid, state.series_uid));
  const Timestamp created = series->existed ? series->state.created_time
                            : state.created_time == Timestamp{} ? now_
                                                                : state.created_time;
  series->state = state;
  series->state.tenant_id = tenant_.str();
  series->state.created_time = created;
  series->state.updated_time = state.updated_time == Timestamp{} ? now_ : state.updated_time;
  series->state.version = ++row_.change_no;
  GANTRY_LET(StudyState* const study, load_study(state.study_uid));
  if (!study->existed) {
    studies_.erase(state.study_uid);  // no instance, no study
    return {};
  }
  study->version = row_.change_no;
  if (series->instances > 0) study->recount_modalities = true;
  return {};
}

Result<void> CommitRun::finish() {
  GANTRY_TRY(flush());
  GANTRY_LET(Query query, db_.query("UPDATE dicom_tenant SET change_no = ?2, bytes = ?3, instances = ?4, studies = ?5, "
                                    "series = ?6 WHERE tenant_id = ?1"));
  query << tenant_.view() << row_.change_no << row_.bytes << row_.instances << row_.studies << row_.series;
  return query.run();
}

}  // namespace gantry::index::sqlite

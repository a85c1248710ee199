// The second half of CommitRun: writing series and studies with their terms, and removing.

#include <algorithm>

#include "gantry/base/sha256.hpp"
#include "gantry/index/sqlite/commit_run.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::sqlite {
namespace {

using sql::Term;

/// What remove() reaches: a study, a series or an instance.
std::string scope_of(bool series, bool sop) {
  std::string where = " WHERE tenant_id = ?1 AND study_uid = ?2";
  if (series) where += " AND series_uid = ?3";
  if (sop) where += " AND sop_uid = ?4";
  return where;
}

}  // namespace

std::set<CommitRun::TermRow> CommitRun::terms_of(const StudyState& study) {
  std::set<TermRow> terms;
  const dicom::QidoAttributes& a = study.attributes;
  const std::string date = date_key(a.study_date), time = time_key(a.study_time);
  const auto add = [&](Term kind, std::string term) {
    if (!term.empty()) terms.insert({static_cast<int>(kind), std::move(term), date, time, {}});
  };
  const auto add_name = [&](Term kind, const std::string& name) {
    const std::string groups = search_name(name);
    std::string_view rest = groups;
    for (;;) {
      const auto cut = rest.find(kGroupSeparator);
      add(kind, std::string(rest.substr(0, cut)));
      if (cut == std::string_view::npos) break;
      rest.remove_prefix(cut + 1);
    }
  };
  add(Term::kPatientId, a.patient_id);
  add(Term::kAccessionNumber, a.accession_number);
  add(Term::kStudyId, a.study_id);
  add_name(Term::kPatientName, a.patient_name);
  add_name(Term::kReferringPhysician, a.referring_physician_name);
  add(Term::kStudyDescription, search_text(a.study_description));
  add(Term::kPatientBirthDate, date_key(a.patient_birth_date));
  for (const auto& modality : study.modalities) add(Term::kModality, modality);
  return terms;
}

std::set<CommitRun::TermRow> CommitRun::terms_of(const SeriesState& series) {
  std::set<TermRow> terms;
  const auto add = [&](Term kind, std::string term) {
    if (!term.empty()) terms.insert({static_cast<int>(kind), std::move(term), {}, {}, series.state.series_uid});
  };
  add(Term::kSeriesDescription, search_text(series.state.series_description));
  add(Term::kBodyPart, series.state.body_part_examined);
  add(Term::kProtocolName, search_text(series.state.protocol_name));
  for (auto& id : split_values(series.attributes.scheduled_procedure_step_ids)) add(Term::kScheduledStepId, std::move(id));
  for (auto& id : split_values(series.attributes.requested_procedure_ids)) add(Term::kRequestedProcedureId, std::move(id));
  add(Term::kPerformedStepDate, date_key(series.attributes.performed_procedure_step_start_date));
  return terms;
}

Result<void> CommitRun::write_terms(const std::string& study, const std::set<TermRow>& old_terms,
                                    const std::set<TermRow>& terms) {
  for (const TermRow& term : old_terms) {
    if (terms.contains(term)) continue;
    GANTRY_LET(Query query,
               db_.query("DELETE FROM dicom_term WHERE tenant_id = ?1 AND kind = ?2 AND term = ?3 AND study_date_key = ?4 "
                         "AND study_time_key = ?5 AND study_uid = ?6 AND series_uid = ?7"));
    query << tenant_.view() << term.kind << term.term << term.date << term.time << study << term.series;
    GANTRY_TRY(query.run());
  }
  static const std::string insert =
      sql::insert_into(sql::sqlite_dialect(), sql::kTermTable) + " ON CONFLICT DO NOTHING";
  for (const TermRow& term : terms) {
    if (old_terms.contains(term)) continue;
    GANTRY_LET(Query query, db_.query(insert));
    query << tenant_.view() << term.kind << term.term << term.date << term.time << study << term.series;
    GANTRY_TRY(query.run());
  }
  return {};
}

Result<void> CommitRun::write_series(const SeriesKey& key, SeriesState& series) {
  const StateRow& state = series.state;
  const dicom::QidoAttributes& a = series.attributes;
  const std::string description = search_text(state.series_description), protocol = search_text(state.protocol_name);
  const std::string date = date_key(state.series_date), time = time_key(state.series_time);
  const std::string step_date = date_key(a.performed_procedure_step_start_date);
  const std::string step_time = time_key(a.performed_procedure_step_start_time);
  static const std::string upsert = sql::upsert_into(sql::sqlite_dialect(), sql::kStateTable);
  {
    GANTRY_LET(Query query, db_.query(upsert));
    for (const auto& [name, member] : sql::state_columns()) query << state.*member;
    query << state.series_related_instances << micros(state.created_time) << micros(state.updated_time) << state.version
          << a.performed_procedure_step_start_date << a.performed_procedure_step_start_time
          << a.scheduled_procedure_step_ids << a.requested_procedure_ids << description << protocol
          << number_key(state.series_number) << date << time << step_date << step_time << series.instances
          << series.first_sop << 1;  // every change makes its JSON due
    GANTRY_TRY(query.run());
  }
  // Rows without instances are found by no search.
  std::set<TermRow> terms = series.instances > 0 ? terms_of(series) : std::set<TermRow>();
  GANTRY_TRY(write_terms(key.first, series.terms, terms));
  series.terms = std::move(terms);
  series.existed = true;
  return {};
}

Result<void> CommitRun::write_study(const std::string& uid, StudyState& study) {
  if (study.recount_modalities) {
    study.modalities.clear();
    GANTRY_LET(Query query, db_.query("SELECT DISTINCT modality FROM dicom_state_meta WHERE tenant_id = ?1 AND "
                                      "study_uid = ?2 AND instances > 0"));
    query << tenant_.view() << uid;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) break;
      for (auto& modality : split_values(query.view(0))) study.modalities.insert(std::move(modality));
    }
    study.recount_modalities = false;
  }
  const dicom::QidoAttributes& a = study.attributes;
  const std::string hash = uid_hash(uid);
  const std::string modalities = join_values(std::vector<std::string>(study.modalities.begin(), study.modalities.end()));
  const std::string name = search_name(a.patient_name), referring = search_name(a.referring_physician_name);
  const std::string description = search_text(a.study_description);
  const std::string date = date_key(a.study_date), time = time_key(a.study_time);
  const std::string birth_date = date_key(a.patient_birth_date), birth_time = time_key(a.patient_birth_time);
  static const std::string upsert = sql::upsert_into(sql::sqlite_dialect(), sql::kStudyTable);
  {
    GANTRY_LET(Query query, db_.query(upsert));
    query << tenant_.view() << uid << hash << a.patient_id << a.patient_name << a.patient_sex << a.patient_birth_date
          << a.patient_birth_time << a.patient_age << a.patient_size << a.patient_weight << a.study_date << a.study_time
          << a.accession_number << a.study_id << a.study_description << a.referring_physician_name << a.timezone_offset
          << modalities << study.series << study.instances << name << referring << description << date << time
          << birth_date << birth_time << study.first_series << study.first_sop << micros(study.created) << micros(now_)
          << study.version;
    GANTRY_TRY(query.run());
  }
  std::set<TermRow> terms = terms_of(study);
  GANTRY_TRY(write_terms(uid, study.terms, terms));
  study.terms = std::move(terms);
  study.existed = true;
  return {};
}

Result<void> CommitRun::flush() {
  for (auto& [key, series] : series_) GANTRY_TRY(write_series(key, series));
  for (auto& [uid, study] : studies_) GANTRY_TRY(write_study(uid, study));
  series_.clear();
  studies_.clear();
  return {};
}

Result<void> CommitRun::drop_series(const SeriesKey& key, const SeriesState& series) {
  GANTRY_TRY(write_terms(key.first, series.terms, {}));
  for (const char* text :
       {"INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) SELECT object_key, tenant_id, ?4, 0 "
        "FROM dicom_json_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3 AND object_key <> '' "
        "ON CONFLICT (object_key) DO NOTHING",
        "DELETE FROM dicom_json_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3",
        "DELETE FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND series_uid = ?3"}) {
    GANTRY_LET(Query query, db_.query(text));
    query << tenant_.view() << key.first << key.second;
    if (*text == 'I') query << micros(now_ + kReplacedGrace);
    GANTRY_TRY(query.run());
  }
  return {};
}

Result<std::uint64_t> CommitRun::remove(const StudyUid& study, const std::optional<SeriesUid>& series,
                                        const std::optional<SopUid>& sop, Timestamp due) {
  GANTRY_TRY(flush());  // from here on the tables say all
  const std::string where = scope_of(series.has_value(), sop.has_value());
  const auto bind_scope = [&](Query& query) {
    query.bind(1, tenant_.view()).bind(2, study.view());
    if (series) query.bind(3, series->view());
    if (sop) query.bind(4, sop->view());
  };
  std::map<std::string, std::uint64_t> going;  // series UID to instances
  std::uint64_t total = 0, bytes = 0;
  {
    GANTRY_LET(Query query, db_.query("SELECT series_uid, COUNT(*), SUM(size) FROM dicom_image_meta" + where +
                                      " GROUP BY series_uid"));
    bind_scope(query);
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) break;
      going[query.text(0)] = query.count(1);
      total += query.count(1);
      bytes += query.count(2);
    }
  }
  if (total == 0) return std::uint64_t{0};
  {
    GANTRY_LET(Query query, db_.query("INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) "
                                      "SELECT object_key, tenant_id, ?5, 0 FROM dicom_image_meta" + where +
                                      " ON CONFLICT (object_key) DO NOTHING"));
    bind_scope(query);
    query.bind(5, micros(due));
    GANTRY_TRY(query.run());
  }
  {
    GANTRY_LET(Query query, db_.query("DELETE FROM dicom_image_meta" + where));
    bind_scope(query);
    GANTRY_TRY(query.run());
  }
  const std::uint64_t version = ++row_.change_no;
  row_.instances -= total;
  row_.bytes -= bytes;
  GANTRY_LET(StudyState* const rest, load_study(study.str()));
  rest->instances -= total;
  rest->version = version;
  for (const auto& [uid, count] : going) {
    GANTRY_LET(SeriesState* const each, load_series(study.str(), uid));
    each->instances -= count;
    each->state.series_related_instances = each->instances;
    each->state.version = version;
    each->state.updated_time = now_;
    const SeriesKey key(study.str(), uid);
    if (each->instances == 0) {
      --rest->series;
      --row_.series;
      GANTRY_TRY(drop_series(key, *each));
      rest->recount_modalities = true;
    } else {
      if (sop && each->first_sop == sop->str()) {
        GANTRY_LET(Query query,
                   db_.query("SELECT sop_uid FROM dicom_image_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND "
                             "series_uid = ?3 ORDER BY instance_number_key, sop_uid LIMIT 1"));
        query << tenant_.view() << study.view() << uid;
        GANTRY_LET(const bool found, query.step());
        if (found) each->first_sop = query.text(0);
      }
      GANTRY_TRY(write_series(key, *each));
    }
    series_.erase(key);
  }
  GANTRY_TRY(after_removal(study.str(), *rest));
  const std::string_view series_uid = series ? series->view() : sop ? std::string_view(going.begin()->first) : "";
  GANTRY_TRY(add_change(version, Change::Action::kDeleted, study.view(), series_uid, sop ? sop->view() : ""));
  return total;
}

// What is left of a study whose series are written: nothing, or a row with another first instance.
Result<void> CommitRun::after_removal(const std::string& uid, StudyState& study) {
  if (study.instances == 0) {
    --row_.studies;
    GANTRY_TRY(write_terms(uid, study.terms, {}));
    // Series rows of the six calls go with the study.
    for (const char* text :
         {"INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) SELECT object_key, tenant_id, ?3, 0 "
          "FROM dicom_json_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND object_key <> '' "
          "ON CONFLICT (object_key) DO NOTHING",
          "DELETE FROM dicom_json_meta WHERE tenant_id = ?1 AND study_uid = ?2",
          "DELETE FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2",
          "DELETE FROM dicom_study_meta WHERE tenant_id = ?1 AND study_uid = ?2"}) {
      GANTRY_LET(Query query, db_.query(text));
      query << tenant_.view() << uid;
      if (*text == 'I') query << micros(now_ + kReplacedGrace);
      GANTRY_TRY(query.run());
    }
    studies_.erase(uid);
    return {};
  }
  bool first_is_there = false;
  {
    GANTRY_LET(Query query, db_.query("SELECT 1 FROM dicom_image_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND "
                                      "series_uid = ?3 AND sop_uid = ?4"));
    query << tenant_.view() << uid << study.first_series << study.first_sop;
    GANTRY_LET(first_is_there, query.step());
  }
  if (!first_is_there) {
    GANTRY_LET(Query query,
               db_.query("SELECT series_uid, first_sop_uid FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 "
                         "AND instances > 0 ORDER BY series_number_key, series_uid LIMIT 1"));
    query << tenant_.view() << uid;
    GANTRY_LET(const bool found, query.step());
    if (found) {
      study.first_series = query.text(0);
      study.first_sop = query.text(1);
    }
  }
  GANTRY_TRY(write_study(uid, study));
  studies_.erase(uid);
  return {};
}

}  // namespace gantry::index::sqlite

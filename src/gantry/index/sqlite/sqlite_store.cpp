#include "gantry/index/sqlite/sqlite_store.hpp"

#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::sqlite {
namespace {

/// An instance keeps its created_time when other bytes replace the first ones.
const std::string& upsert_instance() {
  static const std::string text = [] {
    constexpr std::array<std::string_view, 1> kKept{"created_time"};
    return sql::upsert_into(sql::sqlite_dialect(), sql::kImageTable, kKept);
  }();
  return text;
}

std::string scope_of(const sql::CommitStore::Scope& scope) {
  std::string where = " WHERE tenant_id = ?1 AND study_uid = ?2";
  if (scope.series) where += " AND series_uid = ?3";
  if (scope.sop) where += " AND sop_uid = ?4";
  return where;
}

}  // namespace

void bind_row(Query& query, std::span<const sql::Column> columns, const sql::CellRow& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (const auto* number = std::get_if<std::int64_t>(&row[i])) {
      query << *number;
    } else if (!columns.empty() && columns[i].type == sql::ColumnType::kBlob) {
      query.blob(std::string_view(std::get<std::string>(row[i])));
    } else {
      query << std::string_view(std::get<std::string>(row[i]));
    }
  }
}

std::string insert_missing(const sql::Table& table) {
  return sql::insert_into(sql::sqlite_dialect(), table) + " ON CONFLICT DO NOTHING";
}

Result<std::optional<sql::TenantRow>> SqliteStore::begin(const Wanted& wanted, Loaded& loaded) {
  std::optional<sql::TenantRow> row;
  {
    GANTRY_LET(Query query, db_.query("SELECT state, change_no, bytes, instances, studies, series, quota_bytes, "
                                      "quota_instances, audit_no, audit_hash FROM dicom_tenant WHERE tenant_id = ?1"));
    query << tenant_.view();
    GANTRY_LET(const bool found, query.step());
    if (!found) return row;
    row = sql::TenantRow{static_cast<TenantState>(query.integer(0)),
                         query.count(1),
                         query.count(2),
                         query.count(3),
                         query.count(4),
                         query.count(5),
                         query.count(6),
                         query.count(7),
                         timestamp_now(),
                         {query.count(8), query.text(9)}};
  }
  GANTRY_TRY(load(wanted, loaded));
  return row;
}

Result<void> SqliteStore::load(const Wanted& wanted, Loaded& loaded) {
  for (const std::string& sop : wanted.sops) {
    GANTRY_LET(Query query, db_.query("SELECT study_uid, series_uid, transfer_syntax, object_key, dataset_sha256, size "
                                      "FROM dicom_image_meta WHERE tenant_id = ?1 AND sop_uid = ?2"));
    query << tenant_.view() << std::string_view(sop);
    GANTRY_LET(const bool found, query.step());
    if (!found) continue;
    loaded.presents.emplace(sop, sql::Present{StudyUid(query.text(0)), SeriesUid(query.text(1)), query.text(2),
                                              query.text(3), sql::sha256_of(query.view(4)), query.count(5)});
  }
  for (const std::string& key : wanted.object_keys) {
    GANTRY_LET(Query query, db_.query("SELECT 1 FROM dicom_image_meta WHERE object_key = ?1 UNION ALL "
                                      "SELECT 1 FROM dicom_delete_queue WHERE object_key = ?1"));
    query << std::string_view(key);
    GANTRY_LET(const bool used, query.step());
    if (used) loaded.used_keys.insert(key);
  }
  static const std::string study_text =
      "SELECT " + sql::study_columns() + " FROM dicom_study_meta x WHERE x.tenant_id = ?1 AND x.study_uid = ?2";
  for (const std::string& uid : wanted.studies) {
    GANTRY_LET(Query query, db_.query(study_text));
    query << tenant_.view() << std::string_view(uid);
    GANTRY_LET(const bool found, query.step());
    if (found) loaded.studies.emplace(uid, sql::read_study_state(dialect(), query));
  }
  static const std::string series_text = "SELECT " + sql::series_columns() +
                                         " FROM dicom_state_meta x WHERE x.tenant_id = ?1 AND x.study_uid = ?2 AND "
                                         "x.series_uid = ?3";
  for (const sql::SeriesKey& key : wanted.series) {
    GANTRY_LET(Query query, db_.query(series_text));
    query << tenant_.view() << std::string_view(key.first) << std::string_view(key.second);
    GANTRY_LET(const bool found, query.step());
    if (found) loaded.series.emplace(key, sql::read_series_state(dialect(), query));
  }
  return {};
}

Result<void> SqliteStore::write_rows(const std::string& statement, const sql::CellRows& rows) {
  for (const sql::CellRow& row : rows) {
    GANTRY_LET(Query query, db_.query(statement));
    bind_row(query, {}, row);
    GANTRY_TRY(query.run());
  }
  return {};
}

Result<bool> SqliteStore::write_instance(const sql::CellRow& row, std::string& why) {
  GANTRY_LET(Query query, db_.query(upsert_instance()));
  bind_row(query, sql::kImageTable.columns, row);
  return query.run_unless_refused(why);
}

// `where` adds the series, when there is one, as ?3.
Result<void> SqliteStore::drop(std::string_view where, const std::string& study, const std::string* series,
                               Timestamp objects_due) {
  const std::string scope = " WHERE tenant_id = ?1 AND study_uid = ?2" + std::string(where);
  const auto run = [&](const std::string& text, bool queues) -> Result<void> {
    GANTRY_LET(Query query, db_.query(text));
    query.bind(1, tenant_.view()).bind(2, std::string_view(study));
    if (series != nullptr) query.bind(3, std::string_view(*series));
    if (queues) query.bind(4, sql::micros(objects_due));
    return query.run();
  };
  GANTRY_TRY(
      run("INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) SELECT object_key, tenant_id, "
          "?4, 0 FROM dicom_json_meta" +
              scope + " AND object_key <> '' ON CONFLICT (object_key) DO NOTHING",
          true));
  GANTRY_TRY(run("DELETE FROM dicom_json_meta" + scope, false));
  return run("DELETE FROM dicom_state_meta" + scope, false);
}

Result<void> SqliteStore::write(const Writes& writes) {
  const auto& dialect = sql::sqlite_dialect();
  for (const sql::CellRow& term : writes.terms_out) {
    GANTRY_LET(
        Query query,
        db_.query("DELETE FROM dicom_term WHERE tenant_id = ?1 AND kind = ?2 AND term = ?3 AND study_date_key = ?4 "
                  "AND study_time_key = ?5 AND study_uid = ?6 AND series_uid = ?7"));
    bind_row(query, {}, term);
    GANTRY_TRY(query.run());
  }
  static const std::string insert_term = insert_missing(sql::kTermTable);
  GANTRY_TRY(write_rows(insert_term, writes.terms_in));
  for (const auto& [study, series] : writes.dropped_series) {
    GANTRY_TRY(drop(" AND series_uid = ?3", study, &series, writes.objects_due));
  }
  for (const std::string& study : writes.dropped_studies) {
    GANTRY_TRY(drop("", study, nullptr, writes.objects_due));
    GANTRY_LET(Query query, db_.query("DELETE FROM dicom_study_meta WHERE tenant_id = ?1 AND study_uid = ?2"));
    query << tenant_.view() << std::string_view(study);
    GANTRY_TRY(query.run());
  }
  static const std::string upsert_series = sql::upsert_into(dialect, sql::kStateTable);
  GANTRY_TRY(write_rows(upsert_series, writes.series));
  static const std::string upsert_study = sql::upsert_into(dialect, sql::kStudyTable);
  GANTRY_TRY(write_rows(upsert_study, writes.studies));
  static const std::string insert_queue = insert_missing(sql::kDeleteQueueTable);
  GANTRY_TRY(write_rows(insert_queue, writes.queue));
  static const std::string insert_change = sql::insert_into(dialect, sql::kChangeTable);
  GANTRY_TRY(write_rows(insert_change, writes.changes));
  static const std::string insert_audit = sql::insert_into(dialect, sql::kAuditTable);
  GANTRY_TRY(write_rows(insert_audit, writes.audits));
  if (!writes.tenant) return {};
  const sql::TenantRow& row = *writes.tenant;
  GANTRY_LET(Query query, db_.query("UPDATE dicom_tenant SET change_no = ?2, bytes = ?3, instances = ?4, studies = ?5, "
                                    "series = ?6, audit_no = ?7, audit_hash = ?8 WHERE tenant_id = ?1"));
  query << tenant_.view() << row.change_no << row.bytes << row.instances << row.studies << row.series
        << row.audit.number << std::string_view(row.audit.hash);
  return query.run();
}

Result<std::vector<sql::CommitStore::Gone>> SqliteStore::take_instances(const Scope& scope, Timestamp due) {
  const std::string where = scope_of(scope);
  const auto bind_scope = [&](Query& query) {
    query.bind(1, tenant_.view()).bind(2, std::string_view(scope.study));
    if (scope.series) query.bind(3, std::string_view(*scope.series));
    if (scope.sop) query.bind(4, std::string_view(*scope.sop));
  };
  std::vector<Gone> gone;
  {
    GANTRY_LET(Query query, db_.query("SELECT series_uid, COUNT(*), SUM(size) FROM dicom_image_meta" + where +
                                      " GROUP BY series_uid ORDER BY series_uid"));
    bind_scope(query);
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) break;
      gone.push_back({query.text(0), query.count(1), query.count(2)});
    }
  }
  if (gone.empty()) return gone;
  {
    GANTRY_LET(Query query, db_.query("INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) "
                                      "SELECT object_key, tenant_id, ?5, 0 FROM dicom_image_meta" +
                                      where + " ON CONFLICT (object_key) DO NOTHING"));
    bind_scope(query);
    query.bind(5, sql::micros(due));
    GANTRY_TRY(query.run());
  }
  GANTRY_LET(Query query, db_.query("DELETE FROM dicom_image_meta" + where));
  bind_scope(query);
  GANTRY_TRY(query.run());
  return gone;
}

Result<std::string> SqliteStore::first_instance(const sql::SeriesKey& series) {
  GANTRY_LET(Query query, db_.query("SELECT sop_uid FROM dicom_image_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND "
                                    "series_uid = ?3 ORDER BY instance_number_key, sop_uid LIMIT 1"));
  query << tenant_.view() << std::string_view(series.first) << std::string_view(series.second);
  GANTRY_LET(const bool found, query.step());
  return found ? query.text(0) : std::string();
}

Result<std::optional<sql::SeriesKey>> SqliteStore::next_first_of(const std::string& study,
                                                                 const sql::SeriesKey& current) {
  {
    GANTRY_LET(Query query, db_.query("SELECT 1 FROM dicom_image_meta WHERE tenant_id = ?1 AND study_uid = ?2 AND "
                                      "series_uid = ?3 AND sop_uid = ?4"));
    query << tenant_.view() << std::string_view(study) << std::string_view(current.first)
          << std::string_view(current.second);
    GANTRY_LET(const bool is_there, query.step());
    if (is_there) return std::optional<sql::SeriesKey>();
  }
  GANTRY_LET(Query query,
             db_.query("SELECT series_uid, first_sop_uid FROM dicom_state_meta WHERE tenant_id = ?1 AND study_uid = ?2 "
                       "AND instances > 0 ORDER BY series_number_key, series_uid LIMIT 1"));
  query << tenant_.view() << std::string_view(study);
  GANTRY_LET(const bool found, query.step());
  return found ? std::optional(sql::SeriesKey(query.text(0), query.text(1))) : std::nullopt;
}

Result<std::vector<std::string>> SqliteStore::modalities_of(const std::string& study) {
  GANTRY_LET(Query query, db_.query("SELECT DISTINCT modality FROM dicom_state_meta WHERE tenant_id = ?1 AND "
                                    "study_uid = ?2 AND instances > 0"));
  query << tenant_.view() << std::string_view(study);
  std::vector<std::string> modalities;
  for (;;) {
    GANTRY_LET(const bool more, query.step());
    if (!more) return modalities;
    modalities.push_back(query.text(0));
  }
}

}  // namespace gantry::index::sqlite

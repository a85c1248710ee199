#include "gantry/index/sql/batch_store.hpp"

#include <array>

#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

constexpr std::array<Column, 3> kSeriesKeyColumns{
    {{"tenant_id", ColumnType::kUid}, {"study_uid", ColumnType::kUid}, {"series_uid", ColumnType::kUid}}};
constexpr std::span<const Column> kStudyKeyColumns = std::span(kSeriesKeyColumns).first(2);

std::vector<std::string> list_of(const std::set<std::string>& values) { return {values.begin(), values.end()}; }

}  // namespace

// The clock is read by a statement of its own, that starts when the lock is there.
void add_tenant_lock(std::vector<Text>& statements, const NetworkDialect& dialect, const TenantId& tenant) {
  Text& lock = statements.emplace_back(dialect);
  lock << "SELECT 1 FROM dicom_tenant WHERE tenant_id = ";
  lock.bind(tenant.view()) << dialect.for_update();
  Text& read = statements.emplace_back(dialect);
  read << "SELECT state, change_no, bytes, instances, studies, series, quota_bytes, quota_instances, audit_no, audit_hash, "
       << dialect.clock() << " FROM dicom_tenant WHERE tenant_id = ";
  read.bind(tenant.view());
}

Result<std::optional<TenantRow>> BatchStore::begin(const Wanted& wanted, Loaded& loaded) {
  std::vector<Text> statements;
  CellRows series_keys;
  add_tenant_lock(statements, session_.dialect(), tenant_);
  add_loads(statements, wanted, series_keys);
  GANTRY_LET(const std::vector<Rows> sets, session_.run(statements));
  if (sets[1]->size() == 0) return std::optional<TenantRow>();
  const RowRef row(*sets[1], 0);
  read_loads(std::span(sets).subspan(2), wanted, loaded);
  return std::optional(TenantRow{static_cast<TenantState>(row.integer(0)), row.count(1), row.count(2), row.count(3),
                                 row.count(4), row.count(5), row.count(6), row.count(7), row.time(kTenantClock),
                                 {row.count(8), row.text(9)}});
}

Result<void> BatchStore::load(const Wanted& wanted, Loaded& loaded) {
  std::vector<Text> statements;
  CellRows series_keys;
  add_loads(statements, wanted, series_keys);
  GANTRY_LET(const std::vector<Rows> sets, session_.run(statements));
  read_loads(sets, wanted, loaded);
  return {};
}

void BatchStore::add_loads(std::vector<Text>& statements, const Wanted& wanted, CellRows& series_keys) const {
  const NetworkDialect& dialect = session_.dialect();
  if (!wanted.sops.empty()) {
    Text& sql = statements.emplace_back(dialect);
    sql << "SELECT x.sop_uid, x.study_uid, x.series_uid, x.transfer_syntax, x.object_key, x.dataset_sha256, x.size "
           "FROM ";
    dialect.array_rows(sql, list_of(wanted.sops));
    sql << " k" << dialect.ordered_join() << "dicom_image_meta x WHERE x.tenant_id = ";
    sql.bind(tenant_.view()) << " AND x.sop_uid = k.value";
  }
  if (!wanted.object_keys.empty()) {
    Text& sql = statements.emplace_back(dialect);
    bool first = true;
    for (const std::string_view table : {"dicom_image_meta", "dicom_delete_queue"}) {
      sql << (first ? "SELECT k.value FROM " : " UNION ALL SELECT k.value FROM ");
      dialect.array_rows(sql, list_of(wanted.object_keys));
      sql << " k" << dialect.ordered_join() << table << " x WHERE x.object_key = k.value";
      first = false;
    }
  }
  if (!wanted.studies.empty()) {
    Text& sql = statements.emplace_back(dialect);
    sql << "SELECT " << study_columns() << " FROM ";
    dialect.array_rows(sql, list_of(wanted.studies));
    sql << " k" << dialect.ordered_join() << "dicom_study_meta x WHERE x.tenant_id = ";
    sql.bind(tenant_.view()) << " AND x.study_uid = k.value";
  }
  if (!wanted.series.empty()) {
    for (const auto& [study, series] : wanted.series) series_keys.push_back({study, series});
    Text& sql = statements.emplace_back(dialect);
    sql << "SELECT " << series_columns() << " FROM ";
    dialect.row_source(sql, "k", std::span(kSeriesKeyColumns).subspan(1), series_keys);
    sql << dialect.ordered_join() << "dicom_state_meta x WHERE x.tenant_id = ";
    sql.bind(tenant_.view()) << " AND x.study_uid = k.study_uid AND x.series_uid = k.series_uid";
  }
}

void BatchStore::read_loads(std::span<const Rows> sets, const Wanted& wanted, Loaded& loaded) const {
  std::size_t at = 0;
  const auto each = [&sets, &at](auto visit) {
    const RowSet& rows = *sets[at++];
    for (std::size_t i = 0; i < rows.size(); ++i) visit(RowRef(rows, i));
  };
  if (!wanted.sops.empty()) {
    each([&](const RowRef& row) {
      loaded.presents.emplace(row.text(0), Present{StudyUid(row.text(1)), SeriesUid(row.text(2)), row.text(3),
                                                   row.text(4), sha256_of(row.view(5)), row.count(6)});
    });
  }
  if (!wanted.object_keys.empty()) each([&](const RowRef& row) { loaded.used_keys.insert(row.text(0)); });
  if (!wanted.studies.empty()) {
    each([&](const RowRef& row) { loaded.studies.emplace(row.text(0), read_study_state(dialect(), row)); });
  }
  if (!wanted.series.empty()) {
    each([&](const RowRef& row) {
      SeriesState series = read_series_state(dialect(), row);
      SeriesKey key(series.state.study_uid, series.state.series_uid);
      loaded.series.emplace(std::move(key), std::move(series));
    });
  }
}

// Series rows by their own or their study's key, with what hangs on them.
void BatchStore::add_drops(std::vector<Text>& statements, std::span<const Column> key, const CellRows& keys,
                           Timestamp objects_due) const {
  const NetworkDialect& dialect = session_.dialect();
  Text& sql = statements.emplace_back(dialect);
  sql << "INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) SELECT x.object_key, "
         "x.tenant_id, ";
  sql.bind(Value(objects_due)) << ", 0 FROM ";
  dialect.row_source(sql, "k", key, keys);
  sql << dialect.ordered_join() << "dicom_json_meta x WHERE x.object_key <> ''";
  for (const Column& column : key) sql << " AND x." << column.name << " = k." << column.name;
  sql << dialect.upsert_tail(kDeleteQueueTable, {});
  // The series first: without its lock nobody writes its JSON row.
  dialect.delete_rows(statements, kStateTable, key, keys);
  dialect.delete_rows(statements, kJsonTable, key, keys);
}

void BatchStore::add_writes(std::vector<Text>& statements, const Writes& writes, CellRows& keys_of_series,
                            CellRows& keys_of_studies) const {
  const NetworkDialect& dialect = session_.dialect();
  constexpr std::array<std::string_view, 1> kKept{"created_time"};
  if (!writes.terms_out.empty()) dialect.delete_rows(statements, kTermTable, kTermTable.columns, writes.terms_out);
  if (!writes.terms_in.empty()) dialect.insert_missing_rows(statements, kTermTable, writes.terms_in);
  for (const auto& [study, series] : writes.dropped_series) keys_of_series.push_back({tenant_.str(), study, series});
  for (const auto& study : writes.dropped_studies) keys_of_studies.push_back({tenant_.str(), study});
  if (!keys_of_series.empty()) add_drops(statements, kSeriesKeyColumns, keys_of_series, writes.objects_due);
  if (!keys_of_studies.empty()) {
    add_drops(statements, kStudyKeyColumns, keys_of_studies, writes.objects_due);
    dialect.delete_rows(statements, kStudyTable, kStudyKeyColumns, keys_of_studies);
  }
  if (!writes.series.empty()) dialect.upsert_rows(statements, kStateTable, kStateTable.columns, writes.series, {});
  if (!writes.studies.empty()) dialect.upsert_rows(statements, kStudyTable, kStudyTable.columns, writes.studies, {});
  if (!writes.instances.empty())
    dialect.upsert_rows(statements, kImageTable, kImageTable.columns, writes.instances, kKept);
  if (!writes.queue.empty()) dialect.insert_missing_rows(statements, kDeleteQueueTable, writes.queue);
  if (!writes.changes.empty()) dialect.insert_missing_rows(statements, kChangeTable, writes.changes);
  if (!writes.audits.empty()) dialect.insert_missing_rows(statements, kAuditTable, writes.audits);
  if (!writes.tenant) return;
  const TenantRow& row = *writes.tenant;
  Text& sql = statements.emplace_back(dialect);
  sql << "UPDATE dicom_tenant SET change_no = ";
  sql.bind(row.change_no) << ", bytes = ";
  sql.bind(row.bytes) << ", instances = ";
  sql.bind(row.instances) << ", studies = ";
  sql.bind(row.studies) << ", series = ";
  sql.bind(row.series) << ", audit_no = ";
  sql.bind(row.audit.number) << ", audit_hash = ";
  sql.bind(row.audit.hash) << " WHERE tenant_id = ";
  sql.bind(tenant_.view());
}

Result<void> BatchStore::write(const Writes& writes) {
  std::vector<Text> statements;
  CellRows keys_of_series, keys_of_studies;
  add_writes(statements, writes, keys_of_series, keys_of_studies);
  if (statements.empty()) return {};
  GANTRY_LET(const std::vector<Rows> done, session_.run(statements));
  (void)done;
  return {};
}

Result<void> BatchStore::finish(const Writes& writes) {
  std::vector<Text> statements;
  CellRows keys_of_series, keys_of_studies;
  add_writes(statements, writes, keys_of_series, keys_of_studies);
  return session_.run_and_commit(statements);
}

Result<bool> BatchStore::write_instance(const CellRow& row, std::string& why) {
  constexpr std::array<std::string_view, 1> kKept{"created_time"};
  const CellRows rows{row};
  std::vector<Text> statements;
  session_.dialect().upsert_rows(statements, kImageTable, kImageTable.columns, rows, kKept);
  return session_.run_unless_refused(statements.at(0), why);
}

Result<std::vector<CommitStore::Gone>> BatchStore::take_instances(const Scope& scope, Timestamp due) {
  const NetworkDialect& dialect = session_.dialect();
  const auto write_scope = [&](Text& sql) {
    sql << " WHERE tenant_id = ";
    sql.bind(tenant_.view()) << " AND study_uid = ";
    sql.bind(scope.study);
    if (scope.series) {
      sql << " AND series_uid = ";
      sql.bind(*scope.series);
    }
    if (scope.sop) {
      sql << " AND sop_uid = ";
      sql.bind(*scope.sop);
    }
  };
  std::vector<Text> statements(3, text());
  statements[0] << "SELECT series_uid, COUNT(*), " << dialect.integer("SUM(size)") << " FROM dicom_image_meta";
  write_scope(statements[0]);
  statements[0] << " GROUP BY series_uid ORDER BY series_uid";
  statements[1]
      << "INSERT INTO dicom_delete_queue (object_key, tenant_id, due_time, attempts) SELECT object_key, tenant_id, ";
  statements[1].bind(Value(due)) << ", 0 FROM dicom_image_meta";
  write_scope(statements[1]);
  statements[1] << dialect.upsert_tail(kDeleteQueueTable, {});
  statements[2] << "DELETE FROM dicom_image_meta";
  write_scope(statements[2]);
  GANTRY_LET(const std::vector<Rows> sets, session_.run(statements));
  std::vector<Gone> gone;
  for (std::size_t i = 0; i < sets[0]->size(); ++i) {
    const RowRef row(*sets[0], i);
    gone.push_back({row.text(0), row.count(1), row.count(2)});
  }
  return gone;
}

Result<std::string> BatchStore::first_instance(const SeriesKey& series) {
  Text sql = text();
  sql << "SELECT sop_uid FROM dicom_image_meta WHERE tenant_id = ";
  sql.bind(tenant_.view()) << " AND study_uid = ";
  sql.bind(series.first) << " AND series_uid = ";
  sql.bind(series.second) << " ORDER BY instance_number_key, sop_uid LIMIT 1";
  GANTRY_LET(const Rows rows, session_.run(sql));
  return rows->size() == 0 ? std::string() : std::string(rows->view(0, 0));
}

Result<std::optional<SeriesKey>> BatchStore::next_first_of(const std::string& study, const SeriesKey& current) {
  std::vector<Text> statements(2, text());
  statements[0] << "SELECT 1 FROM dicom_image_meta WHERE tenant_id = ";
  statements[0].bind(tenant_.view()) << " AND study_uid = ";
  statements[0].bind(study) << " AND series_uid = ";
  statements[0].bind(current.first) << " AND sop_uid = ";
  statements[0].bind(current.second);
  statements[1] << "SELECT series_uid, first_sop_uid FROM dicom_state_meta WHERE tenant_id = ";
  statements[1].bind(tenant_.view()) << " AND study_uid = ";
  statements[1].bind(study) << " AND instances > 0 ORDER BY series_number_key, series_uid LIMIT 1";
  GANTRY_LET(const std::vector<Rows> sets, session_.run(statements));
  if (sets[0]->size() > 0 || sets[1]->size() == 0) return std::optional<SeriesKey>();
  const RowRef row(*sets[1], 0);
  return std::optional(SeriesKey(row.text(0), row.text(1)));
}

Result<std::vector<std::string>> BatchStore::modalities_of(const std::string& study) {
  Text sql = text();
  sql << "SELECT DISTINCT modality FROM dicom_state_meta WHERE tenant_id = ";
  sql.bind(tenant_.view()) << " AND study_uid = ";
  sql.bind(study) << " AND instances > 0";
  GANTRY_LET(const Rows rows, session_.run(sql));
  std::vector<std::string> modalities;
  for (std::size_t i = 0; i < rows->size(); ++i) modalities.emplace_back(rows->view(i, 0));
  return modalities;
}

}  // namespace gantry::index::sql

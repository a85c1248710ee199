#include "gantry/index/sql/json_tasks.hpp"

#include <array>

#include "gantry/index/sql/commit_rows.hpp"

namespace gantry::index::sql {
namespace {

/// Every row of dicom_json_meta whose series is there.
constexpr std::string_view kTasksOfSeries =
    "FROM dicom_json_meta x JOIN dicom_state_meta s ON s.tenant_id = x.tenant_id AND s.study_uid = x.study_uid AND "
    "s.series_uid = x.series_uid WHERE ";

/// No series changes later, and every database has it.
constexpr Timestamp kAfterAllTimes = std::chrono::sys_days(std::chrono::year(9999) / 1 / 1);

}  // namespace

const std::string& task_columns() {
  static const std::string columns = column_list(names_of(kJsonTable.columns), "x.");
  return columns;
}

CellRow task_cells(const JsonTask& task) {
  const JsonRow& row = task.row;
  return {row.tenant_id,
          row.study_uid,
          row.series_uid,
          row.study_uid_hash,
          row.series_uid_hash,
          row.study_date_origin,
          micros(row.created_time),
          micros(row.flag_time),
          std::int64_t{row.json_status},
          std::int64_t{row.retry_times},
          static_cast<std::int64_t>(row.version),
          task.lease_owner,
          micros(task.lease_until),
          micros(task.next_at),
          row.last_error,
          row.object_key};
}

// The rows that wait are left out by a subquery that no planner turns into a join: a join might read all of
// dicom_json_meta. What it leaves in is asked again, with the rows locked, by next_step().
Text claimable_series(const Dialect& dialect, Timestamp end_time, std::string_view clock, std::size_t limit) {
  Text sql(dialect);
  sql << "SELECT " << state_row_columns("x.") << " FROM dicom_state_meta x WHERE x.json_due = 1 AND x.updated_time < ";
  sql.bind(Value(end_time));
  sql << " AND COALESCE((SELECT CASE WHEN j.json_status = 3 AND j.lease_until > " << clock
      << " THEN 1 WHEN j.json_status = 2 AND j.version >= x.version AND j.retry_times < "
      << std::to_string(kJsonTriesMost) << " AND j.next_at > " << clock
      << " THEN 1 ELSE 0 END FROM dicom_json_meta j WHERE j.tenant_id = x.tenant_id AND j.study_uid = x.study_uid AND "
         "j.series_uid = x.series_uid), 0) = 0 ORDER BY x.updated_time, x.tenant_id, x.study_uid, x.series_uid LIMIT ";
  sql.bind(static_cast<std::int64_t>(limit));
  return sql;
}

std::vector<Text> json_counts(const Dialect& dialect, std::string_view clock) {
  std::vector<Text> statements(3, Text(dialect));
  statements[0] << "SELECT COUNT(*) FROM dicom_state_meta";
  statements[1] << "SELECT COUNT(*) FROM dicom_state_meta WHERE json_due = 1";
  statements[2] << "SELECT COUNT(CASE WHEN s.json_due = 1 AND x.json_status = 3 AND x.lease_until > " << clock
                << " THEN 1 END), "
                   "COUNT(CASE WHEN s.json_due = 1 AND x.json_status = 2 AND x.version >= s.version THEN 1 END), "
                   "COUNT(CASE WHEN s.json_due = 0 AND x.json_status = 4 AND x.version >= s.version THEN 1 END) "
                << kTasksOfSeries << "x.json_status IN (2, 3, 4)";
  statements.push_back(claimable_series(dialect, kAfterAllTimes, clock, 1));
  return statements;
}

JsonTotals json_totals(std::uint64_t series, std::uint64_t due, std::uint64_t running, std::uint64_t failed,
                       std::uint64_t given_up) {
  // Where the numbers are not of one state they may not fit together.
  const auto rest = [](std::uint64_t all, std::uint64_t part) { return all > part ? all - part : 0; };
  JsonTotals totals;
  totals.ready = rest(series, due + given_up);
  totals.pending = rest(due, running + failed);
  totals.running = running;
  totals.failed = failed;
  totals.given_up = given_up;
  return totals;
}

Text failing_series(const Dialect& dialect, const JsonFailureQuery& query) {
  static constexpr std::array<std::string_view, 3> kPlace{"x.tenant_id", "x.study_uid", "x.series_uid"};
  Text sql(dialect);
  sql << "SELECT " << task_columns() << " " << kTasksOfSeries << "x.version >= s.version AND x.json_status = "
      << std::to_string(static_cast<int>(query.given_up ? JsonStatus::kFailedForGood : JsonStatus::kFailed));
  if (query.tenant) (sql << " AND x.tenant_id = ").bind(query.tenant->view());
  if (query.study) (sql << " AND x.study_uid = ").bind(query.study->view());
  if (query.series) (sql << " AND x.series_uid = ").bind(query.series->view());
  if (query.after) {
    sql << " AND ";
    dialect.above(sql, kPlace, {query.after->tenant.str(), query.after->study.str(), query.after->series.str()});
  }
  sql << " ORDER BY " << column_list(kPlace) << " LIMIT ";
  sql.bind(static_cast<std::int64_t>(query.limit));
  return sql;
}

}  // namespace gantry::index::sql

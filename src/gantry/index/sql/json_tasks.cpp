#include "gantry/index/sql/json_tasks.hpp"

#include "gantry/index/sql/commit_rows.hpp"

namespace gantry::index::sql {

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

}  // namespace gantry::index::sql

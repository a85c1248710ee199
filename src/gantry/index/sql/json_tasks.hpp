#pragma once

// Rows of dicom_json_meta as JsonTasks, for every provider that has the tables; and the search for what can be claimed.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/index/json_claims.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

/// The SELECT list that read_task() reads: all columns of dicom_json_meta, which is named x.
[[nodiscard]] const std::string& task_columns();
/// A Row has text(i), integer(i), count(i) and time(i).
template <class Row>
JsonTask read_task(const Row& row) {
  JsonTask task;
  JsonRow& json = task.row;
  json.tenant_id = row.text(0);
  json.study_uid = row.text(1);
  json.series_uid = row.text(2);
  json.study_uid_hash = row.text(3);
  json.series_uid_hash = row.text(4);
  json.study_date_origin = row.text(5);
  json.created_time = row.time(6);
  json.flag_time = row.time(7);
  json.json_status = static_cast<int>(row.integer(8));
  json.retry_times = static_cast<int>(row.integer(9));
  json.version = row.count(10);
  task.lease_owner = row.text(11);
  task.lease_until = row.time(12);
  task.next_at = row.time(13);
  json.last_error = row.text(14);
  json.object_key = row.text(15);
  return task;
}
/// In the order of the table's columns.
[[nodiscard]] CellRow task_cells(const JsonTask& task);

/// Series (state_row_columns) that have the marker, were quiet since before `end_time` and are not seen to wait, in the
/// order of get_json_metaes(). `clock` is SQL. It walks the index of due series and looks each one's row up by its key.
[[nodiscard]] Text claimable_series(const Dialect& dialect, Timestamp end_time, std::string_view clock,
                                    std::size_t limit);

/// Statements that json_totals() takes its numbers from, in one state: how many series there are; how many have the
/// marker; of those with a row that is not ready, how many are running, failed and given up (three columns); and the
/// series that could be claimed first.
[[nodiscard]] std::vector<Text> json_counts(const Dialect& dialect, std::string_view clock);
/// From the first column of the first two, and the three of the third.
[[nodiscard]] JsonTotals json_totals(std::uint64_t series, std::uint64_t due, std::uint64_t running,
                                     std::uint64_t failed, std::uint64_t given_up);
/// The rows (task_columns) of json_failures(), by their key.
[[nodiscard]] Text failing_series(const Dialect& dialect, const JsonFailureQuery& query);

}  // namespace gantry::index::sql

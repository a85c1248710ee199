// How SqliteIndex hands out and takes back the making of JSON: the writer's transaction keeps others away.

#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/json_tasks.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/sqlite/sqlite_store.hpp"

namespace gantry::index {

using sqlite::Connection;
using sqlite::Query;

namespace {

Result<std::optional<JsonTask>> read_task(Connection& connection, std::string_view tenant, std::string_view study,
                                          std::string_view series) {
  static const std::string text = "SELECT " + sql::task_columns() +
                                  " FROM dicom_json_meta x WHERE x.tenant_id = ?1 AND x.study_uid = ?2 AND "
                                  "x.series_uid = ?3";
  GANTRY_LET(Query query, connection.query(text));
  query << tenant << study << series;
  GANTRY_LET(const bool found, query.step());
  return found ? std::optional(sql::read_task(query)) : std::optional<JsonTask>();
}

Result<void> write_task(Connection& connection, const JsonTask& task) {
  static const std::string text = sql::upsert_into(sql::sqlite_dialect(), sql::kJsonTable);
  const sql::CellRow row = sql::task_cells(task);
  GANTRY_LET(Query query, connection.query(text));
  sqlite::bind_row(query, sql::kJsonTable.columns, row);
  return query.run();
}

/// The series is not due any more, unless it has another version.
Result<void> unmark(Connection& connection, const JsonRow& row, std::uint64_t version) {
  GANTRY_LET(Query query, connection.query("UPDATE dicom_state_meta SET json_due = 0 WHERE tenant_id = ?1 AND "
                                           "study_uid = ?2 AND series_uid = ?3 AND version = ?4"));
  query << row.tenant_id << row.study_uid << row.series_uid << version;
  return query.run();
}

}  // namespace

Result<std::vector<JsonClaim>> SqliteIndex::claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                                       std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  limit = std::min(limit, kJsonClaimsMost);
  return impl_->write(ctx, [&](Connection& connection) -> Result<std::vector<JsonClaim>> {
    std::vector<JsonClaim> claims;
    const Timestamp now = timestamp_now();
    // Again, as long as some were given up and others may be behind them.
    for (std::size_t wanted = limit; wanted > 0; wanted = limit - claims.size()) {
      const sql::Text search =
          sql::claimable_series(sql::sqlite_dialect(), end_time, std::to_string(sql::micros(now)), wanted);
      std::vector<StateRow> states;
      {
        GANTRY_LET(Query query, connection.query(search.text()));
        query.bind_all(search.values());
        for (;;) {
          GANTRY_LET(const bool more, query.step());
          if (!more) break;
          states.push_back(sql::read_state_row(query, 0));
        }
      }
      for (const StateRow& state : states) {
        GANTRY_LET(const auto task, read_task(connection, state.tenant_id, state.study_uid, state.series_uid));
        switch (next_step(state, task ? &*task : nullptr, now)) {
          case JsonStep::kWait: break;
          case JsonStep::kGiveUp: GANTRY_TRY(write_task(connection, given_up(*task))); [[fallthrough]];
          case JsonStep::kNone: GANTRY_TRY(unmark(connection, task->row, state.version)); break;
          case JsonStep::kClaim: {
            const JsonTask made = claimed(state, task ? &*task : nullptr, owner, now, lease);
            GANTRY_TRY(write_task(connection, made));
            claims.push_back({state, made.row.retry_times, made.lease_until});
          }
        }
      }
      if (states.size() < wanted || claims.size() == limit) break;
    }
    return claims;
  });
}

Result<bool> SqliteIndex::finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) {
  GANTRY_TRY(validate_outcome(outcome));
  return impl_->write(ctx, [&](Connection& connection) -> Result<bool> {
    GANTRY_LET(auto task, read_task(connection, ctx.tenant.view(), outcome.study.view(), outcome.series.view()));
    if (!task || !has_claim(*task, outcome, owner)) return false;
    const Timestamp now = timestamp_now();
    const JsonEnd end = ended(*std::move(task), outcome, now);
    GANTRY_TRY(write_task(connection, end.task));
    if (end.settled) GANTRY_TRY(unmark(connection, end.task.row, outcome.version));
    if (end.superseded.empty()) return true;
    static const std::string enqueue = sqlite::insert_missing(sql::kDeleteQueueTable);
    const sql::CellRow queued = sql::queue_cells(ctx.tenant, end.superseded, now + kReplacedGrace);
    GANTRY_LET(Query query, connection.query(enqueue));
    sqlite::bind_row(query, {}, queued);
    GANTRY_TRY(query.run());
    return true;
  });
}

Result<bool> SqliteIndex::renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                     std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  return impl_->write(ctx, [&](Connection& connection) -> Result<bool> {
    GANTRY_LET(auto task, read_task(connection, ctx.tenant.view(), study.view(), series.view()));
    if (!task || !has_claim(*task, owner)) return false;
    task->lease_until = timestamp_now() + lease;
    GANTRY_TRY(write_task(connection, *task));
    return true;
  });
}

Result<JsonTotals> SqliteIndex::json_totals(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<JsonTotals> {
    GANTRY_LET(sqlite::Transaction transaction, sqlite::Transaction::begin(connection, false));
    const auto statements = sql::json_counts(sql::sqlite_dialect(), std::to_string(sql::micros(timestamp_now())));
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < 3; ++i) {
      GANTRY_LET(Query query, connection.query(statements[i].text()));
      query.bind_all(statements[i].values());
      GANTRY_LET(const bool counted, query.step());
      if (!counted) return Error::internal("a count without a row");
      for (int column = 0; column < (i < 2 ? 1 : 3); ++column) numbers.push_back(query.count(column));
    }
    JsonTotals totals = sql::json_totals(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    {
      GANTRY_LET(Query query, connection.query(statements[3].text()));
      query.bind_all(statements[3].values());
      GANTRY_LET(const bool found, query.step());
      if (found) totals.oldest_due = sql::read_state_row(query, 0).updated_time;
    }
    GANTRY_TRY(transaction.commit());
    return totals;
  });
}

Result<std::vector<JsonFailure>> SqliteIndex::json_failures(const RequestContext& ctx, const JsonFailureQuery& query) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<JsonFailure>> {
    const sql::Text text = sql::failing_series(sql::sqlite_dialect(), query);
    GANTRY_LET(Query rows, connection.query(text.text()));
    rows.bind_all(text.values());
    std::vector<JsonFailure> failures;
    for (;;) {
      GANTRY_LET(const bool more, rows.step());
      if (!more) return failures;
      JsonTask task = sql::read_task(rows);
      failures.push_back({std::move(task.row), task.next_at});
    }
  });
}

}  // namespace gantry::index

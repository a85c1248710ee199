// How SqlIndex hands out and takes back the making of JSON.
//
// Who writes a series' row of dicom_json_meta holds the lock on its row of dicom_state_meta; a claim takes those locks
// that are free, without the tenant's, and never waits for one. So claims keep nobody waiting for long, and no
// transaction can wait for one that waits for it.

#include <array>
#include <map>
#include <tuple>

#include "gantry/index/sql/batch_store.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/json_tasks.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index::sql {
namespace {

/// How often all that was found may turn out to be taken by others before a claim is content with what it has.
constexpr int kEmptyRoundsMost = 3;

constexpr std::array<Column, 3> kKeyColumns{
    {{"tenant_id", ColumnType::kUid}, {"study_uid", ColumnType::kUid}, {"series_uid", ColumnType::kUid}}};
constexpr std::array<Column, 4> kMarkColumns{{{"tenant_id", ColumnType::kUid},
                                              {"study_uid", ColumnType::kUid},
                                              {"series_uid", ColumnType::kUid},
                                              {"json_due", ColumnType::kInteger}}};

using TaskKey = std::tuple<std::string, std::string, std::string>;
TaskKey key_of(const StateRow& state) { return {state.tenant_id, state.study_uid, state.series_uid}; }
TaskKey key_of(const JsonRow& row) { return {row.tenant_id, row.study_uid, row.series_uid}; }

CellRow no_mark(const TaskKey& key) {
  return {std::get<0>(key), std::get<1>(key), std::get<2>(key), std::int64_t{0}};
}

struct Round {
  std::vector<JsonClaim> claims;
  std::size_t found = 0, settled = 0;
};

Result<Round> claim_some(Session& session, Timestamp end_time, std::size_t limit, std::string_view owner,
                         std::chrono::seconds lease) {
  const NetworkDialect& dialect = session.dialect();
  Round round;
  Text search = claimable_series(dialect, end_time, dialect.clock(), limit);
  search << dialect.for_update() << " SKIP LOCKED";
  GANTRY_LET(const Rows found, session.run(search));
  round.found = found->size();
  if (round.found == 0) return round;
  std::vector<StateRow> states;
  CellRows keys;
  for (std::size_t i = 0; i < found->size(); ++i) {
    states.push_back(read_state_row(RowRef(*found, i), 0));
    keys.push_back({states[i].tenant_id, states[i].study_uid, states[i].series_uid});
  }
  // What was found free may have been claimed before it was locked here: from now on it stays as it is.
  std::vector<Text> reads(2, Text(dialect));
  reads[0] << "SELECT " << dialect.clock();
  reads[1] << "SELECT " << task_columns() << " FROM ";
  dialect.row_source(reads[1], "k", kKeyColumns, keys);
  reads[1] << dialect.ordered_join()
           << "dicom_json_meta x WHERE x.tenant_id = k.tenant_id AND x.study_uid = k.study_uid AND x.series_uid = "
              "k.series_uid";
  GANTRY_LET(const std::vector<Rows> sets, session.run(reads));
  const Timestamp now = sets[0]->time(0, 0);
  std::map<TaskKey, JsonTask> tasks;
  for (std::size_t i = 0; i < sets[1]->size(); ++i) {
    JsonTask task = read_task(RowRef(*sets[1], i));
    TaskKey key = key_of(task.row);
    tasks.emplace(std::move(key), std::move(task));
  }
  CellRows rows, marks;
  for (const StateRow& state : states) {
    const auto there = tasks.find(key_of(state));
    const JsonTask* const task = there == tasks.end() ? nullptr : &there->second;
    switch (next_step(state, task, now)) {
      case JsonStep::kWait: break;
      case JsonStep::kGiveUp: rows.push_back(task_cells(given_up(*task))); [[fallthrough]];
      case JsonStep::kNone: marks.push_back(no_mark(key_of(state))); break;
      case JsonStep::kClaim: {
        const JsonTask made = claimed(state, task, owner, now, lease);
        rows.push_back(task_cells(made));
        round.claims.push_back({state, made.row.retry_times, made.lease_until});
      }
    }
  }
  round.settled = marks.size();
  std::vector<Text> writes;
  if (!rows.empty()) dialect.upsert_rows(writes, kJsonTable, kJsonTable.columns, rows, {});
  if (!marks.empty()) dialect.upsert_rows(writes, kStateTable, kMarkColumns, marks, {});
  if (!writes.empty()) GANTRY_TRY(session.run_and_commit(writes));
  return round;
}

}  // namespace

Result<std::vector<JsonClaim>> SqlIndex::claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                                    std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  limit = std::min(limit, kJsonClaimsMost);
  std::vector<JsonClaim> claims;
  for (int empty_rounds = 0; claims.size() < limit && empty_rounds < kEmptyRoundsMost;) {
    const std::size_t wanted = limit - claims.size();
    Round round;
    const auto done = write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
      GANTRY_LET(round, claim_some(session, end_time, wanted, owner, lease));
      return {};
    });
    if (!done && claims.empty()) return done.error();
    if (!done) return claims;  // those before are claimed, and their worker must know
    for (JsonClaim& claim : round.claims) claims.push_back(std::move(claim));
    if (round.found < wanted) break;
    if (round.claims.empty() && round.settled == 0) ++empty_rounds;
  }
  return claims;
}

Result<bool> SqlIndex::finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) {
  GANTRY_TRY(validate_outcome(outcome));
  bool finished = false;
  GANTRY_TRY(write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    finished = false;
    std::vector<Text> reads;
    add_tenant_lock(reads, dialect(), ctx.tenant);
    const auto add_read = [&](std::string_view columns, std::string_view table) {
      Text& sql = reads.emplace_back(dialect());
      sql << "SELECT " << columns << " FROM " << table << " x WHERE x.tenant_id = ";
      sql.bind(ctx.tenant.view()) << " AND x.study_uid = ";
      sql.bind(outcome.study.view()) << " AND x.series_uid = ";
      sql.bind(outcome.series.view()) << dialect().for_update();
    };
    add_read("x.version", "dicom_state_meta");
    add_read(task_columns(), "dicom_json_meta");
    GANTRY_LET(const std::vector<Rows> sets, session.run(reads));
    if (sets[1]->size() == 0 || sets[2]->size() == 0 || sets[3]->size() == 0) return {};
    const Timestamp now = sets[1]->time(0, kTenantClock);
    JsonTask task = read_task(RowRef(*sets[3], 0));
    if (!has_claim(task, outcome, owner)) return {};
    const JsonEnd end = ended(std::move(task), outcome, now);
    CellRows rows{task_cells(end.task)}, marks, queue;
    std::vector<Text> writes;
    dialect().upsert_rows(writes, kJsonTable, kJsonTable.columns, rows, {});
    if (end.settled && static_cast<std::uint64_t>(sets[2]->integer(0, 0)) == outcome.version) {
      marks.push_back(no_mark(key_of(end.task.row)));
      dialect().upsert_rows(writes, kStateTable, kMarkColumns, marks, {});
    }
    if (!end.superseded.empty()) {
      queue.push_back(queue_cells(ctx.tenant, end.superseded, now + kReplacedGrace));
      dialect().insert_missing_rows(writes, kDeleteQueueTable, queue);
    }
    finished = true;
    return session.run_and_commit(writes);
  }));
  return finished;
}

// As a claim does, it takes the series' lock without the tenant's: it waits behind no long commit of another series.
Result<bool> SqlIndex::renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                  std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  bool renewed = false;
  GANTRY_TRY(write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    renewed = false;
    std::vector<Text> reads(3, Text(dialect()));
    const auto of_series = [&](Text& sql) {
      sql << " x WHERE x.tenant_id = ";
      sql.bind(ctx.tenant.view()) << " AND x.study_uid = ";
      sql.bind(study.view()) << " AND x.series_uid = ";
      sql.bind(series.view()) << dialect().for_update();
    };
    of_series(reads[0] << "SELECT x.version FROM dicom_state_meta");
    of_series(reads[1] << "SELECT " << task_columns() << " FROM dicom_json_meta");
    reads[2] << "SELECT " << dialect().clock();
    GANTRY_LET(const std::vector<Rows> sets, session.run(reads));
    if (sets[0]->size() == 0 || sets[1]->size() == 0) return {};
    JsonTask task = read_task(RowRef(*sets[1], 0));
    if (!has_claim(task, owner)) return {};
    task.lease_until = sets[2]->time(0, 0) + lease;
    const CellRows rows{task_cells(task)};
    std::vector<Text> writes;
    dialect().upsert_rows(writes, kJsonTable, kJsonTable.columns, rows, {});
    renewed = true;
    return session.run_and_commit(writes);
  }));
  return renewed;
}

Result<JsonTotals> SqlIndex::json_totals(const RequestContext& ctx) {
  JsonTotals totals;
  GANTRY_TRY(read(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    session.hold_snapshot();
    GANTRY_LET(const std::vector<Rows> sets, session.run(json_counts(dialect(), dialect().clock())));
    const auto number = [&sets](std::size_t set, int column) {
      return static_cast<std::uint64_t>(sets[set]->integer(0, column));
    };
    totals = sql::json_totals(number(0, 0), number(1, 0), number(2, 0), number(2, 1), number(2, 2));
    if (sets[3]->size() > 0) totals.oldest_due = read_state_row(RowRef(*sets[3], 0), 0).updated_time;
    return {};
  }));
  return totals;
}

Result<std::vector<JsonFailure>> SqlIndex::json_failures(const RequestContext& ctx, const JsonFailureQuery& query) {
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, failing_series(dialect(), query)));
  std::vector<JsonFailure> failures;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    JsonTask task = read_task(RowRef(*rows, i));
    failures.push_back({std::move(task.row), task.next_at});
  }
  return failures;
}

}  // namespace gantry::index::sql

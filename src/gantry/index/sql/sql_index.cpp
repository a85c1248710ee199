// What SqlIndex writes.

#include "gantry/index/sql/sql_index.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "gantry/index/sql/batch_store.hpp"
#include "gantry/index/sql/commit_run.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::sql {
namespace {

/// What settling a commit of unknown end may take beside the request's own time.
constexpr std::chrono::seconds kSettleMost{10};

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

template <class Row>
Result<void> belongs(const RequestContext& ctx, const Row& row) {
  if (!row.tenant_id.empty() && row.tenant_id != ctx.tenant.str())
    return Error::invalid("the row names another tenant");
  if (!is_valid_uid(row.study_uid) || !is_valid_uid(row.series_uid)) {
    return Error::invalid("a UID of the row is not 1 to 64 digits and dots");
  }
  return {};
}

constexpr std::array<Column, 11> kSavedJsonColumns{{
    {"tenant_id", ColumnType::kUid},
    {"study_uid", ColumnType::kUid},
    {"series_uid", ColumnType::kUid},
    {"study_uid_hash", ColumnType::kUid},
    {"series_uid_hash", ColumnType::kUid},
    {"study_date_origin", ColumnType::kText},
    {"created_time", ColumnType::kTime},
    {"flag_time", ColumnType::kTime},
    {"json_status", ColumnType::kInteger},
    {"retry_times", ColumnType::kInteger},
    {"version", ColumnType::kInteger},
}};
constexpr std::array<Column, 4> kDueColumns{{
    {"tenant_id", ColumnType::kUid},
    {"study_uid", ColumnType::kUid},
    {"series_uid", ColumnType::kUid},
    {"json_due", ColumnType::kInteger},
}};

}  // namespace

Result<void> SqlIndex::write(const RequestContext& ctx, Tenants tenants, const Work& work) {
  Doubt doubt;
  auto done = write(ctx, tenants, work, doubt);
  if (!done && doubt.unknown) {
    return Error::unavailable("the database did not say whether the change was made; it may be asked for again: " +
                              done.error().detail());
  }
  return done;
}

Result<std::vector<Committed>> SqlIndex::commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                                ConflictPolicy policy) {
  if (batch.size() > kBatchMost) return Error::invalid("a batch of more than 64 instances");
  bool one_by_one = false, settled = false;
  for (;;) {
    std::vector<Committed> outcomes;
    std::vector<Committed> planned;
    Doubt doubt;
    const auto work = [&](Session& session) -> Result<void> {
      BatchStore store(session, ctx.tenant, one_by_one);
      CommitRun run(store, ctx);
      auto committed = run.commit(batch, policy);
      if (!committed) {
        planned = run.planned();
        return committed.error();
      }
      outcomes = *std::move(committed);
      return {};
    };
    const auto done = write(ctx, Tenants::kOne, work, doubt);
    if (done) return outcomes;
    if (doubt.refused && !one_by_one) {
      one_by_one = true;  // once more, to learn which instance it is
      continue;
    }
    if (!doubt.unknown) return done.error();
    GANTRY_TRY(settle(doubt.session));
    GANTRY_LET(const bool there, was_committed(ctx, batch, planned));
    if (there) return planned;
    if (std::exchange(settled, true) || Clock::now() >= ctx.deadline) return done.error();
  }
}

// An attempt's object key is in the tables when, and only when, its transaction was committed; also when somebody
// deleted or replaced the instance since.
Result<bool> SqlIndex::was_committed(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                     std::span<const Committed> planned) {
  std::vector<ObjectKey> keys;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (planned[i].version != 0) keys.push_back(batch[i].object_key);
  }
  RequestContext later = ctx;
  later.deadline = std::max(ctx.deadline, Clock::now() + kSettleMost);
  GANTRY_LET(const std::vector<bool> held, are_held(later, keys));
  return std::find(held.begin(), held.end(), true) != held.end();
}

Result<std::uint64_t> SqlIndex::remove(const RequestContext& ctx, const StudyUid& study,
                                       const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop,
                                       std::chrono::seconds object_grace) {
  std::uint64_t gone = 0;
  GANTRY_TRY(write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    BatchStore store(session, ctx.tenant, false);
    GANTRY_LET(gone, CommitRun(store, ctx).remove(study, series, sop, object_grace));
    return {};
  }));
  return gone;
}

Result<void> SqlIndex::save_state_info(const RequestContext& ctx, const StateRow& state) {
  return save_state_list(ctx, std::span(&state, 1));
}

Result<void> SqlIndex::save_state_list(const RequestContext& ctx, std::span<const StateRow> states) {
  if (states.empty()) return {};
  for (const StateRow& state : states) GANTRY_TRY(belongs(ctx, state));
  return write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    BatchStore store(session, ctx.tenant, false);
    GANTRY_LET(const bool found, CommitRun(store, ctx).save_states(states));
    if (!found) return no_tenant();
    return {};
  });
}

Result<void> SqlIndex::save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) {
  if (jsons.empty()) return {};
  std::map<SeriesKey, const JsonRow*> last;  // of two rows of one series the later one stays
  CommitStore::Wanted wanted;
  for (const JsonRow& json : jsons) {
    GANTRY_TRY(belongs(ctx, json));
    last[{json.study_uid, json.series_uid}] = &json;
    wanted.series.emplace(json.study_uid, json.series_uid);
  }
  return write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    BatchStore store(session, ctx.tenant, false);
    CommitStore::Loaded loaded;
    GANTRY_LET(const auto tenant, store.begin(wanted, loaded));
    if (!tenant) return no_tenant();
    CellRows rows, marks;
    for (const auto& [key, json] : last) {
      const auto time = [&](Timestamp given) { return micros(given == Timestamp{} ? tenant->now : given); };
      rows.push_back({ctx.tenant.str(), key.first, key.second, json->study_uid_hash, json->series_uid_hash,
                      json->study_date_origin, time(json->created_time), time(json->flag_time),
                      std::int64_t{json->json_status}, std::int64_t{json->retry_times},
                      static_cast<std::int64_t>(json->version)});
      const auto state = loaded.series.find(key);
      if (state == loaded.series.end()) continue;
      const bool due = is_json_due(state->second.state.version, json);
      marks.push_back({ctx.tenant.str(), key.first, key.second, std::int64_t{due ? 1 : 0}});
    }
    // The columns of the worker (lease, object) stay as they are: they are not among those written. The series' rows
    // come first, as everywhere.
    std::vector<Text> statements;
    if (!marks.empty()) session.dialect().upsert_rows(statements, kStateTable, kDueColumns, marks, {});
    session.dialect().upsert_rows(statements, kJsonTable, kSavedJsonColumns, rows, {});
    return session.run_and_commit(statements);
  });
}

Result<void> SqlIndex::deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  if (keys.empty()) return {};
  static constexpr std::array<Column, 1> kKey{{{"object_key", ColumnType::kKey}}};
  CellRows rows;
  for (const ObjectKey& key : keys) rows.push_back({key.str()});
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    std::vector<Text> statements;
    dialect().delete_rows(statements, kDeleteQueueTable, kKey, rows);
    return session.run_and_commit(statements);
  });
}

Result<void> SqlIndex::deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                                       std::chrono::seconds retry_after) {
  return write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    Text now(dialect());
    now << "SELECT " << dialect().clock();
    GANTRY_LET(const Rows rows, session.run(now));
    Text update(dialect());
    update << "UPDATE dicom_delete_queue SET attempts = attempts + 1, due_time = ";
    update.bind(Value(Timestamp(rows->time(0, 0) + retry_after))) << " WHERE object_key = ";
    update.bind(key.view());
    return session.run_and_commit(std::span(&update, 1));
  });
}

}  // namespace gantry::index::sql

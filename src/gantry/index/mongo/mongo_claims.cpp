// How MongoIndex hands out and takes back the making of JSON. Every change of a row of dicom_json_meta is one update of
// one document, conditional on what was read of it, so that of many workers one succeeds.

#include <algorithm>

#include "gantry/index/fields.hpp"
#include "gantry/index/mongo/json_tasks.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"

namespace gantry::index {

using mongo::Bulk;
using mongo::by_text;
using mongo::Document;
using mongo::DueSeries;
using mongo::exchange;
using mongo::Find;
using mongo::id_of;
using mongo::server_now;
using mongo::Session;
using mongo::tasks_of;
using mongo::to_task;

namespace {

/// Series looked at in one round trip.
constexpr std::size_t kPage = 100;

/// The series is not due any more, unless it has another version.
void unmark(Bulk& bulk, std::string_view id, std::uint64_t version) {
  Document filter = by_text("_id", id);
  filter.number("version", version);
  Document update;
  update.document("$set", Document().number("json_due", 0)).document("$unset", by_text("json_due_since", ""));
  bulk.update_one(std::move(filter), update);
}

/// One of a page of due series, for `owner` if it can be had.
struct Claiming {
  Session& session;
  std::string_view owner;
  Timestamp now;
  std::chrono::seconds lease;
  std::vector<JsonClaim>& claims;

  Result<void> take(const StateRow& state, const JsonTask* task) {
    const JsonStep step = next_step(state, task, now);
    if (step == JsonStep::kWait) return {};
    const std::string id = id_of(state);
    if (step == JsonStep::kClaim) {
      const JsonTask made = claimed(state, task, owner, now, lease);
      GANTRY_LET(const bool ours, exchange(session, task, made));
      if (!ours) return {};
      if (task == nullptr) {
        // A series that was deleted meanwhile takes its row along; a row that came after that must not stay.
        Find find;
        find.filter = by_text("_id", id);
        find.projection.small("_id", 1);
        GANTRY_LET(const auto there, session.find_one(mongo::kStates, find));
        if (!there) {
          Bulk orphan;
          Document filter = by_text("_id", id);
          filter.text("lease_owner", owner);
          orphan.remove(std::move(filter));
          GANTRY_LET(const auto done, session.write(mongo::kJsons, orphan));
          (void)done;
          return {};
        }
      }
      claims.push_back({state, made.row.retry_times, made.lease_until});
      return {};
    }
    if (step == JsonStep::kGiveUp) {
      GANTRY_LET(const bool ours, exchange(session, task, given_up(*task)));
      if (!ours) return {};
    }
    Bulk marks;
    unmark(marks, id, state.version);
    GANTRY_LET(const auto done, session.write(mongo::kStates, marks));
    (void)done;
    return {};
  }
};

}  // namespace

Result<std::vector<StateRow>> MongoIndex::get_json_metaes(const RequestContext& ctx, Timestamp end_time,
                                                          std::size_t limit) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<StateRow>> {
    std::vector<StateRow> rows;
    DueSeries due(session, end_time);
    while (rows.size() < limit) {
      GANTRY_LET(const std::vector<StateRow> more, due.next(std::min(limit - rows.size(), std::size_t{1000})));
      if (more.empty()) break;
      rows.insert(rows.end(), more.begin(), more.end());
    }
    if (rows.size() > limit) rows.resize(limit);
    return rows;
  });
}

Result<std::optional<JsonRow>> MongoIndex::get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                         const SeriesUid& series) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::optional<JsonRow>> {
    Find find;
    find.filter = by_text("_id", mongo::series_id(ctx.tenant.view(), study.view(), series.view()));
    GANTRY_LET(const auto found, session.find_one(mongo::kJsons, find));
    if (!found) return std::optional<JsonRow>();
    return std::optional(to_task(*found->raw()).row);
  });
}

Result<std::vector<JsonRow>> MongoIndex::get_json_list(const RequestContext& ctx, const StudyUid& study) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<JsonRow>> {
    Find find;
    // All keys that begin with the study's and a slash; '0' is the character after that.
    const std::string of_study = mongo::study_id(ctx.tenant.view(), study.view());
    find.filter.document("_id", Document().text("$gt", of_study + "/").text("$lt", of_study + "0"));
    std::vector<JsonRow> list;
    GANTRY_TRY(session.find(mongo::kJsons, find, [&list](const bson_t& row) -> Result<bool> {
      list.push_back(to_task(row).row);
      return true;
    }));
    return list;
  });
}

Result<std::vector<JsonClaim>> MongoIndex::claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                                      std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  limit = std::min(limit, kJsonClaimsMost);
  std::vector<JsonClaim> claims;
  const auto done = impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    if (limit == 0) return {};
    GANTRY_LET(const Timestamp now, server_now(session, *impl_->pool));
    Claiming claiming{session, owner, now, lease, claims};
    DueSeries due(session, end_time);
    while (claims.size() < limit) {
      GANTRY_LET(const std::vector<StateRow> states, due.next(kPage));
      if (states.empty()) break;
      std::vector<std::string> ids;
      for (const StateRow& state : states) ids.push_back(id_of(state));
      GANTRY_LET(const auto tasks, tasks_of(session, ids));
      for (const StateRow& state : states) {
        if (claims.size() == limit) break;
        const auto task = tasks.find(id_of(state));
        GANTRY_TRY(claiming.take(state, task == tasks.end() ? nullptr : &task->second));
      }
    }
    return {};
  });
  if (!done && claims.empty()) return done.error();
  return claims;  // also of a call that broke off: those are claimed, and their worker must know
}

// Ready first, then the marker and the queue: what is not reached leaves a series that the next claim finds done, and an
// object that no row holds.
Result<bool> MongoIndex::finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) {
  GANTRY_TRY(validate_outcome(outcome));
  bool finished = false;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    const std::string id = mongo::series_id(ctx.tenant.view(), outcome.study.view(), outcome.series.view());
    GANTRY_LET(const auto tasks, tasks_of(session, {id}));
    if (tasks.empty() || !has_claim(tasks.begin()->second, outcome, owner)) return {};
    const JsonTask& task = tasks.begin()->second;
    GANTRY_LET(const Timestamp now, server_now(session, *impl_->pool));
    const JsonEnd end = ended(task, outcome, now);
    GANTRY_LET(finished, exchange(session, &task, end.task));
    if (!finished) return {};
    if (end.settled) {
      Bulk marks;
      unmark(marks, id, outcome.version);
      GANTRY_LET(const auto done, session.write(mongo::kStates, marks));
      (void)done;
    }
    if (!end.superseded.empty()) {
      Bulk queue;
      queue.insert(mongo::to_document(sql::kDeleteQueueTable,
                                      sql::queue_cells(ctx.tenant, end.superseded, now + kReplacedGrace)));
      GANTRY_LET(const auto done, session.write(mongo::kQueue, queue, mongo::Durability::kDurable, true));
      (void)done;
    }
    return {};
  }));
  return finished;
}

}  // namespace gantry::index

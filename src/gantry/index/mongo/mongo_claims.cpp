// The JSON of series in MongoDB: which is due, who makes it, how it ended. Every change of a row of dicom_json_meta is
// one update of one document, conditional on what was read of it, so that of many workers one succeeds.

#include <algorithm>
#include <map>
#include <tuple>

#include "gantry/index/fields.hpp"
#include "gantry/index/json_claims.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/sql/json_tasks.hpp"

namespace gantry::index {

using mongo::Bulk;
using mongo::by_any_of;
using mongo::by_text;
using mongo::Document;
using mongo::Find;
using mongo::number_of;
using mongo::Session;

namespace {

/// Series looked at in one round trip.
constexpr std::size_t kPage = 100;

std::string id_of(const StateRow& state) {
  return mongo::series_id(state.tenant_id, state.study_uid, state.series_uid);
}

JsonTask to_task(const bson_t& document) {
  const sql::CellRow row = mongo::to_cells(sql::kJsonTable, document);
  sql::CellsView view;
  for (const sql::Cell& cell : row) view.add(cell);
  return sql::read_task(view);
}

auto place_of(const StateRow& state) {
  return std::tie(state.updated_time, state.tenant_id, state.study_uid, state.series_uid);
}

/// Due series from a place in their order on: the index has the time alone, and the few that share one are sorted here.
class DueSeries {
 public:
  DueSeries(Session& session, Timestamp end_time) : session_(session), end_(sql::micros(end_time)) {}

  /// The next ones in order, some `most` of them; none: there are no more.
  Result<std::vector<StateRow>> next(std::size_t most) {
    std::vector<StateRow> rows;
    Document range;
    range.number("$lt", end_);
    if (after_) range.number("$gt", *after_);
    Find find;
    find.filter.document("json_due_since", range);
    find.sort.small("json_due_since", 1);
    find.limit = static_cast<std::int64_t>(std::max<std::size_t>(most, 1));
    GANTRY_TRY(collect(find, rows));
    if (rows.empty()) return rows;
    // All that share the last one's time.
    after_ = sql::micros(rows.back().updated_time);
    if (rows.size() >= most) {
      std::erase_if(rows, [this](const StateRow& row) { return sql::micros(row.updated_time) == *after_; });
      Find ties;
      ties.filter.number("json_due_since", *after_);
      GANTRY_TRY(collect(ties, rows));
    }
    std::sort(rows.begin(), rows.end(),
              [](const StateRow& a, const StateRow& b) { return place_of(a) < place_of(b); });
    return rows;
  }

 private:
  Result<void> collect(const Find& find, std::vector<StateRow>& rows) {
    return session_.find(mongo::kStates, find, [&rows](const bson_t& row) -> Result<bool> {
      rows.push_back(mongo::to_state_row(mongo::to_cells(sql::kStateTable, row)));
      return true;
    });
  }

  Session& session_;
  std::int64_t end_;
  std::optional<std::int64_t> after_;
};

/// The server's clock, asked now.
Result<Timestamp> server_now(Session& session, mongo::Pool& pool) {
  Document hello;
  hello.small("hello", 1);
  GANTRY_LET(const Document answer, session.command(hello, true));
  pool.heard_clock(number_of(*answer.raw(), "localTime"));
  return Timestamp(std::chrono::milliseconds(number_of(*answer.raw(), "localTime")));
}

/// Writes `made` where `before` still is (null: where nothing is). False when somebody else was faster.
Result<bool> exchange(Session& session, const JsonTask* before, const JsonTask& made) {
  const Document document = mongo::to_document(sql::kJsonTable, sql::task_cells(made));
  Bulk bulk;
  if (before == nullptr) {
    bulk.insert(document);
    GANTRY_LET(const auto done, session.write(mongo::kJsons, bulk, mongo::Durability::kDurable, true));
    return !done.duplicates;
  }
  // A claim counts the tries, its end changes the status: these three tell every state from the one after it.
  Document filter = by_text("_id", mongo::view_of(*document.raw(), "_id"));
  filter.number("json_status", before->row.json_status)
      .number("retry_times", before->row.retry_times)
      .number("version", before->row.version);
  Document set;
  bson_copy_to_excluding_noinit(document.raw(), set.raw(), "_id", static_cast<const char*>(nullptr));
  bulk.update_one(std::move(filter), mongo::wrapped("$set", set));
  GANTRY_LET(const auto done, session.write(mongo::kJsons, bulk));
  return done.matched > 0;
}

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

Result<std::map<std::string, JsonTask>> tasks_of(Session& session, const std::vector<std::string>& ids) {
  std::map<std::string, JsonTask> tasks;
  Find find;
  find.filter = by_any_of("_id", ids);
  GANTRY_TRY(session.find(mongo::kJsons, find, [&tasks](const bson_t& document) -> Result<bool> {
    tasks.emplace(mongo::text_of(document, "_id"), to_task(document));
    return true;
  }));
  return tasks;
}

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

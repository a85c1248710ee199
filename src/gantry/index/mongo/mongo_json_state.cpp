// How the JSON of series stands in MongoDB, and for how long a worker keeps its claim.

#include <algorithm>
#include <chrono>

#include "gantry/index/mongo/json_tasks.hpp"
#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/sql/json_tasks.hpp"

namespace gantry::index {

using mongo::by_text;
using mongo::Document;
using mongo::DueSeries;
using mongo::Find;
using mongo::id_of;
using mongo::number_of;
using mongo::Session;
using mongo::tasks_of;

namespace {

/// Rows in one round trip.
constexpr std::size_t kPage = 1000;
/// No series changes later.
constexpr Timestamp kAfterAllTimes = std::chrono::sys_days(std::chrono::year(9999) / 1 / 1);

Result<std::uint64_t> count_series(Session& session, const Document& filter) {
  std::vector<Document> pipeline(2);
  pipeline[0].document("$match", filter);
  Document one, group;
  one.small("$sum", 1);
  group.null("_id").document("count", one);
  pipeline[1].document("$group", group);
  std::uint64_t count = 0;
  GANTRY_TRY(session.aggregate(mongo::kStates, pipeline, [&count](const bson_t& row) -> Result<bool> {
    count = static_cast<std::uint64_t>(number_of(row, "count"));
    return true;
  }));
  return count;
}

struct SeriesMark {
  std::uint64_t version = 0;
  bool due = false;
};

/// Of the series that are there, by their _ids.
Result<std::map<std::string, SeriesMark>> marks_of(Session& session, const std::vector<std::string>& ids) {
  std::map<std::string, SeriesMark> marks;
  Find find;
  find.filter = mongo::by_any_of("_id", ids);
  find.projection.small("version", 1).small("json_due", 1);
  GANTRY_TRY(session.find(mongo::kStates, find, [&marks](const bson_t& row) -> Result<bool> {
    marks[mongo::text_of(row, "_id")] = {static_cast<std::uint64_t>(number_of(row, "version")),
                                         number_of(row, "json_due") != 0};
    return true;
  }));
  return marks;
}

/// Pages through the rows that meet `wanted` and whose series is there, by _id from behind `after` on, until `visit`
/// gives false.
Result<void> visit_tasks(Session& session, const Document& wanted, std::string after,
                         const std::function<bool(const JsonTask&, const SeriesMark&)>& visit) {
  for (;;) {
    Find find;
    find.filter.append(wanted).document("_id", by_text("$gt", after));
    find.sort.small("_id", 1);
    find.limit = kPage;
    std::vector<std::string> ids;
    std::vector<JsonTask> tasks;
    GANTRY_TRY(session.find(mongo::kJsons, find, [&](const bson_t& row) -> Result<bool> {
      ids.push_back(mongo::text_of(row, "_id"));
      tasks.push_back(mongo::to_task(row));
      return true;
    }));
    if (ids.empty()) return {};
    GANTRY_LET(const auto marks, marks_of(session, ids));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto mark = marks.find(ids[i]);
      if (mark != marks.end() && !visit(tasks[i], mark->second)) return {};
    }
    if (ids.size() < kPage) return {};
    after = std::move(ids.back());
  }
}

Result<std::optional<Timestamp>> oldest_due(Session& session, Timestamp now) {
  DueSeries due(session, kAfterAllTimes);
  for (;;) {
    GANTRY_LET(const std::vector<StateRow> states, due.next(kPage));
    if (states.empty()) return std::optional<Timestamp>();
    std::vector<std::string> ids;
    for (const StateRow& state : states) ids.push_back(id_of(state));
    GANTRY_LET(const auto tasks, tasks_of(session, ids));
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto task = tasks.find(ids[i]);
      if (next_step(states[i], task == tasks.end() ? nullptr : &task->second, now) == JsonStep::kClaim) {
        return std::optional(states[i].updated_time);
      }
    }
  }
}

}  // namespace

Result<bool> MongoIndex::renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                    std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  bool renewed = false;
  GANTRY_TRY(impl_->writer->in_lane(ctx, [&](Session& session) -> Result<void> {
    const std::string id = mongo::series_id(ctx.tenant.view(), study.view(), series.view());
    GANTRY_LET(const auto tasks, tasks_of(session, {id}));
    if (tasks.empty() || !has_claim(tasks.begin()->second, owner)) return {};
    const JsonTask& task = tasks.begin()->second;
    GANTRY_LET(const Timestamp now, mongo::server_now(session, *impl_->pool));
    JsonTask longer = task;
    longer.lease_until = now + lease;
    GANTRY_LET(renewed, mongo::exchange(session, &task, longer));
    return {};
  }));
  return renewed;
}

Result<JsonTotals> MongoIndex::json_totals(const RequestContext& ctx) {
  // Asked before, as a transaction answers about data alone.
  GANTRY_LET(const Timestamp now,
             impl_->read(ctx, [this](Session& session) { return mongo::server_now(session, *impl_->pool); }));
  return impl_->read_one_state(ctx, [&](Session& session) -> Result<JsonTotals> {
    Document marked, unready;
    marked.number("json_due", 1);
    GANTRY_LET(const std::uint64_t series, count_series(session, {}));
    GANTRY_LET(const std::uint64_t due, count_series(session, marked));
    unready.document("json_status", Document().number("$gte", static_cast<int>(JsonStatus::kFailed)));
    JsonTotals found;
    GANTRY_TRY(visit_tasks(session, unready, "", [&](const JsonTask& task, const SeriesMark& mark) {
      add_to(found, counted_as(mark.version, mark.due, &task, now));
      return true;
    }));
    JsonTotals totals = sql::json_totals(series, due, found.running, found.failed, found.given_up);
    GANTRY_LET(totals.oldest_due, oldest_due(session, now));
    return totals;
  });
}

Result<std::vector<JsonFailure>> MongoIndex::json_failures(const RequestContext& ctx, const JsonFailureQuery& query) {
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<JsonFailure>> {
    std::vector<JsonFailure> failures;
    if (query.limit == 0) return failures;
    Document wanted;
    wanted.number("json_status", static_cast<int>(query.given_up ? JsonStatus::kFailedForGood : JsonStatus::kFailed));
    if (query.tenant) wanted.text("tenant_id", query.tenant->view());
    if (query.study) wanted.text("study_uid", query.study->view());
    if (query.series) wanted.text("series_uid", query.series->view());
    std::string after;
    if (query.after) {
      after = mongo::series_id(query.after->tenant.view(), query.after->study.view(), query.after->series.view());
    }
    GANTRY_TRY(visit_tasks(session, wanted, std::move(after), [&](const JsonTask& task, const SeriesMark& mark) {
      if (is_failure(mark.version, task, query)) failures.push_back({task.row, task.next_at});
      return failures.size() < query.limit;
    }));
    return failures;
  });
}

}  // namespace gantry::index

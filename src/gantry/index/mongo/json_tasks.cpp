#include "gantry/index/mongo/json_tasks.hpp"

#include <algorithm>
#include <tuple>

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/json_tasks.hpp"

namespace gantry::index::mongo {
namespace {

auto place_of(const StateRow& state) {
  return std::tie(state.updated_time, state.tenant_id, state.study_uid, state.series_uid);
}

}  // namespace

std::string id_of(const StateRow& state) { return series_id(state.tenant_id, state.study_uid, state.series_uid); }

JsonTask to_task(const bson_t& document) {
  const sql::CellRow row = to_cells(sql::kJsonTable, document);
  sql::CellsView view;
  for (const sql::Cell& cell : row) view.add(cell);
  return sql::read_task(view);
}

Result<std::map<std::string, JsonTask>> tasks_of(Session& session, const std::vector<std::string>& ids) {
  std::map<std::string, JsonTask> tasks;
  Find find;
  find.filter = by_any_of("_id", ids);
  GANTRY_TRY(session.find(kJsons, find, [&tasks](const bson_t& document) -> Result<bool> {
    tasks.emplace(text_of(document, "_id"), to_task(document));
    return true;
  }));
  return tasks;
}

Result<Timestamp> server_now(Session& session, Pool& pool) {
  Document hello;
  hello.small("hello", 1);
  GANTRY_LET(const Document answer, session.command(hello, true));
  pool.heard_clock(number_of(*answer.raw(), "localTime"));
  return Timestamp(std::chrono::milliseconds(number_of(*answer.raw(), "localTime")));
}

Result<bool> exchange(Session& session, const JsonTask* before, const JsonTask& made) {
  const Document document = to_document(sql::kJsonTable, sql::task_cells(made));
  Bulk bulk;
  if (before == nullptr) {
    bulk.insert(document);
    GANTRY_LET(const auto done, session.write(kJsons, bulk, Durability::kDurable, true));
    return !done.duplicates;
  }
  // A claim counts the tries, its end changes the status; one handed back takes its try along, but the next claim has
  // another owner. So these tell every state from those after it.
  Document filter = by_text("_id", view_of(*document.raw(), "_id"));
  filter.number("json_status", before->row.json_status)
      .number("retry_times", before->row.retry_times)
      .number("version", before->row.version);
  if (!before->lease_owner.empty()) filter.text("lease_owner", before->lease_owner);
  Document set;
  bson_copy_to_excluding_noinit(document.raw(), set.raw(), "_id", static_cast<const char*>(nullptr));
  bulk.update_one(std::move(filter), wrapped("$set", set));
  GANTRY_LET(const auto done, session.write(kJsons, bulk));
  return done.matched > 0;
}

Result<std::vector<StateRow>> DueSeries::next(std::size_t most) {
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
  std::sort(rows.begin(), rows.end(), [](const StateRow& a, const StateRow& b) { return place_of(a) < place_of(b); });
  return rows;
}

Result<void> DueSeries::collect(const Find& find, std::vector<StateRow>& rows) {
  return session_.find(kStates, find, [&rows](const bson_t& row) -> Result<bool> {
    rows.push_back(to_state_row(to_cells(sql::kStateTable, row)));
    return true;
  });
}

}  // namespace gantry::index::mongo

#pragma once

// Rows of dicom_json_meta in MongoDB, and the series that are due.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gantry/index/json_claims.hpp"
#include "gantry/index/mongo/connection.hpp"
#include "gantry/index/mongo/rows.hpp"

namespace gantry::index::mongo {

/// The _id that a series' rows have in both collections.
[[nodiscard]] std::string id_of(const StateRow& state);
[[nodiscard]] JsonTask to_task(const bson_t& document);
/// By their _ids; those that are not there are left out.
Result<std::map<std::string, JsonTask>> tasks_of(Session& session, const std::vector<std::string>& ids);

/// The server's clock, asked now.
Result<Timestamp> server_now(Session& session, Pool& pool);

/// Writes `made` where `before` still is (null: where nothing is). False when somebody else was faster.
Result<bool> exchange(Session& session, const JsonTask* before, const JsonTask& made);

/// Due series from a place in their order on: the index has the time alone, and the few that share one are sorted here.
class DueSeries {
 public:
  DueSeries(Session& session, Timestamp end_time) : session_(session), end_(sql::micros(end_time)) {}

  /// The next ones in order, some `most` of them; none: there are no more.
  Result<std::vector<StateRow>> next(std::size_t most);

 private:
  Result<void> collect(const Find& find, std::vector<StateRow>& rows);

  Session& session_;
  std::int64_t end_;
  std::optional<std::int64_t> after_;
};

}  // namespace gantry::index::mongo

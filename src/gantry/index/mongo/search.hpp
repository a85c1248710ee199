#pragma once

// A search as a walk: studies in order, below each its series in order, below each its instances in order. What an
// index of the database can say narrows each step; every condition is asked of every row again (matching.hpp), so the
// narrowing decides speed alone.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gantry/index/matching.hpp"
#include "gantry/index/mongo/connection.hpp"
#include "gantry/index/mongo/rows.hpp"

namespace gantry::index::mongo {

class Search {
 public:
  /// Rows in the order of their tables' columns; null below the query's level. An instance's row has its location and
  /// attributes when has_details().
  struct Hit {
    std::shared_ptr<const sql::CellRow> study, series, instance;
    [[nodiscard]] std::string value(Field field) const;
  };
  using Visit = std::function<Result<bool>(const Hit&)>;  ///< false: enough

  /// `query` is validated and outlives the search, as do the others.
  Search(Session& session, const TenantId& tenant, const SearchQuery& query);
  /// Visits the hits in the query's order from its offset to its limit. kTooLarge: see MongoIndex::search().
  Result<void> page(const Visit& visit);
  /// Visits all hits in any order.
  Result<void> all(const Visit& visit);
  /// True when page() reads what the query asks for beside the row with it: not when hits are passed over, or sorted
  /// here.
  [[nodiscard]] bool has_details() const noexcept { return details_; }

 private:
  using Row = std::shared_ptr<const sql::CellRow>;
  struct Study {
    Row row;
    std::string key;
    /// Instances by series key, of a study that is being changed; else what the rows say holds.
    std::optional<std::map<std::string, std::int64_t>> recounted;
  };
  struct Series {
    Row study, row;
    std::string key;
    std::int64_t instances = 0;
  };

  Result<bool> narrow();
  Result<bool> look_up(const char* collection, Document filter);
  [[nodiscard]] Document study_filter() const;
  [[nodiscard]] Document series_filter() const;
  [[nodiscard]] Document image_columns() const;
  Result<void> walk(bool ordered, const Visit& visit);
  Result<bool> below_studies(const std::vector<Study>& studies, const Visit& visit);
  Result<bool> below_series(const std::vector<Series>& group, const Visit& visit);
  Result<Study> read_study(const bson_t& document);
  [[nodiscard]] bool meets(Level level, const Hit& hit) const;
  Result<void> sorted(std::uint64_t most, const Visit& visit);

  Session& session_;
  const TenantId& tenant_;
  const SearchQuery& query_;
  std::vector<Matcher> matchers_;
  std::optional<std::vector<std::string>> studies_;  ///< UIDs that narrow() found
  bool by_walk_;                                     ///< the order is that of a walk
  bool details_;
};

}  // namespace gantry::index::mongo

// Searching: a plan, probed and read in one snapshot.

#include <algorithm>

#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"

namespace gantry::index {

using sqlite::Connection;
using sqlite::Query;

namespace {

/// Rows that are read before the first is visited: most searches end within, and then hold no snapshot while a slow
/// client is served.
constexpr std::size_t kAheadRows = 1000;
constexpr std::size_t kAheadBytes = 4 << 20;

/// What a search may still compute. The time that its visitor takes is not the search's.
class Budget {
 public:
  Budget(Connection& connection, std::chrono::milliseconds most)
      : connection_(connection), request_(connection.deadline()), left_(most) {}
  template <class Work>
  auto spend(Work&& work) {
    const Deadline start = Clock::now();
    connection_.set_deadline(std::min(request_, start + left_));
    auto result = work();
    left_ -= Clock::now() - start;
    connection_.set_deadline(request_);
    return result;
  }

 private:
  Connection& connection_;
  Deadline request_;
  Clock::duration left_;
};

/// The first probe begins the snapshot that the search itself reads, too; a search without probes is one statement.
sql::SearchPlan::Probe probe_on(Connection& connection, std::optional<sqlite::Transaction>& snapshot) {
  return [&connection, &snapshot](const sql::Text& text) -> Result<std::vector<std::string>> {
    if (!snapshot) {
      GANTRY_LET(sqlite::Transaction begun, sqlite::Transaction::begin(connection, false));
      snapshot.emplace(std::move(begun));
    }
    GANTRY_LET(Query query, connection.query(text.text()));
    query.bind_all(text.values());
    std::vector<std::string> found;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return found;
      found.push_back(query.text(0));
    }
  };
}

}  // namespace

Result<void> SqliteIndex::search(const RequestContext& ctx, const SearchQuery& query,
                                 const std::function<bool(SearchRow&&)>& visit) {
  GANTRY_TRY(validate(query));
  std::vector<SearchRow> ahead;
  {
    GANTRY_LET(const sqlite::ConnectionPool::Lease lease, impl_->readers->acquire(ctx.deadline));
    Budget budget(*lease, impl_->settings.statement_time);
    std::optional<sqlite::Transaction> snapshot;
    GANTRY_LET(const sql::SearchPlan plan, budget.spend([&] {
      return sql::SearchPlan::make(sql::sqlite_dialect(), ctx.tenant, query, probe_on(*lease, snapshot));
    }));
    const sql::Text text = plan.select();
    GANTRY_LET(Query rows, lease->query(text.text()));
    rows.bind_all(text.values());
    std::size_t bytes = 0;
    bool more = true;
    while (more && ahead.size() < kAheadRows && bytes < kAheadBytes) {
      GANTRY_LET(more, budget.spend([&] { return rows.step(); }));
      if (!more) break;
      ahead.push_back(sql::read_search_row(rows, query));
      bytes += sizeof(SearchRow) + ahead.back().attributes_zstd.size() +
               (ahead.back().instance && ahead.back().instance->location ? ahead.back().instance->location->frame_index.size() : 0);
    }
    if (more) {
      for (SearchRow& row : ahead) {
        if (!visit(std::move(row))) return {};
      }
      ahead = {};
      for (;;) {
        if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
        GANTRY_LET(more, budget.spend([&] { return rows.step(); }));
        if (!more || !visit(sql::read_search_row(rows, query))) return {};
      }
    }
  }
  for (SearchRow& row : ahead) {
    if (!visit(std::move(row))) break;
  }
  return {};
}

Result<std::uint64_t> SqliteIndex::count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) {
  GANTRY_TRY(validate(query));
  if (query.matches.empty() && !query.study && !query.series && !query.sop && query.after.empty()) {
    GANTRY_LET(const TenantTotals all, totals(ctx));
    const std::uint64_t hits = query.level == Level::kStudy    ? all.studies
                               : query.level == Level::kSeries ? all.series
                                                               : all.instances;
    return hits > most ? most + 1 : hits;
  }
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::uint64_t> {
    Budget budget(connection, impl_->settings.statement_time);
    std::optional<sqlite::Transaction> snapshot;
    return budget.spend([&]() -> Result<std::uint64_t> {
      GANTRY_LET(const sql::SearchPlan plan,
                 sql::SearchPlan::make(sql::sqlite_dialect(), ctx.tenant, query, probe_on(connection, snapshot)));
      const sql::Text text = plan.count(most);
      GANTRY_LET(Query counted, connection.query(text.text()));
      counted.bind_all(text.values());
      GANTRY_LET(const bool found, counted.step());
      return found ? counted.count(0) : std::uint64_t{0};
    });
  });
}

Result<std::vector<std::string>> SqliteIndex::explain(const RequestContext& ctx, const SearchQuery& query) {
  GANTRY_TRY(validate(query));
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<std::string>> {
    std::vector<std::string> lines;
    const auto explain_text = [&](const sql::Text& text) -> Result<void> {
      GANTRY_LET(Query rows, connection.query("EXPLAIN QUERY PLAN " + text.text()));
      rows.bind_all(text.values());
      for (;;) {
        GANTRY_LET(const bool more, rows.step());
        if (!more) return {};
        lines.push_back(rows.text(3));
      }
    };
    std::optional<sqlite::Transaction> snapshot;
    const auto probe = probe_on(connection, snapshot);
    GANTRY_LET(const sql::SearchPlan plan,
               sql::SearchPlan::make(sql::sqlite_dialect(), ctx.tenant, query,
                                     [&](const sql::Text& text) -> Result<std::vector<std::string>> {
                                       GANTRY_TRY(explain_text(text));
                                       return probe(text);
                                     }));
    GANTRY_TRY(explain_text(plan.select()));
    return lines;
  });
}

}  // namespace gantry::index

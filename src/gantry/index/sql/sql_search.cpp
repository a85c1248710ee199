// Searching: a plan, probed and read in one snapshot.

#include <algorithm>

#include "gantry/index/sql/conditions.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index::sql {
namespace {

/// A search with at most so many rows is one statement, and they are all read before the first is visited: then no
/// connection waits for a slow client.
constexpr std::uint64_t kPageRowsMost = 1000;

SearchPlan::Probe probe_on(Session& session) {
  return [&session](const Text& text) -> Result<std::vector<std::string>> {
    session.hold_snapshot();  // that the search itself reads, too; a search without probes is one statement
    GANTRY_LET(const Rows rows, session.run(text));
    std::vector<std::string> found;
    for (std::size_t i = 0; i < rows->size(); ++i) found.emplace_back(rows->view(i, 0));
    return found;
  };
}

bool meets_all(const SearchRow& row, const std::vector<const Match*>& matches) {
  return std::all_of(matches.begin(), matches.end(),
                     [&row](const Match* match) { return meets_unwritten(row, *match); });
}

/// Says of each row whether the search goes on.
class Pager {
 public:
  Pager(const SearchPlan& plan, const SearchQuery& query, const std::function<bool(SearchRow&&)>& visit)
      : plan_(plan), query_(query), visit_(visit) {}
  bool take(const RowRef& row) {
    SearchRow hit = read_search_row(row, query_);
    if (plan_.unwritten().empty()) return visit_(std::move(hit));
    if (query_.limit && taken_ >= *query_.limit) return false;
    if (!meets_all(hit, plan_.unwritten()) || met_++ < query_.offset) return true;
    ++taken_;
    return visit_(std::move(hit)) && (!query_.limit || taken_ < *query_.limit);
  }

 private:
  const SearchPlan& plan_;
  const SearchQuery& query_;
  const std::function<bool(SearchRow&&)>& visit_;
  std::uint64_t met_ = 0, taken_ = 0;
};

}  // namespace

Result<void> SqlIndex::search(const RequestContext& ctx, const SearchQuery& query,
                              const std::function<bool(SearchRow&&)>& visit) {
  GANTRY_TRY(validate(query));
  Rows page;
  std::optional<SearchPlan> kept;
  // Blobs can be large: with them rows are read few at a time.
  const bool is_page = query.limit && *query.limit <= kPageRowsMost && !query.with_attributes && !query.with_location;
  GANTRY_TRY(read(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    GANTRY_LET(SearchPlan plan, SearchPlan::make(dialect(), ctx.tenant, query, probe_on(session)));
    if (is_page && plan.unwritten().empty()) {
      GANTRY_LET(page, session.run(plan.select()));
      kept.emplace(std::move(plan));
      return {};
    }
    Pager pager(plan, query, visit);
    return session.stream(plan.select(), [&pager](const RowRef& row) { return pager.take(row); });
  }));
  if (!page) return {};
  Pager pager(*kept, query, visit);
  for (std::size_t i = 0; i < page->size(); ++i) {
    if (!pager.take(RowRef(*page, i))) break;
  }
  return {};
}

Result<std::uint64_t> SqlIndex::count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) {
  GANTRY_TRY(validate(query));
  if (query.matches.empty() && !query.study && !query.series && !query.sop && query.after.empty()) {
    GANTRY_LET(const TenantTotals all, totals(ctx));
    const std::uint64_t hits = query.level == Level::kStudy    ? all.studies
                               : query.level == Level::kSeries ? all.series
                                                               : all.instances;
    return hits > most ? most + 1 : hits;
  }
  SearchQuery bare = query;
  bare.with_attributes = bare.with_location = false;
  std::uint64_t hits = 0;
  GANTRY_TRY(read(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    hits = 0;
    GANTRY_LET(const SearchPlan plan, SearchPlan::make(dialect(), ctx.tenant, bare, probe_on(session)));
    if (plan.unwritten().empty()) {
      GANTRY_LET(const Rows rows, session.run(plan.count(most)));
      hits = static_cast<std::uint64_t>(rows->integer(0, 0));
      return {};
    }
    return session.stream(plan.select(), [&](const RowRef& row) {
      if (meets_all(read_search_row(row, bare), plan.unwritten())) ++hits;
      return hits <= most;
    });
  }));
  return hits;
}

}  // namespace gantry::index::sql

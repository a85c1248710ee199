#include "gantry/archive/query_service.hpp"

#include <algorithm>
#include <utility>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/row_cursor.hpp"
#include "gantry/archive/search_plan.hpp"
#include "gantry/archive/search_row_json.hpp"

namespace gantry::archive {
namespace {

constexpr std::chrono::seconds kStatementTime{5};

RequestContext with_statement_time(RequestContext ctx) {
  ctx.deadline = std::min(ctx.deadline, Clock::now() + kStatementTime);
  return ctx;
}

/// The stored JSON of a row when the plan needs it, and whether the plan's conditions hold.
Result<std::optional<std::string>> stored_json(const index::SearchRow& row, const SearchPlan& plan) {
  std::string stored;
  if (plan.query.with_attributes) {
    GANTRY_LET(stored, decompress_attributes(row.attributes_zstd));
    for (const auto& condition : plan.conditions) {
      GANTRY_LET(const bool holds, condition.holds(stored));
      if (!holds) return std::optional<std::string>();
    }
  }
  return std::optional<std::string>(std::move(stored));
}

class Hits final : public SearchHits {
 public:
  Hits(index::InstanceIndex& index, const RequestContext& ctx, std::shared_ptr<const SearchPlan> plan, std::string root)
      : cursor_(index, ctx, query_of(*plan), keeper(plan, std::move(root)),
                [](const std::string& json) { return json.size(); },
                {!plan->conditions.empty(), 8 << 20, kStatementTime}) {}

  Result<std::optional<std::string>> next() override { return cursor_.next(); }
  [[nodiscard]] bool in_memory() const noexcept override { return cursor_.exhausted(); }

  Result<void> begin() { return cursor_.begin(); }
  [[nodiscard]] std::uint64_t kept() const noexcept { return cursor_.kept(); }

 private:
  static index::SearchQuery query_of(const SearchPlan& plan) {
    auto query = plan.query;
    query.offset = plan.offset;
    query.limit = plan.limit;
    return query;
  }
  static RowCursor<std::string>::Keep keeper(std::shared_ptr<const SearchPlan> plan, std::string root) {
    return
        [plan = std::move(plan), root = std::move(root)](index::SearchRow&& row) -> Result<std::optional<std::string>> {
          GANTRY_LET(const auto stored, stored_json(row, *plan));
          if (!stored) return std::optional<std::string>();
          GANTRY_LET(auto json, search_row_json(row, *plan, root, *stored));
          return std::optional<std::string>(std::move(json));
        };
  }

  RowCursor<std::string> cursor_;
};

/// Hits of a plan with conditions on stored JSON, counted to `most` (then `most` + 1).
Result<std::uint64_t> count_filtered(index::InstanceIndex& index, const RequestContext& ctx, const SearchPlan& plan,
                                     std::uint64_t most) {
  std::uint64_t count = 0;
  std::optional<Error> failure;
  auto visit = [&](index::SearchRow&& row) {
    auto stored = stored_json(row, plan);
    if (!stored) {
      failure = std::move(stored).error();
      return false;
    }
    if (*stored) ++count;
    return count <= most;
  };
  GANTRY_TRY(index.search(with_statement_time(ctx), plan.query, visit));
  if (failure) return *std::move(failure);
  return count;
}

Result<std::uint64_t> count_hits(index::InstanceIndex& index, const RequestContext& ctx, const SearchPlan& plan,
                                 std::uint64_t most) {
  if (!plan.conditions.empty()) return count_filtered(index, ctx, plan, most);
  if (!plan.query.study && !plan.query.series && plan.query.matches.empty()) {
    GANTRY_LET(const auto totals, index.totals(with_statement_time(ctx)));
    switch (plan.query.level) {
      case index::Level::kStudy: return totals.studies;
      case index::Level::kSeries: return totals.series;
      case index::Level::kInstance: return totals.instances;
    }
  }
  return index.count(with_statement_time(ctx), plan.query, most);
}

}  // namespace

Result<SearchResult> QueryService::search(const RequestContext& ctx, const SearchRequest& request,
                                          const SearchLimits& limits) {
  GANTRY_LET(auto planned, plan_search(request, limits));
  const auto plan = std::make_shared<const SearchPlan>(std::move(planned));
  auto hits = std::make_shared<Hits>(index_, ctx, plan, request.root);
  GANTRY_TRY(hits->begin());

  SearchResult result;
  result.warnings = plan->warnings;
  const std::uint64_t seen = plan->offset + hits->kept();
  const bool to_the_end = hits->in_memory() && (!plan->limit || hits->kept() < *plan->limit);
  if (to_the_end && (hits->kept() > 0 || plan->offset == 0)) {
    result.total = seen;
  } else {
    // Counting goes at least as far as what was shown, so that "there is more" is always known.
    const std::uint64_t most = std::max(kCountMost, seen);
    GANTRY_LET(const auto total, count_hits(index_, ctx, *plan, most));
    const bool counted =
        total <= most || (!plan->query.study && plan->query.matches.empty() && plan->conditions.empty());
    if (counted) result.total = total;
    if (plan->limit && total > seen) result.remaining = total - seen;
  }
  result.hits = std::move(hits);
  return result;
}

Result<std::uint64_t> QueryService::state(const RequestContext& ctx) {
  GANTRY_LET(const auto totals, index_.totals(with_statement_time(ctx)));
  return totals.change_no;
}

}  // namespace gantry::archive

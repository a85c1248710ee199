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
  if (plan.zoned && !plan.zoned->hold(row)) return std::optional<std::string>();
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
                [](const std::string& json) { return json.size(); }, {plan->drops_rows(), 8 << 20, kStatementTime}) {}

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

/// Hits of a plan that drops rows of the index, counted to `most` (then `most` + 1).
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
  if (plan.drops_rows()) return count_filtered(index, ctx, plan, most);
  if (!plan.query.study && !plan.query.series && plan.query.matches.empty() && plan.query.after.empty()) {
    GANTRY_LET(const auto totals, index.totals(with_statement_time(ctx)));
    switch (plan.query.level) {
      case index::Level::kStudy: return totals.studies;
      case index::Level::kSeries: return totals.series;
      case index::Level::kInstance: return totals.instances;
    }
  }
  return index.count(with_statement_time(ctx), plan.query, most);
}

/// The one study that hits can be in, when the search names it.
std::optional<StudyUid> one_study(const index::SearchQuery& query) {
  if (query.study) return query.study;
  for (const auto& match : query.matches) {
    if (match.field == index::Field::kStudyUid && match.kind == index::Match::Kind::kAnyOf && match.values.size() == 1)
      return StudyUid(match.values[0]);
  }
  return std::nullopt;
}

/// Does a search of one study have no other condition? Then it has no hits only when there is no such study.
bool asks_for_nothing_else(const SearchPlan& plan) {
  const auto is_study = [](const auto& match) { return match.field == index::Field::kStudyUid; };
  return !plan.query.series && !plan.query.sop && !plan.drops_rows() && plan.query.after.empty() && plan.offset == 0 &&
         plan.limit != 0U && std::all_of(plan.query.matches.begin(), plan.query.matches.end(), is_study) &&
         plan.query.matches.size() + (plan.query.study ? 1 : 0) == 1;
}

}  // namespace

Result<SearchResult> QueryService::search(const RequestContext& ctx, const SearchRequest& request,
                                          const SearchLimits& limits, std::optional<std::uint64_t> state) {
  GANTRY_LET(auto planned, plan_search(request, limits));
  // A condition like any other, not the search's own scope, which also says what comes back.
  if (ctx.only_study) {
    planned.query.matches.push_back({index::Field::kStudyUid, index::Match::Kind::kAnyOf, {ctx.only_study->str()}});
  }
  const auto study = state && studies_ != nullptr ? one_study(planned.query) : std::nullopt;
  const bool absent = study && studies_->is_absent(ctx, *study, *state);
  if (absent) planned.limit = 0;
  const auto plan = std::make_shared<const SearchPlan>(std::move(planned));
  auto hits = std::make_shared<Hits>(index_, ctx, plan, request.root);
  GANTRY_TRY(hits->begin());

  SearchResult result;
  result.warnings = plan->warnings;
  if (absent) {
    result.total = 0;
    result.hits = std::move(hits);
    return result;
  }
  const std::uint64_t seen = plan->offset + hits->kept();
  const bool to_the_end = hits->in_memory() && (!plan->limit || hits->kept() < *plan->limit);
  if (to_the_end && (hits->kept() > 0 || plan->offset == 0)) {
    result.total = seen;
  } else {
    // Counting goes at least as far as what was shown, so that "there is more" is always known.
    const std::uint64_t most = std::max(kCountMost, seen);
    GANTRY_LET(const auto total, count_hits(index_, ctx, *plan, most));
    const bool counted = total <= most || (!plan->query.study && plan->query.matches.empty() && !plan->drops_rows() &&
                                           plan->query.after.empty());
    if (counted) result.total = total;
    if (plan->limit && total > seen) result.remaining = total - seen;
  }
  // Of a search that goes on from a record only what follows was counted.
  if (!plan->query.after.empty()) result.total.reset();
  if (study && result.total == 0U && asks_for_nothing_else(*plan) &&
      studies_->remember_absent(ctx.tenant, *study, *state)) {
    studies_->share_absent(ctx, *study, *state);
  }
  result.hits = std::move(hits);
  return result;
}

Result<std::uint64_t> QueryService::state(const RequestContext& ctx) {
  GANTRY_LET(const auto totals, index_.totals(with_statement_time(ctx)));
  return totals.change_no;
}

}  // namespace gantry::archive

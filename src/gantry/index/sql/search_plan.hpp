#pragma once

// From a SearchQuery to SQL. A search begins at what narrows it most: a study, a list of studies, the studies with one
// term (a walk in the default order), or all studies in the default order. Whatever it begins at, every condition is
// asked of every row again, so the beginning decides speed alone.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/ids.hpp"
#include "gantry/index/search_query.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {

class SearchPlan {
 public:
  /// Runs a small statement in the search's own snapshot and gives the first column of its rows.
  using Probe = std::function<Result<std::vector<std::string>>(const Text&)>;
  /// A condition that at most this many studies meet is looked up first; others are asked along the default order.
  static constexpr std::size_t kProbeMost = 2000;

  /// `query` is validated; it outlives the plan.
  static Result<SearchPlan> make(const Dialect& dialect, const TenantId& tenant, const SearchQuery& query,
                                 const Probe& probe);

  /// Columns in the order of select_columns().
  [[nodiscard]] Text select() const;
  /// One number: the hits, counted to `most` + 1.
  [[nodiscard]] Text count(std::uint64_t most) const;
  /// What the database can't say: select() gives more rows than there are hits and has neither limit nor offset; who
  /// reads it keeps the rows that meet all of these (meets_unwritten()) and pages himself. Mostly empty.
  [[nodiscard]] const std::vector<const Match*>& unwritten() const noexcept { return unwritten_; }

 private:
  struct TermWalk {
    Term kind;
    std::string term;
  };
  SearchPlan(const Dialect& dialect, const TenantId& tenant, const SearchQuery& query)
      : dialect_(dialect), tenant_(tenant), query_(query) {}
  Result<void> choose(const Probe& probe);
  Result<bool> choose_uids(const Probe& probe);
  Result<bool> choose_probed(const Probe& probe);
  void write_from(Text& sql) const;
  void write_where(Text& sql) const;
  void write_after(Text& sql) const;
  void write_order(Text& sql) const;

  const Dialect& dialect_;
  const TenantId& tenant_;
  const SearchQuery& query_;
  std::vector<const Match*> unwritten_;
  std::optional<std::vector<std::string>> studies_;
  std::optional<TermWalk> walk_;
};

/// The columns that a search reads, each level's beside the attribute it fills (null: read by name).
struct SelectColumn {
  std::string_view name;
  AttributeMember member = nullptr;
};
[[nodiscard]] std::span<const SelectColumn> select_columns(Level level) noexcept;

}  // namespace gantry::index::sql

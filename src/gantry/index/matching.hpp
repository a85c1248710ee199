#pragma once

// Conditions and order of a search asked of values in memory: for providers whose database can't say them.

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gantry/index/fields.hpp"
#include "gantry/index/fuzzy_name.hpp"
#include "gantry/index/search_query.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index {

/// The value of a field of one hit, as it was committed; multi-valued ones joined by backslashes.
using ValueOf = std::function<std::string(Field)>;

/// A validated Match, its patterns read once. The match outlives it.
class Matcher {
 public:
  explicit Matcher(const Match& match);
  [[nodiscard]] bool matches(const ValueOf& value_of) const;
  [[nodiscard]] const Match& match() const noexcept { return *match_; }

 private:
  const Match* match_;
  std::optional<FoldedPattern> folded_;
  std::optional<NamePattern> name_;
  std::optional<FuzzyName> fuzzy_;
};

/// Less, equal or greater in the order of `field`; numbers that are none come last either way.
[[nodiscard]] std::weak_ordering compare_values(const Order& by, const std::string& a, const std::string& b);
/// The query's order made total by the default order (search_query.hpp).
[[nodiscard]] std::vector<Order> full_order(const SearchQuery& query);

/// Does a hit stand behind the query's place to go on from? True when it has none.
[[nodiscard]] bool is_behind(const SearchQuery& query, const ValueOf& value_of);

}  // namespace gantry::index

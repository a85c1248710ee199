#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/archive/json_condition.hpp"
#include "gantry/archive/search_request.hpp"
#include "gantry/archive/time_zone.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

/// Attributes to return besides the required ones; only such as the level has.
struct IncludedAttributes {
  bool all = false;
  std::vector<dicom::Tag> tags;  ///< ascending, each once
  [[nodiscard]] bool has(dicom::Tag tag) const noexcept;
  /// Asked for by its own name.
  [[nodiscard]] bool names(dicom::Tag tag) const noexcept;
};

/// A checked search: what the index does, what is matched on stored JSON, what comes back.
struct SearchPlan {
  index::SearchQuery query;  ///< without limit and offset
  std::vector<JsonCondition> conditions;
  std::optional<ZonedMatches> zoned;  ///< date and time ranges that are asked of hits
  IncludedAttributes include;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit;  ///< nullopt: everything, streamed
  std::vector<std::string> warnings;   ///< for Warning 299, without the code and the service
  /// Are there hits of the index that are none of the search?
  [[nodiscard]] bool drops_rows() const noexcept { return !conditions.empty() || zoned; }
};

/// A matching key that an index serves: for the conformance statement.
struct MatchingKey {
  std::uint32_t sequence = 0;  ///< 0: the attribute stands in the data set itself
  std::uint32_t tag = 0;
  index::Level level = index::Level::kStudy;
  std::string_view matching;  ///< the kind of it, in words
};
[[nodiscard]] std::vector<MatchingKey> matching_keys();

/// Translates and checks. kInvalid names the parameter and says what was expected.
[[nodiscard]] Result<SearchPlan> plan_search(const SearchRequest& request, const SearchLimits& limits);

}  // namespace gantry::archive

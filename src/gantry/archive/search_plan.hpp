#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gantry/archive/json_condition.hpp"
#include "gantry/archive/search_request.hpp"
#include "gantry/base/result.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

/// Attributes to return besides the required ones; only such as the level has.
struct IncludedAttributes {
  bool all = false;
  std::vector<dicom::Tag> tags;  ///< ascending, each once
  [[nodiscard]] bool has(dicom::Tag tag) const noexcept;
};

/// A checked search: what the index does, what is matched on stored JSON, what comes back.
struct SearchPlan {
  index::SearchQuery query;  ///< without limit and offset
  std::vector<JsonCondition> conditions;
  IncludedAttributes include;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit;  ///< nullopt: everything, streamed
  std::vector<std::string> warnings;   ///< for Warning 299, without the code and the service
};

/// Translates and checks. kInvalid names the parameter and says what was expected.
[[nodiscard]] Result<SearchPlan> plan_search(const SearchRequest& request, const SearchLimits& limits);

}  // namespace gantry::archive

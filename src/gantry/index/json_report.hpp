#pragma once

// What an operator sees of the making of series' JSON, and what they may ask for (DESIGN §7). On any provider.

#include <cstdint>
#include <optional>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::index {

struct JsonReport {
  JsonTotals totals;
  std::vector<JsonFailure> failures;  ///< those given up come first
};
/// Counts, then at most `failures_most` of the series that failed: two looks, between which workers go on. All tenants.
[[nodiscard]] Result<JsonReport> json_report(InstanceIndex& index, const RequestContext& ctx,
                                             std::size_t failures_most);

struct JsonScope {
  std::optional<TenantId> tenant;  ///< nullopt: all
  std::optional<StudyUid> study;
  std::optional<SeriesUid> series;
};
/// Makes series that failed or were given up due again at once, with all their tries; says how many. What was done
/// stays done when it breaks off. A worker that claims one of them at the same moment works in vain.
[[nodiscard]] Result<std::uint64_t> retry_json(InstanceIndex& index, const RequestContext& ctx, const JsonScope& scope);

}  // namespace gantry::index

#pragma once

// What providers share of InstanceIndex::versions().

#include <array>
#include <span>
#include <vector>

#include "gantry/index/instance_index.hpp"

namespace gantry::index {

enum class VersionLevel { kTenant, kStudy, kSeries, kInstance };
inline constexpr std::array kVersionLevels{VersionLevel::kTenant, VersionLevel::kStudy, VersionLevel::kSeries,
                                           VersionLevel::kInstance};

[[nodiscard]] inline VersionLevel level_of(const VersionKey& key) {
  return !key.sop.empty()      ? VersionLevel::kInstance
         : !key.series.empty() ? VersionLevel::kSeries
         : !key.study.empty()  ? VersionLevel::kStudy
                               : VersionLevel::kTenant;
}

/// kInvalid: too many, or a level without the one above it.
[[nodiscard]] inline Result<void> check_version_keys(std::span<const VersionKey> keys) {
  if (keys.size() > kVersionKeysMost) return Error::invalid("too many versions are asked for at once");
  for (const VersionKey& key : keys) {
    if (key.tenant.empty() || (key.study.empty() && !key.series.empty()) || (key.series.empty() && !key.sop.empty()))
      return Error::invalid("a version is asked of something that is not named by all that it is in");
  }
  return {};
}

/// versions() by the calls for single ones, tenants first: where a call costs no round trip.
template <class Index>
Result<std::vector<std::uint64_t>> versions_one_by_one(Index& index, const RequestContext& ctx,
                                                       std::span<const VersionKey> keys) {
  GANTRY_TRY(check_version_keys(keys));
  std::vector<std::uint64_t> versions(keys.size());
  RequestContext of_tenant = ctx;
  for (const VersionLevel level : kVersionLevels) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const VersionKey& key = keys[i];
      if (level_of(key) != level) continue;
      of_tenant.tenant = key.tenant;
      if (level == VersionLevel::kTenant) {
        GANTRY_LET(const TenantTotals totals, index.totals(of_tenant));
        versions[i] = totals.change_no;
      } else if (level == VersionLevel::kInstance) {
        GANTRY_LET(const auto located, index.locate(of_tenant, key.study, key.series, key.sop));
        if (located) versions[i] = located->version;
      } else {
        const auto series = level == VersionLevel::kSeries ? std::optional(key.series) : std::nullopt;
        GANTRY_LET(const auto version, index.version_of(of_tenant, key.study, series));
        versions[i] = version.value_or(0);
      }
    }
  }
  return versions;
}

}  // namespace gantry::index

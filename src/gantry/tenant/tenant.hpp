#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gantry/base/ids.hpp"

namespace gantry::tenant {

/// Only an active tenant has its requests answered. One that is being deleted stays so until all of its data are gone.
enum class TenantState { kActive, kDisabled, kDeleting, kDeleted };

/// "active", "disabled", "deleting", "deleted".
[[nodiscard]] std::string_view to_string(TenantState state) noexcept;

/// What a tenant may use, all nodes together or each, as it says; 0 is no limit, or the node's own.
struct TenantQuotas {
  std::uint64_t bytes = 0;           ///< of the files that it keeps; what goes beyond is not stored
  std::uint64_t instances = 0;       ///< the same
  std::uint64_t requests_per_s = 0;  ///< of each node
  std::uint64_t concurrent = 0;      ///< requests that run at once, on each node

  friend bool operator==(const TenantQuotas&, const TenantQuotas&) = default;
};

struct TenantInfo {
  TenantId id;
  TenantState state = TenantState::kActive;
  TenantQuotas quotas;

  friend bool operator==(const TenantInfo&, const TenantInfo&) = default;
};

}  // namespace gantry::tenant

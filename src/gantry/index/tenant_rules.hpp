#pragma once

// What every provider says of a tenant that is not as a call needs it.

#include <cstdint>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {

inline Error wrong_state(TenantState now) {
  return Error::conflict("the tenant is " + std::string(tenant::to_string(now)) + " now");
}

/// purge_tenant()'s conditions.
inline Result<void> check_purge(TenantState state, std::uint64_t instances) {
  if (state != TenantState::kDeleting) return wrong_state(state);
  if (instances > 0) return Error::conflict("the tenant has " + std::to_string(instances) + " instances");
  return {};
}

}  // namespace gantry::index

#include "gantry/tenant/tenant.hpp"

namespace gantry::tenant {

std::string_view to_string(TenantState state) noexcept {
  switch (state) {
    case TenantState::kActive: return "active";
    case TenantState::kDisabled: return "disabled";
    case TenantState::kDeleting: return "deleting";
    case TenantState::kDeleted: break;
  }
  return "deleted";
}

}  // namespace gantry::tenant

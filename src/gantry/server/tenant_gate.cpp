#include "gantry/server/tenant_gate.hpp"

namespace gantry::server {

Task<std::optional<http::Response>> admit_tenant(tenant::TenantDirectory& directory, const http::Request& request,
                                                 Permission permission, std::optional<tenant::TenantInfo>& info) {
  if (permission == Permission::kPublic) co_return std::nullopt;
  if (permission == Permission::kAdmin && request.remote_address == "unix") co_return std::nullopt;
  auto found = co_await directory.find(request.context.tenant);
  if (!found) co_return http::problem(found.error());
  switch (found->state) {
    case tenant::TenantState::kActive: break;
    case tenant::TenantState::kDisabled: co_return http::problem(Error::denied("this tenant is disabled"));
    // What was deleted is as if it had never been, and what is being deleted is on its way there.
    case tenant::TenantState::kDeleting:
    case tenant::TenantState::kDeleted: co_return http::problem(tenant::no_such_tenant());
  }
  info = *std::move(found);
  co_return std::nullopt;
}

}  // namespace gantry::server

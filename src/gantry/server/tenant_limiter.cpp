#include "gantry/server/tenant_limiter.hpp"

#include <string>
#include <utility>

namespace gantry::server {

std::optional<http::Response> TenantLimiter::admit(http::Request& request, const TenantLimits& own) {
  const TenantId& tenant = request.context.tenant;
  if (tenant.empty() || request.remote_address == "unix") return std::nullopt;
  const TenantLimits limits{own.requests_per_s != 0 ? own.requests_per_s : defaults_.requests_per_s,
                            own.concurrent != 0 ? own.concurrent : defaults_.concurrent};
  if (limits.requests_per_s == 0 && limits.concurrent == 0) return std::nullopt;
  auto outcome = admission_.enter(tenant, limits);
  if (auto* admitted = std::get_if<Admission::Admitted>(&outcome)) {
    request.held = std::move(*admitted);
    return std::nullopt;
  }
  const auto& refusal = std::get<Admission::Refusal>(outcome);
  metrics_.refused(tenant, refusal.reason);
  const bool rate = refusal.reason == Admission::Reason::kRate;
  auto response = http::problem(
      429, rate ? "this tenant's limit is " + std::to_string(limits.requests_per_s) + " requests a second on this node"
                : "this tenant's limit is " + std::to_string(limits.concurrent) + " requests at a time on this node");
  response.headers.set("Retry-After", std::to_string(refusal.retry_after.count()));
  return response;
}

}  // namespace gantry::server

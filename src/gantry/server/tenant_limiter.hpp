#pragma once

#include <optional>

#include "gantry/config/settings.hpp"
#include "gantry/http/message.hpp"
#include "gantry/http/server.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/admission.hpp"
#include "gantry/server/tenant_metrics.hpp"

namespace gantry::server {

/// The last step of the `authorize` hook: a tenant's limits on this node, and its metrics. Thread-safe.
class TenantLimiter {
 public:
  /// The metrics outlive it.
  TenantLimiter(const config::Settings& settings, observe::Metrics& metrics)
      : defaults_{settings.limits.tenant_requests_per_s, settings.limits.tenant_concurrent}, metrics_(metrics) {}

  /// 429 with Retry-After (RFC 6585 §4), or nothing: the request holds its place until its answer was sent. `own` are the
  /// tenant's limits; 0 there is the node's default. What has no tenant, and the Unix socket's, is not limited.
  [[nodiscard]] std::optional<http::Response> admit(http::Request& request, const TenantLimits& own = {});
  /// Counts a request that ended.
  void note(const http::AccessRecord& record) { metrics_.note(record); }

 private:
  const TenantLimits defaults_;
  Admission admission_;
  TenantMetrics metrics_;
};

}  // namespace gantry::server

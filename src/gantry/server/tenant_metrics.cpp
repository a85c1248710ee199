#include "gantry/server/tenant_metrics.hpp"

#include <utility>

namespace gantry::server {

TenantMetrics::Row& TenantMetrics::row_of(const std::string& asked) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = rows_.find(asked); known != rows_.end()) return *known->second;
  const std::string tenant = rows_.size() < observe::Metrics::kSeriesMost ? asked : "other";
  if (const auto known = rows_.find(tenant); known != rows_.end()) return *known->second;
  const observe::Labels labels{{"tenant", tenant}};
  auto row = std::make_unique<Row>(
      Row{metrics_.counter("gantry_tenant_requests_total", "Requests of a tenant that ended.", labels),
          metrics_.counter("gantry_tenant_failures_total", "Those of them that ended with a status from 500 on.", labels),
          metrics_.counter("gantry_tenant_received_bytes_total", "Bytes received from a tenant.", labels),
          metrics_.counter("gantry_tenant_sent_bytes_total", "Bytes sent to a tenant.", labels),
          metrics_.counter("gantry_tenant_request_microseconds_total", "Time that a tenant's requests took, added up.", labels)});
  return *rows_.emplace(tenant, std::move(row)).first->second;
}

void TenantMetrics::note(const http::AccessRecord& record) {
  if (record.tenant.empty()) return;
  Row& row = row_of(record.tenant);
  row.requests.add();
  if (record.status >= 500) row.failed.add();
  row.bytes_in.add(record.bytes_in);
  row.bytes_out.add(record.bytes_out);
  row.time_us.add(static_cast<std::uint64_t>(record.duration.count()));
}

void TenantMetrics::refused(const TenantId& tenant, Admission::Reason reason) {
  metrics_
      .counter("gantry_tenant_refused_requests_total", "Requests beyond a tenant's limits, answered 429.",
               {{"tenant", tenant.str()}, {"limit", reason == Admission::Reason::kRate ? "rate" : "concurrent"}})
      .add();
}

}  // namespace gantry::server

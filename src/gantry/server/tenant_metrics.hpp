#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "gantry/http/server.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/admission.hpp"

namespace gantry::server {

/// Counters by tenant, of tenants that a credential named: nobody makes series by asking. The registry bounds their number
/// (observe::Metrics::kSeriesMost); later tenants share "other". Thread-safe.
class TenantMetrics {
 public:
  /// Both outlive it.
  explicit TenantMetrics(observe::Metrics& metrics) : metrics_(metrics) {}

  /// A request that ended. One without a tenant counts nowhere.
  void note(const http::AccessRecord& record);
  void refused(const TenantId& tenant, Admission::Reason reason);

 private:
  struct Row {
    observe::Counter& requests;
    observe::Counter& failed;
    observe::Counter& bytes_in;
    observe::Counter& bytes_out;
    observe::Counter& time_us;
  };
  Row& row_of(const std::string& tenant);

  observe::Metrics& metrics_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Row>> rows_;
};

}  // namespace gantry::server

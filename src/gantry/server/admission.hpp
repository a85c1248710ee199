#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>

#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"

namespace gantry::server {

/// What a tenant may ask of this node; 0 is no limit.
struct TenantLimits {
  std::uint64_t requests_per_s = 0;  ///< in the long run; a second's worth may come at once
  std::uint64_t concurrent = 0;      ///< requests that are in work, their answers being sent included
};

/// Counts what each tenant has in work on this node, and refuses what is beyond its limits. Thread-safe; its memory follows
/// the tenants that were busy lately.
class Admission {
 public:
  enum class Reason { kRate, kConcurrency };
  struct Refusal {
    Reason reason = Reason::kRate;
    std::chrono::seconds retry_after{1};  ///< when there is room again, by what is known now
  };
  /// Holding it is being in work.
  using Admitted = std::shared_ptr<void>;

  /// The admission outlives what it admits.
  [[nodiscard]] std::variant<Admitted, Refusal> enter(const TenantId& tenant, const TenantLimits& limits,
                                                      Clock::time_point now = Clock::now());
  /// Requests of the tenant that are in work.
  [[nodiscard]] std::uint64_t running(const TenantId& tenant) const;

 private:
  struct Tenant {
    std::uint64_t running = 0;
    double tokens = 0;  ///< requests that may begin now
    double most = 0;    ///< what it fills up to, 0: never limited yet
    double per_second = 0;
    Clock::time_point filled;

    void fill(const TenantLimits& limits, Clock::time_point now);
    /// Nothing would be lost by forgetting it.
    [[nodiscard]] bool is_idle(Clock::time_point now) const;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Tenant> tenants;
    std::size_t sweep_at = 64;
  };

  [[nodiscard]] Shard& shard_of(const std::string& tenant) const;
  static void sweep(Shard& shard, Clock::time_point now);

  mutable std::array<Shard, 16> shards_;
};

}  // namespace gantry::server

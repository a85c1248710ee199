#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/task.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/tenant/tenant.hpp"

namespace gantry::tenant {

/// Which tenants there are and how they stand, as this node knows it: never older than `age_most`, so that a tenant
/// that is disabled or deleted anywhere is refused here within that. Thread-safe. Awaited on io threads; a tenant that
/// is asked for all the time is read again before its time is up, so that nobody waits for it.
class TenantDirectory {
 public:
  /// Reads one tenant; nullopt: there is none of this name. Blocking, on the pool.
  using Read = std::function<Result<std::optional<TenantInfo>>(const TenantId&)>;
  struct Settings {
    std::chrono::milliseconds age_most{1000};
    std::size_t tenants_most = 10'000;  ///< in memory, unknown names among them
    /// Called on the pool when a tenant that was there is found to be going or gone; may be empty.
    std::function<void(const TenantId&)> gone = {};
  };

  /// The pool outlives it, and is stopped before it goes.
  TenantDirectory(WorkerPool& pool, Read read) : TenantDirectory(pool, std::move(read), Settings()) {}
  /// `read` and `settings.gone` may be called until the pool stops.
  TenantDirectory(WorkerPool& pool, Read read, Settings settings);

  /// kDenied: there is no such tenant. kUnavailable, kTimeout: whoever knows can't be asked now.
  Task<Result<TenantInfo>> find(TenantId tenant);

  /// This process changed the tenant: what was read before is not told any more.
  void forget(const TenantId& tenant);

  struct Counters {
    std::uint64_t reads = 0, failures = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  using Answer = Result<std::optional<TenantInfo>>;
  struct Entry {
    std::optional<TenantInfo> info;
    Clock::time_point read{};  ///< when the reading began
    bool known = false;        ///< `info` says something
    bool there = false;        ///< it was, when it was read last
    bool reading = false;
    std::uint64_t number = 0;  ///< of the reading that may fill it
    std::vector<OneShot<Answer>> waiting;
    std::list<std::string>::iterator age;
  };

  Entry& entry_of(const TenantId& tenant);
  /// With the mutex held. False: the pool is full.
  [[nodiscard]] bool begin_reading(const TenantId& tenant, Entry& entry);
  void read(const TenantId& tenant, std::uint64_t number);

  WorkerPool& pool_;
  const Read read_;
  const Settings settings_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> by_age_;  ///< of entries_, the one longest unasked first
  std::uint64_t readings_ = 0;
  Counters counters_;
};

/// What is said of every tenant that one may not have, whether or not it exists (DESIGN §9).
[[nodiscard]] Error no_such_tenant();

}  // namespace gantry::tenant

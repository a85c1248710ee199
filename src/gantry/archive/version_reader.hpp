#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/task.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::archive {

/// Confirms what caches hold of an index that others write to as well (DESIGN §8). Version reads are coalesced: while a
/// statement is on its way, whoever comes waits, and the next one asks for all their keys. Thread-safe; awaited on io
/// threads, takes no worker.
class VersionReader {
 public:
  /// What is known is told without asking until it is `staleness_most` old; 0: never. `index` outlives the reader.
  explicit VersionReader(index::InstanceIndex& index, std::chrono::milliseconds staleness_most = {});
  /// Nobody waits any more.
  ~VersionReader();
  VersionReader(const VersionReader&) = delete;
  VersionReader& operator=(const VersionReader&) = delete;

  static constexpr std::size_t kKeysMost = 4;  ///< of one call
  using Versions = Result<std::vector<std::uint64_t>>;

  /// InstanceIndex::versions() by a statement that began after this call, or `staleness_most` before it. kUnavailable,
  /// kTimeout: nothing can be confirmed now.
  Task<Versions> read(std::vector<index::VersionKey> keys);

  /// Does the tenant change all the time? Then its change number alone will hardly confirm anything.
  [[nodiscard]] bool is_busy(const TenantId& tenant) const;

  /// This process changed the tenant's rows: what was read before is not told any more.
  void changed(const TenantId& tenant);

  struct Counters {
    std::uint64_t reads = 0;       ///< calls of read()
    std::uint64_t statements = 0;  ///< asked for them
    std::uint64_t keys = 0;        ///< in these
    std::uint64_t failures = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct Waiter {
    std::vector<index::VersionKey> keys;
    std::vector<std::string> names;  ///< of the keys
    OneShot<Versions> shot;
  };
  struct Known {
    std::uint64_t version = 0;
    Clock::time_point read;  ///< when the statement began
    std::list<std::string>::iterator age;
  };
  struct Tenant {
    std::uint64_t change_no = 0;
    Clock::time_point changed;     ///< when it was seen to have changed
    std::uint64_t own_writes = 0;  ///< calls of changed()
  };
  struct Round;

  void run();
  void answer(Round& round);
  void remember(const Round& round, const std::vector<std::uint64_t>& versions);
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> known(const std::vector<std::string>& names) const;

  index::InstanceIndex& index_;
  const std::chrono::milliseconds staleness_most_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiter> waiting_;
  std::unordered_map<std::string, Tenant> tenants_;
  std::unordered_map<std::string, Known> known_;  ///< only where staleness is allowed
  std::list<std::string> by_age_;                 ///< of known_, the oldest first
  Counters counters_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace gantry::archive

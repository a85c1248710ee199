#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/base/context.hpp"
#include "gantry/cache/shared_cache.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::archive {

/// Tells the shared cache what changed, from the index's change feed (DESIGN §8): soon after this node's commits, and
/// now and then for those of nodes that did not get to it. What did not arrive is told again. It saves work alone:
/// nobody answers from the shared cache without asking for the version.
class Outbox {
 public:
  struct Settings {
    std::chrono::milliseconds study_life =
        std::chrono::hours(2);  ///< of tombstones, which is that of what they replace
    std::chrono::milliseconds pause = std::chrono::milliseconds(50);  ///< between two rounds, at least
    std::chrono::milliseconds look_again = std::chrono::seconds(5);   ///< without a commit here
  };
  /// Ports outlive it. Begins with `first`'s changes.
  Outbox(index::InstanceIndex& index, cache::SharedCache& cache, TenantId first, Settings settings);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Something of the tenant was committed. Never blocks.
  void changed(const TenantId& tenant);

  struct Counters {
    std::uint64_t told = 0;      ///< studies that were told to have changed
    std::uint64_t failures = 0;  ///< rounds that will be repeated
  };
  [[nodiscard]] Counters counters() const;

  /// Tells what the tenant's feed has since the last time. True: there may be more. Blocking; for tests, too.
  Result<bool> tell(const TenantId& tenant);

 private:
  void run();
  /// Up to where it was told, by whichever node.
  Result<std::uint64_t> told_up_to(const RequestContext& ctx);

  index::InstanceIndex& index_;
  cache::SharedCache& cache_;
  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<TenantId, bool> tenants_;           ///< all that were seen; true: has changes to be told
  std::map<TenantId, std::uint64_t> cursors_;  ///< used by one round at a time
  Counters counters_;
  bool woken_ = false, stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace gantry::archive

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gantry/archive/pending_instance.hpp"

namespace gantry::archive {

/// One thread that commits persisted instances in groups (DESIGN §4.5). It takes at once what waits of one tenant,
/// tenants in turn; what arrives meanwhile is the next group. So nobody waits for a timer, and the slower the index,
/// the larger its groups.
class Committer {
 public:
  /// What is to become of the object whose instance got its outcome.
  enum class Fate {
    kKeep,          ///< a row holds it
    kRemove,        ///< nothing holds it and nothing ever will
    kLeaveToSweep,  ///< its commit may still come, or nobody could say
  };
  /// Called for each instance when its outcome is settled, from the committer's thread. Must not block for long.
  using Settled = std::function<void(PendingInstance instance, Fate fate)>;

  /// Ports and listener outlive the committer.
  Committer(index::InstanceIndex& index, const StoreSettings& settings, StoreService::Listener* listener,
            Settled settled);
  /// Commits what waits, then ends.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// From any thread. The object of `instance` is persisted.
  void push(PendingInstance instance);
  [[nodiscard]] std::uint64_t groups() const noexcept { return groups_; }

 private:
  struct Group {
    std::vector<PendingInstance> instances;
    std::vector<index::InstanceRecord> records;  ///< theirs, in the same order, side by side for the port
    std::vector<Fate> fates;
    std::vector<std::optional<index::Committed::Place>> moved_from;  ///< where what they replaced was
  };

  void run();
  Group take_group();
  void commit(Group& group, std::size_t begin, std::size_t end);
  void settle_committed(Group& group, std::size_t at, const index::Committed& committed);
  void settle_by_reading_back(Group& group, std::size_t begin, std::size_t end, const Error& error);
  void spare_held_objects(Group& group);
  void tell_listener(const Group& group) const;
  [[nodiscard]] RequestContext context_of(const Group& group) const;

  index::InstanceIndex& index_;
  const index::ConflictPolicy conflict_;
  const std::size_t group_most_;
  const std::chrono::milliseconds commit_time_;
  StoreService::Listener* const listener_;
  const Settled settled_;
  std::atomic<std::uint64_t> groups_{0};

  std::mutex mutex_;
  std::condition_variable ready_;
  std::unordered_map<std::string, std::deque<PendingInstance>> waiting_;  ///< by tenant; none is empty
  std::deque<std::string> turns_;                                         ///< the tenants of waiting_
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gantry::archive

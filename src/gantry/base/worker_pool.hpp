#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gantry/base/function.hpp"

namespace gantry {

/// A fixed number of threads over one bounded queue. Pools are separate (disk, index, CPU) and none submits to itself:
/// a worker never waits for another task. Tasks must not throw.
class WorkerPool {
 public:
  /// `name` (at most 15 characters) shows in `top -H`. `queue_limit` tasks may wait; one more is refused.
  /// `niceness` above 0 lowers the threads' priority.
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_limit, int niceness = 0);
  /// Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues `task`, from any thread. False when the queue is full or the pool stops: the caller answers 503.
  [[nodiscard]] bool try_submit(UniqueTask task);

  /// Queues `task` beyond the limit too, for steps of work that was already admitted (an upload's own chunks).
  /// Only for callers whose number is bounded elsewhere. False only when the pool stops.
  [[nodiscard]] bool submit_admitted(UniqueTask task);

  [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }
  [[nodiscard]] std::size_t queued() const;
  /// No new tasks; returns when all queued ones have run. Idempotent.
  void stop();

 private:
  bool push(UniqueTask task, bool limited);
  void run(int niceness);

  const std::string name_;
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<UniqueTask> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gantry

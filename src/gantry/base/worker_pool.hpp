#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gantry/base/function.hpp"

namespace gantry {

/// A fixed number of threads over one bounded queue. Pools are separate (disk, index, CPU) and none submits to itself:
/// a worker never waits for another task. Tasks must not throw.
///
/// Each task has a lane: whose work it is (a tenant's id; "": the house's own). Lanes take turns, a task each, whatever
/// waits in them; within a lane tasks begin in order. One lane runs at most `threads` tasks at once, and one thread more is
/// there for the others, so that a lane full of long tasks doesn't make them wait for one's end.
class WorkerPool {
 public:
  /// `name` (at most 15 characters) shows in `top -H`. `queue_limit` tasks may wait; one more is refused.
  /// Beyond that a lane still gets its share of the queue, so that no other can lock it out. `niceness` above 0 lowers the threads' priority.
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_limit, int niceness = 0);
  /// Runs what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues `task`, from any thread. False when the queue is full or the pool stops: the caller answers 503.
  [[nodiscard]] bool try_submit(UniqueTask task, std::string_view lane = {});

  /// Queues `task` beyond the limit too, for steps of work that was already admitted (an upload's own chunks).
  /// Only for callers whose number is bounded elsewhere. False only when the pool stops.
  [[nodiscard]] bool submit_admitted(UniqueTask task, std::string_view lane = {});

  /// As given to the constructor.
  [[nodiscard]] std::size_t threads() const noexcept { return lane_threads_; }
  [[nodiscard]] std::size_t queued() const;
  /// No new tasks; returns when all queued ones have run. Idempotent.
  void stop();

 private:
  struct Lane {
    std::deque<UniqueTask> waiting;
    std::size_t running = 0;
    bool in_turn = false;  ///< in turns_
  };
  using Lanes = std::unordered_map<std::string, Lane>;

  bool push(UniqueTask task, std::string_view lane, bool limited);
  void run(int niceness);
  /// Puts the lane behind the others when a task of it may begin.
  void queue_up(Lanes::value_type& lane);


  const std::string name_;
  const std::size_t lane_threads_;
  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  Lanes lanes_;  ///< those with tasks that wait or run
  std::deque<Lanes::value_type*> turns_;
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gantry

#include "gantry/base/worker_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gantry {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_limit, int niceness)
    : name_(std::move(name)), lane_threads_(std::max<std::size_t>(threads, 1)), queue_limit_(queue_limit) {
  threads_.reserve(lane_threads_ + 1);
  for (std::size_t i = 0; i < lane_threads_ + 1; ++i) {
    threads_.emplace_back([this, niceness] { run(niceness); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::try_submit(UniqueTask task, std::string_view lane) { return push(std::move(task), lane, true); }

bool WorkerPool::submit_admitted(UniqueTask task, std::string_view lane) { return push(std::move(task), lane, false); }

bool WorkerPool::push(UniqueTask task, std::string_view lane, bool limited) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return false;
    auto& entry = *lanes_.try_emplace(std::string(lane)).first;
    if (limited && waiting_ >= queue_limit_ && entry.second.waiting.size() >= std::max<std::size_t>(1, queue_limit_ / lanes_.size())) {
      if (entry.second.waiting.empty() && entry.second.running == 0) lanes_.erase(entry.first);
      return false;
    }
    entry.second.waiting.push_back(std::move(task));
    ++waiting_;
    queue_up(entry);
  }
  ready_.notify_one();
  return true;
}

void WorkerPool::queue_up(Lanes::value_type& entry) {
  Lane& lane = entry.second;
  if (lane.in_turn || lane.waiting.empty() || lane.running >= lane_threads_) return;
  lane.in_turn = true;
  turns_.push_back(&entry);
}

std::size_t WorkerPool::queued() const {
  const std::scoped_lock lock(mutex_);
  return waiting_;
}

void WorkerPool::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::run(int niceness) {
  // On Linux a "process" for setpriority is a thread, so only this one is lowered.
  if (niceness > 0) setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), niceness);
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stopping_ || !turns_.empty(); });
    // What waits in a lane that runs all it may is taken by those who run it.
    if (turns_.empty()) return;
    Lanes::value_type& entry = *turns_.front();
    turns_.pop_front();
    Lane& lane = entry.second;
    lane.in_turn = false;
    UniqueTask task = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    --waiting_;
    ++lane.running;
    queue_up(entry);
    lock.unlock();
    task();
    task = UniqueTask();  // what it holds goes before the lock is taken
    lock.lock();
    --lane.running;
    if (lane.waiting.empty() && lane.running == 0) {
      lanes_.erase(entry.first);
    } else if (!lane.in_turn) {
      queue_up(entry);
      if (lane.in_turn) ready_.notify_one();
    }
  }
}

}  // namespace gantry

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
    : name_(std::move(name)), queue_limit_(queue_limit) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    threads_.emplace_back([this, niceness] { run(niceness); });
    pthread_setname_np(threads_.back().native_handle(), name_.substr(0, 15).c_str());
  }
}

WorkerPool::~WorkerPool() { stop(); }

bool WorkerPool::try_submit(UniqueTask task) { return push(std::move(task), true); }

bool WorkerPool::submit_admitted(UniqueTask task) { return push(std::move(task), false); }

bool WorkerPool::push(UniqueTask task, bool limited) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || (limited && queue_.size() >= queue_limit_)) return false;
    queue_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

std::size_t WorkerPool::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
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
  for (;;) {
    UniqueTask task;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace gantry

#include "gantry/tls/watcher.hpp"

#include <utility>

#include <pthread.h>

namespace gantry::tls {

Watcher::Watcher(Look look, std::chrono::milliseconds interval, Told told)
    : look_(std::move(look)), interval_(interval), told_(std::move(told)), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "gantry-tls");
}

Watcher::~Watcher() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watcher::look_now() {
  {
    const std::scoped_lock lock(mutex_);
    asked_ = true;
  }
  wake_.notify_all();
}

Watcher::Counters Watcher::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

void Watcher::run() {
  for (;;) {
    bool asked = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, interval_, [this] { return asked_ || stopping_; });
      if (stopping_) return;
      asked = std::exchange(asked_, false);
    }
    look(asked);
  }
}

void Watcher::look(bool asked) {
  const auto outcome = look_();
  if (outcome && !*outcome) {
    last_failure_.clear();
    return;
  }
  const std::string failure = outcome ? "" : outcome.error().detail();
  if (!failure.empty() && failure == last_failure_ && !asked) return;
  last_failure_ = failure;
  {
    const std::scoped_lock lock(mutex_);
    ++(failure.empty() ? counters_.reloaded : counters_.failed);
  }
  told_(failure);
}

}  // namespace gantry::tls

#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <utility>

#include "gantry/base/context.hpp"

namespace gantry::cache {

/// Stops asking what does not answer: after some failures in a row nobody is let through for a while, then one at a
/// time, as long as that fails ever more rarely. Thread-safe.
class CircuitBreaker {
 public:
  static constexpr int kFailuresMost = 3;
  static constexpr std::chrono::milliseconds kPauseFirst{500}, kPauseMost{8000};

  using Now = std::function<Clock::time_point()>;
  explicit CircuitBreaker(Now now = [] { return Clock::now(); }) : now_(std::move(now)) {}

  /// True: ask, and tell what became of it.
  [[nodiscard]] bool lets_through() {
    const std::scoped_lock lock(mutex_);
    if (failures_ < kFailuresMost) return true;
    if (now_() < closed_until_) return false;
    closed_until_ = now_() + pause_;  // for the others, until this one has told
    return true;
  }
  void succeeded() {
    const std::scoped_lock lock(mutex_);
    failures_ = 0;
    pause_ = kPauseFirst;
  }
  void failed() {
    const std::scoped_lock lock(mutex_);
    if (++failures_ < kFailuresMost) return;
    closed_until_ = now_() + pause_;
    if (failures_ > kFailuresMost) pause_ = std::min(pause_ * 2, kPauseMost);
  }
  [[nodiscard]] bool is_closed() const {
    const std::scoped_lock lock(mutex_);
    return failures_ < kFailuresMost;
  }

 private:
  const Now now_;
  mutable std::mutex mutex_;
  int failures_ = 0;  ///< in a row
  std::chrono::milliseconds pause_ = kPauseFirst;
  Clock::time_point closed_until_;
};

}  // namespace gantry::cache

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/base/result.hpp"

namespace gantry::tls {

/// Has files read again when they changed, on a thread of its own: looked at every `interval`, since files that come by
/// rename, by a symbolic link or over a network tell nobody, and at once when someone asks.
class Watcher {
 public:
  /// Reads again: true when something new is in use, false when nothing changed, or why what is new can't be used.
  using Look = std::function<Result<bool>()>;
  /// What became of a change: "" when it is in use, else the failure. Told once per change.
  using Told = std::function<void(const std::string& failure)>;

  Watcher(Look look, std::chrono::milliseconds interval, Told told);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// From any thread: looks now, and tells of a failure even when it was told of before.
  void look_now();

  struct Counters {
    std::uint64_t reloaded = 0, failed = 0;
  };
  [[nodiscard]] Counters counters() const;

 private:
  void run();
  void look(bool asked);

  const Look look_;
  const std::chrono::milliseconds interval_;
  const Told told_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool asked_ = false, stopping_ = false;
  Counters counters_;
  std::string last_failure_;  ///< the thread's own
  std::thread thread_;
};

}  // namespace gantry::tls

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gantry/archive/series_preparer.hpp"
#include "gantry/config/settings.hpp"

namespace gantry::server {

/// Threads at low priority that prepare the metadata of due series (DESIGN §7).
class SeriesWorkers {
 public:
  /// What could not be done, in words.
  using Told = std::function<void(const std::string& words)>;
  struct Counters {
    std::uint64_t ready = 0, failed = 0, changed = 0, bytes = 0;
  };

  SeriesWorkers(index::InstanceIndex& index, storage::ObjectStore& objects, const config::Settings::Worker& settings,
                Told told);
  ~SeriesWorkers();
  SeriesWorkers(const SeriesWorkers&) = delete;
  SeriesWorkers& operator=(const SeriesWorkers&) = delete;

  /// Ends after the series that are being made. Idempotent.
  void stop();
  [[nodiscard]] Counters counters() const;

 private:
  void run();
  void count(const archive::PreparedSeries& done);
  /// False: it is over.
  bool pause(std::chrono::milliseconds time);

  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  const archive::PreparerSettings settings_;
  const Told told_;
  std::atomic<std::uint64_t> ready_{0}, failed_{0}, changed_{0}, bytes_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace gantry::server

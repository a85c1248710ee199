#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gantry/archive/series_preparer.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/server/machine_load.hpp"

namespace gantry::server {

/// Where other nodes see which series is being made.
struct GenerationMarks {
  cache::SharedCache* cache = nullptr;  ///< null: nowhere
  archive::GenerationLives lives = {};
};

/// Threads at low priority that prepare the metadata of due series (DESIGN §7).
class SeriesWorkers {
 public:
  /// What could not be done, in words.
  using Told = std::function<void(const std::string& words)>;
  struct Counters {
    std::uint64_t ready = 0, failed = 0, changed = 0, lost = 0, handed_back = 0, bytes = 0;
    std::uint64_t slowed = 0;  ///< times that the next series had to wait as the machine was busy
  };
  /// How long a series that is being made may still take when they are to stop.
  static constexpr std::chrono::seconds kFinishMost{20};

  /// `proc` is where the machine's load is read, another folder in tests.
  SeriesWorkers(index::InstanceIndex& index, storage::ObjectStore& objects, const config::Settings::Worker& settings,
                Told told, GenerationMarks marks = {}, std::filesystem::path proc = "/proc");
  ~SeriesWorkers();
  SeriesWorkers(const SeriesWorkers&) = delete;
  SeriesWorkers& operator=(const SeriesWorkers&) = delete;

  /// Begins no series any more; those that are being made and take longer than `finish_most` are handed back. The first
  /// call counts.
  void drain(std::chrono::seconds finish_most = kFinishMost);
  /// The same, and waits for the end. Idempotent.
  void stop();
  [[nodiscard]] Counters counters() const;
  /// How all series of the index stood when they were counted last, by a worker between two series: not long ago,
  /// unless counting takes long or the index is away. nullopt: not yet.
  [[nodiscard]] std::optional<index::JsonTotals> totals() const;

 private:
  void run(bool counts);
  /// Counts all series when it is time. An error is told.
  void count_totals(const RequestContext& ctx);
  void count(const archive::PreparedSeries& done);
  /// Waits a little when the machine is busy with other things. False: it is over.
  bool slow_down(MachineWatch& machine);
  /// False: it is over.
  bool pause(std::chrono::milliseconds time);

  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  archive::PreparerSettings settings_;  ///< not changed while threads run
  const double cpu_threshold_, memory_threshold_;
  const std::filesystem::path proc_;
  const Told told_;
  mutable std::mutex mutex_;
  Counters counters_;
  std::optional<index::JsonTotals> totals_;
  Clock::time_point count_next_;  ///< of the thread that counts
  std::condition_variable wake_;
  std::atomic<Clock::time_point> hand_back_at_{Clock::time_point::max()};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace gantry::server

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace gantry::cli {

/// How far an upload is. Thread-safe. On a terminal it redraws one line of stderr; elsewhere it writes a line every ten
/// seconds; when silent, nothing.
class StoreProgress {
 public:
  enum class Style { kBar, kLines, kSilent };

  StoreProgress(Style style, std::uint64_t files, std::uint64_t bytes);
  ~StoreProgress();
  StoreProgress(const StoreProgress&) = delete;
  StoreProgress& operator=(const StoreProgress&) = delete;

  void moved(std::size_t bytes);
  /// A file is done; `unmoved` bytes of it will never move (it failed, or was refused early).
  void done(std::uint64_t unmoved, bool accepted);
  /// Takes back what a broken attempt moved.
  void undo(std::uint64_t bytes);
  /// Draws the last state and ends the line. Idempotent.
  void finish();

 private:
  void run();
  [[nodiscard]] std::string line() const;

  const Style style_;
  const std::uint64_t files_, bytes_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::uint64_t files_done_ = 0, not_accepted_ = 0, bytes_moved_ = 0;
  std::thread thread_;
};

[[nodiscard]] std::string bytes_as_text(std::uint64_t bytes);      ///< "1.2 GB"
[[nodiscard]] std::string seconds_as_text(std::uint64_t seconds);  ///< "1:02:03", "0:07"
[[nodiscard]] std::string count_as_text(std::uint64_t count);      ///< "1,234,567"

}  // namespace gantry::cli

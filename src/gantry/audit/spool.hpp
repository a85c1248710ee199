#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "gantry/audit/spool_reader.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"

namespace gantry::audit {

using Time = std::chrono::sys_time<std::chrono::microseconds>;
[[nodiscard]] Time time_now();
/// "2026-11-30T16:13:46.123456Z".
[[nodiscard]] std::string time_text(Time time);

struct SpoolSettings {
  std::filesystem::path folder;
  std::string node;                        ///< tells this node from others, in every file's first line
  std::uint64_t file_bytes = 64ULL << 20;  ///< a file that has more is followed by a new one, at the next sync
  std::uint64_t keep_days = 0;             ///< older files are removed; 0: none is
  std::chrono::milliseconds sync_every{1000};
  std::function<Time()> now = time_now;
  /// Told, on the spool's thread or at open, of what an operator must know.
  std::function<void(bool failed, const std::string& words)> tell;
  /// The lowest serial that must stay although it is old (an exporter has not sent it yet).
  std::function<std::uint64_t()> keep_from;
};

/// This node's record of accesses (DESIGN §9): files of chained lines, appended by write(2) and synced each second. What append() gave a number survives the process; it survives the machine after the next sync. Each start
/// begins a file of its own, whose first line says how the one before ended. One process per folder. Thread-safe.
class Spool {
 public:
  /// Makes the folder and the first file. kUnavailable, kInternal: the disk.
  static Result<std::unique_ptr<Spool>> open(SpoolSettings settings);
  /// Syncs, and writes the head.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Appends `{"n":…,"time":…,"kind":KIND` + members + hash; `members` is JSON that begins with a comma, or empty.
  /// Gives the line's number, from 1. Does not wait for the disk but where the system makes a write(2) wait.
  /// kUnavailable: it could not be written, and no part of it stands; the next one may go through.
  Result<std::uint64_t> append(std::string_view kind, std::string_view members);
  /// Appends a line that nothing has to wait for: it is written together with the next one, or alone after kLate. Only
  /// then does it survive the process. A line that can't be written is counted as a failure, and told.
  void append_late(std::string_view kind, std::string_view members);
  static constexpr std::chrono::milliseconds kLate{20};
  /// Writes the late lines now, for whoever reads the files next. What can't be written is counted, and told.
  void write_late();

  struct Status {
    std::uint64_t n = 0;  ///< of the last line that is written
    Sha256 hash{};
    std::uint64_t synced_n = 0;
    std::uint64_t serial = 0;    ///< of the file that is written
    std::uint64_t appended = 0;  ///< by this process
    std::uint64_t failures = 0;  ///< lines that could not be written
    std::uint64_t bytes = 0;     ///< by this process
    std::string trouble;         ///< why it can't be written now; empty: it can
  };
  [[nodiscard]] Status status() const;
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return settings_.folder; }

  /// Syncs now, and turns to a new file where that is due. For tests and before a check. The disk's errors.
  Result<void> sync();

 private:
  explicit Spool(SpoolSettings settings) : settings_(std::move(settings)) {}

  struct Start {
    SpoolHead at;               ///< the line to follow
    std::uint64_t serial = 1;   ///< of the file to make
    std::uint64_t torn = 0;     ///< bytes behind the last complete line of the file before
    std::uint64_t missing = 0;  ///< lines that head.json knows and the files have not
  };
  Result<Start> look_back();
  Result<UniqueFd> make_file(const std::string& day, std::uint64_t serial, const std::string& path);
  /// Makes the next file and turns to it.
  Result<void> turn(const Start* start);
  Result<std::uint64_t> append_locked(std::string_view kind, std::string_view members);
  void compose(std::string_view kind, std::string_view members);
  Result<void> write_waiting();
  void drop_waiting();
  [[nodiscard]] std::unique_lock<std::mutex> locked() const;
  Result<void> write_head(const SpoolHead& head);
  void remove_old();
  void run();
  void tell(bool failed, const std::string& words) const;

  const SpoolSettings settings_;
  UniqueFd directory_;

  mutable std::mutex mutex_;
  UniqueFd fd_;
  std::string path_, day_;
  std::uint64_t serial_ = 0, size_ = 0;
  SpoolHead head_;                   ///< of the last line, written or waiting
  SpoolHead written_;                ///< of the last line that is in the file
  std::string waiting_;              ///< lines behind written_
  std::uint64_t waiting_lines_ = 0;  ///< how many those are
  std::uint64_t synced_n_ = 0, appended_ = 0, failures_ = 0, bytes_ = 0;
  std::string trouble_;
  bool must_turn_ = false;  ///< the file that is written can't be trusted to take more
  std::int64_t second_ = -1;
  std::string second_text_;
  std::string line_;

  std::mutex sync_mutex_;  ///< one sync at a time; taken before mutex_
  std::string removed_day_;
  std::condition_variable wake_;
  bool dozing_ = false;  ///< the thread waits for the next sync, and for a late line that finds none before it
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gantry::audit

#pragma once

// For tests: a disk below SQLite that fails, or loses power, at the n-th step.

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include <sqlite3.h>

namespace gantry::index::testing {

/// Registers itself as SQLite's default file system while it lives. Steps are writes, syncs and truncations of any file
/// of a database. It remembers what each file held when it was last synced, so that a power cut can take the rest.
class FailingDisk {
 public:
  FailingDisk();
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  /// From here on steps count; number `step` fails, and those after it when `forever`.
  void arm(int step, bool forever);
  /// Nothing fails any more.
  void disarm();
  [[nodiscard]] int steps() const { return steps_; }
  /// After all connections are closed: every file holds what it held when it was last synced, the worst that a disk may
  /// do; files that were never synced are empty, files that were deleted stay so.
  void lose_power();

 private:
  struct File;
  static const sqlite3_io_methods kMethods;
  static FailingDisk& of(sqlite3_vfs* vfs) { return *static_cast<FailingDisk*>(vfs->pAppData); }
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags);
  static int remove(sqlite3_vfs* vfs, const char* name, int sync_directory);
  static int close(sqlite3_file* file);
  static int read(sqlite3_file* file, void* into, int count, sqlite3_int64 offset);
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset);
  static int truncate(sqlite3_file* file, sqlite3_int64 size);
  static int sync(sqlite3_file* file, int flags);
  /// True when this step fails.
  bool step_fails();

  sqlite3_vfs* const below_;
  sqlite3_vfs vfs_{};
  std::atomic<bool> armed_{false};
  std::atomic<int> steps_{0};
  int failing_ = 0;
  bool forever_ = false;
  std::mutex mutex_;
  std::map<std::string, std::string> synced_;  ///< by path
};

}  // namespace gantry::index::testing

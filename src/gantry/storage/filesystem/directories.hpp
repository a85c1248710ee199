#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/storage/filesystem/file_ops.hpp"

namespace gantry::storage {

/// The directories below `objects/`, by path (`tenant/study/series`; "" is `objects/` itself), and what this process
/// has synced of them. Thread-safe; blocking.
class Directories {
 public:
  /// `objects` is the open directory. `ops` outlives this.
  Directories(UniqueFd objects, FileOps& ops);

  /// While it lives, this process removes neither the directory nor one above it.
  class Hold {
   public:
    Hold(Directories& directories, std::string path);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

   private:
    Directories& directories_;
    const std::string path_;
  };

  /// Opens the directory; makes it and those above it when they are missing. Whoever made them: their names are synced
  /// on return, once in the life of this process. Open it before changing it: a failed sync is told to descriptors that
  /// were open before. Errors: kUnavailable.
  Result<UniqueFd> open(const Hold& directory);
  /// Returns after a sync that began after the call. Callers at the same time share one. Errors: kUnavailable, from
  /// then on for every call with this path.
  Result<void> sync(const std::string& path, int directory);
  /// Someone else removed it: open() begins anew.
  void forget(const std::string& path);
  /// Removes an empty directory that nobody holds. False when it stays.
  bool remove_empty(const std::string& path);
  /// kUnavailable when a directory's sync has failed before.
  [[nodiscard]] Result<void> check() const;

  [[nodiscard]] int objects() const noexcept { return objects_.get(); }

 private:
  struct Round {
    bool done = false;
    int error = 0;
  };
  struct Syncing {
    bool running = false;
    unsigned users = 0;
    std::shared_ptr<Round> next;  ///< shared by those who came since the running one began
  };

  Result<UniqueFd> open_one(const std::string& path) const;
  /// False: a directory above it went away meanwhile.
  Result<bool> make_one(const std::string& path);

  const UniqueFd objects_;
  FileOps& ops_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_set<std::string> anchored_;  ///< their names in the directory above are synced; bounded
  std::unordered_set<std::string> distrusted_;
  std::unordered_map<std::string, unsigned> held_;
  std::unordered_map<std::string, Syncing> syncing_;
};

}  // namespace gantry::storage

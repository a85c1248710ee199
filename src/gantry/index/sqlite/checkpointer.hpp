#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "gantry/index/sqlite/connection_pool.hpp"

namespace gantry::index::sqlite {

/// Keeps the write-ahead log bounded. Under steady writes a passive checkpoint never catches up, and so the log would
/// never start over; so this thread first moves most pages beside the commits, then holds the writer's lane for the
/// moment that the rest takes, and waits briefly for readers of old states.
class Checkpointer {
 public:
  /// `writer` outlives it. Works when the log holds more than `most` pages.
  Checkpointer(std::unique_ptr<Connection> connection, ConnectionPool& writer, int most);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// After a commit, from the writer: the log has this many pages now.
  void log_grew(int pages);
  /// The error of the last attempt, when it failed.
  [[nodiscard]] std::optional<Error> last_error() const;

 private:
  void run();
  Result<void> checkpoint(int pages);

  std::unique_ptr<Connection> connection_;
  ConnectionPool& writer_;
  const int most_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  int pages_ = 0;
  int threshold_;
  bool stopping_ = false;
  std::optional<Error> error_;
  std::thread thread_;
};

}  // namespace gantry::index::sqlite

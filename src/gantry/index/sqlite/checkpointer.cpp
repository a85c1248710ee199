#include "gantry/index/sqlite/checkpointer.hpp"

namespace gantry::index::sqlite {
namespace {

constexpr int kReadersWaitMs = 50;     ///< for readers of an old state, while commits wait
constexpr int kReadersWaitLongMs = 2000;  ///< when the log is far too long already
constexpr int kFar = 16;

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Connection> connection, ConnectionPool& writer, int most)
    : connection_(std::move(connection)), writer_(writer), most_(most), threshold_(most), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::log_grew(int pages) {
  bool due = false;
  {
    const std::scoped_lock lock(mutex_);
    if (pages < pages_) threshold_ = most_;  // it started over
    pages_ = pages;
    due = pages_ > threshold_;
  }
  if (due) wake_.notify_one();
}

std::optional<Error> Checkpointer::last_error() const {
  const std::scoped_lock lock(mutex_);
  return error_;
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || pages_ > threshold_; });
    if (stopping_) return;
    const int pages = pages_;
    lock.unlock();
    auto done = checkpoint(pages);
    lock.lock();
    error_ = done ? std::nullopt : std::optional<Error>(std::move(done).error());
    // Whatever came of it, the next try waits for more: a reader that holds an old state would make us spin.
    threshold_ = pages_ + most_;
  }
}

Result<void> Checkpointer::checkpoint(int pages) {
  int code = sqlite3_wal_checkpoint_v2(connection_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return error_of(connection_->raw(), code, "moving the log");
  GANTRY_LET(const ConnectionPool::Lease commits_wait, writer_.acquire(Deadline::max()));
  sqlite3_busy_timeout(connection_->raw(), pages > kFar * most_ ? kReadersWaitLongMs : kReadersWaitMs);
  code = sqlite3_wal_checkpoint_v2(connection_->raw(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return error_of(connection_->raw(), code, "moving the log");
  return {};
}

}  // namespace gantry::index::sqlite

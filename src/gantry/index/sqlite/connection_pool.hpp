#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "gantry/index/sqlite/connection.hpp"

namespace gantry::index::sqlite {

/// Connections that threads take in turns. A pool of one is the writer's lane.
class ConnectionPool {
 public:
  explicit ConnectionPool(std::vector<std::unique_ptr<Connection>> connections) : idle_(std::move(connections)) {}

  /// A connection on loan, with a deadline set.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) noexcept = default;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    Connection& operator*() const noexcept { return *connection_; }
    Connection* operator->() const noexcept { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// Waits for a free one; kTimeout at the deadline.
  Result<Lease> acquire(Deadline deadline) {
    if (Clock::now() >= deadline) return Error::timeout("the deadline passed");
    std::unique_lock lock(mutex_);
    const auto is_free = [this] { return !idle_.empty(); };
    if (deadline == Deadline::max()) {
      freed_.wait(lock, is_free);
    } else if (!freed_.wait_until(lock, deadline, is_free)) {
      return Error::timeout("no connection of the index became free before the deadline");
    }
    std::unique_ptr<Connection> connection = std::move(idle_.back());
    idle_.pop_back();
    lock.unlock();
    connection->set_deadline(deadline);
    return Lease(*this, std::move(connection));
  }

 private:
  void give_back(std::unique_ptr<Connection> connection) {
    connection->set_deadline(Deadline::max());
    {
      const std::scoped_lock lock(mutex_);
      idle_.push_back(std::move(connection));
    }
    freed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;  ///< the last used goes first: its cache is warm
};

}  // namespace gantry::index::sqlite

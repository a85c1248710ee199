#pragma once

// Connections to a database server that threads take in turns.

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/pool_stats.hpp"

namespace gantry::index::sql {

/// Connections, made when they are needed. One that broke is replaced by the next that is made; nothing is remembered
/// of a database that was away, so it is back when it is back. A Connection has
///   static Result<std::unique_ptr<Connection>> open(const Settings&, Deadline);
///   bool is_usable(), in_transaction(), is_alive(); Deadline last_used(); Result<void> ping(Deadline);
/// and Settings connections, for_writing, connect_time, wait_time and idle_check.
template <class Connection, class Settings>
class ServerPool {
 public:
  explicit ServerPool(Settings settings) : settings_(std::move(settings)) {}

  /// A connection on loan.
  class Lease {
   public:
    Lease(ServerPool& pool, std::unique_ptr<Connection> connection)
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
    ServerPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// kTimeout at the deadline; kUnavailable when none became free in `wait_time`, or none can be made.
  Result<Lease> acquire(Deadline deadline, bool for_writing);
  /// From now on no idle connection is believed: each is asked before it is used again.
  void suspect();
  void count_round_trip();
  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }

 private:
  /// How long a connection that is asked whether it lives may think about it.
  static constexpr std::chrono::seconds kPingMost{1};

  static Deadline within(Deadline deadline, std::chrono::milliseconds most) {
    return std::min(deadline, Clock::now() + most);
  }
  void give_back(std::unique_ptr<Connection> connection);
  Result<std::unique_ptr<Connection>> take(Deadline deadline, bool for_writing);
  [[nodiscard]] bool has_place(bool for_writing) const;
  [[nodiscard]] bool answers(Connection& connection);

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;  ///< the last used goes first
  unsigned open_ = 0;                              ///< idle, on loan and being made
  Deadline suspected_ = Deadline::min();           ///< what was used before is asked
  PoolStats stats_;
};

template <class Connection, class Settings>
bool ServerPool<Connection, Settings>::has_place(bool for_writing) const {
  const unsigned kept = for_writing ? 0 : std::min(settings_.for_writing, settings_.connections - 1);
  const unsigned on_loan = open_ - static_cast<unsigned>(idle_.size());
  return on_loan + kept < settings_.connections;
}

// Gives an idle one, or null with a place taken for a new one.
template <class Connection, class Settings>
Result<std::unique_ptr<Connection>> ServerPool<Connection, Settings>::take(Deadline deadline, bool for_writing) {
  if (Clock::now() >= deadline) return Error::timeout("the deadline passed");
  std::unique_lock lock(mutex_);
  if (!has_place(for_writing)) {
    ++stats_.waits;
    const Deadline until = within(deadline, settings_.wait_time);
    if (!freed_.wait_until(lock, until, [&] { return has_place(for_writing); })) {
      ++stats_.wait_timeouts;
      if (until == deadline) return Error::timeout("no connection to the database became free before the deadline");
      return Error::unavailable("no connection to the database became free in time (index.connections)");
    }
  }
  std::unique_ptr<Connection> connection;
  if (idle_.empty()) {
    ++open_;
  } else {
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  return connection;
}

template <class Connection, class Settings>
bool ServerPool<Connection, Settings>::answers(Connection& connection) {
  if (!connection.is_alive()) return false;
  Deadline suspected;
  {
    const std::scoped_lock lock(mutex_);
    suspected = suspected_;
  }
  if (connection.last_used() > suspected && Clock::now() - connection.last_used() < settings_.idle_check) return true;
  return connection.ping(Clock::now() + kPingMost).ok();
}

template <class Connection, class Settings>
auto ServerPool<Connection, Settings>::acquire(Deadline deadline, bool for_writing) -> Result<Lease> {
  for (;;) {
    GANTRY_LET(std::unique_ptr<Connection> connection, take(deadline, for_writing));
    if (connection) {
      if (answers(*connection)) return Lease(*this, std::move(connection));
      const std::scoped_lock lock(mutex_);
      ++stats_.broken;
      --open_;
      continue;  // the place is free again: there is another idle one, or a new one is made
    }
    auto opened = Connection::open(settings_, within(deadline, settings_.connect_time));
    {
      const std::scoped_lock lock(mutex_);
      ++(opened ? stats_.opened : stats_.open_failures);
      if (!opened) --open_;
    }
    if (opened) return Lease(*this, *std::move(opened));
    freed_.notify_all();  // readers and writers wait for different things
    if (Clock::now() >= deadline) return Error::timeout(opened.error().detail());
    return std::move(opened).error();
  }
}

template <class Connection, class Settings>
void ServerPool<Connection, Settings>::give_back(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Connection> closed;  // outside of the lock
  {
    const std::scoped_lock lock(mutex_);
    if (connection->is_usable() && !connection->in_transaction()) {
      idle_.push_back(std::move(connection));
    } else {
      ++stats_.broken;
      --open_;
      closed = std::move(connection);
    }
  }
  freed_.notify_all();
}

template <class Connection, class Settings>
void ServerPool<Connection, Settings>::suspect() {
  const std::scoped_lock lock(mutex_);
  suspected_ = Clock::now();
}

template <class Connection, class Settings>
void ServerPool<Connection, Settings>::count_round_trip() {
  const std::scoped_lock lock(mutex_);
  ++stats_.round_trips;
}

template <class Connection, class Settings>
PoolStats ServerPool<Connection, Settings>::stats() const {
  const std::scoped_lock lock(mutex_);
  PoolStats stats = stats_;
  stats.open = open_;
  stats.in_use = open_ - static_cast<unsigned>(idle_.size());
  return stats;
}

}  // namespace gantry::index::sql

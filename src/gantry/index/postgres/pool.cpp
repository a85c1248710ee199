#include "gantry/index/postgres/pool.hpp"

#include <algorithm>

namespace gantry::index::postgres {
namespace {

/// How long a connection that is asked whether it lives may think about it.
constexpr std::chrono::seconds kPingMost{1};

Deadline within(Deadline deadline, std::chrono::milliseconds most) { return std::min(deadline, Clock::now() + most); }

}  // namespace

bool Pool::has_place(bool for_writing) const {
  const unsigned kept = for_writing ? 0 : std::min(settings_.for_writing, settings_.connections - 1);
  const unsigned on_loan = open_ - static_cast<unsigned>(idle_.size());
  return on_loan + kept < settings_.connections;
}

// Gives an idle one, or null with a place taken for a new one.
Result<std::unique_ptr<Connection>> Pool::take(Deadline deadline, bool for_writing) {
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

bool Pool::answers(Connection& connection) {
  if (!connection.is_alive()) return false;
  Deadline suspected;
  {
    const std::scoped_lock lock(mutex_);
    suspected = suspected_;
  }
  if (connection.last_used() > suspected && Clock::now() - connection.last_used() < settings_.idle_check) return true;
  return connection.run_once("SELECT 1", Clock::now() + kPingMost).ok();
}

Result<Pool::Lease> Pool::acquire(Deadline deadline, bool for_writing) {
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

void Pool::give_back(std::unique_ptr<Connection> connection) {
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

void Pool::suspect() {
  const std::scoped_lock lock(mutex_);
  suspected_ = Clock::now();
}

void Pool::count_round_trip() {
  const std::scoped_lock lock(mutex_);
  ++stats_.round_trips;
}

PoolStats Pool::stats() const {
  const std::scoped_lock lock(mutex_);
  PoolStats stats = stats_;
  stats.open = open_;
  stats.in_use = open_ - static_cast<unsigned>(idle_.size());
  return stats;
}

}  // namespace gantry::index::postgres

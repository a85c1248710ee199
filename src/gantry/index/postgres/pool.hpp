#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "gantry/index/pool_stats.hpp"
#include "gantry/index/postgres/connection.hpp"

namespace gantry::index::postgres {

/// Connections that threads take in turns, made when they are needed. One that broke is replaced by the next that is
/// made; nothing is remembered of a database that was away, so it is back when it is back.
class Pool {
 public:
  explicit Pool(PostgresSettings settings) : settings_(std::move(settings)) {}

  /// A connection on loan.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Connection> connection) : pool_(&pool), connection_(std::move(connection)) {}
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
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// kTimeout at the deadline; kUnavailable when none became free in `wait_time`, or none can be made.
  Result<Lease> acquire(Deadline deadline, bool for_writing);
  /// From now on no idle connection is believed: each is asked before it is used again.
  void suspect();
  void count_round_trip();
  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] const PostgresSettings& settings() const noexcept { return settings_; }

 private:
  void give_back(std::unique_ptr<Connection> connection);
  Result<std::unique_ptr<Connection>> take(Deadline deadline, bool for_writing);
  [[nodiscard]] bool has_place(bool for_writing) const;
  [[nodiscard]] bool answers(Connection& connection);

  const PostgresSettings settings_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;  ///< the last used goes first
  unsigned open_ = 0;                              ///< idle, on loan and being made
  Deadline suspected_ = Deadline::min();           ///< what was used before is asked
  PoolStats stats_;
};

}  // namespace gantry::index::postgres

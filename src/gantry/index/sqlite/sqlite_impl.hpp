#pragma once

// What the sources of SqliteIndex share.

#include "gantry/index/sqlite/checkpointer.hpp"
#include "gantry/index/sqlite/connection_pool.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index {

struct SqliteIndex::Impl {
  explicit Impl(SqliteSettings given) : settings(std::move(given)) {}

  SqliteSettings settings;
  std::unique_ptr<sqlite::ConnectionPool> writer;
  std::unique_ptr<sqlite::ConnectionPool> readers;
  std::unique_ptr<sqlite::Checkpointer> checkpointer;  // goes first

  /// Runs `work(Connection&)` on a reader, as one statement or in its own transaction.
  template <class Work>
  auto read(const RequestContext& ctx, Work&& work) -> std::invoke_result_t<Work, sqlite::Connection&> {
    GANTRY_LET(const sqlite::ConnectionPool::Lease lease, readers->acquire(ctx.deadline));
    return work(*lease);
  }
  /// Runs `work(Connection&)` in a transaction of the writer; commits when it succeeds.
  template <class Work>
  auto write(const RequestContext& ctx, Work&& work) -> std::invoke_result_t<Work, sqlite::Connection&> {
    GANTRY_LET(const sqlite::ConnectionPool::Lease lease, writer->acquire(ctx.deadline));
    GANTRY_LET(sqlite::Transaction transaction, sqlite::Transaction::begin(*lease, true));
    auto result = work(*lease);
    if (!result) return result;
    GANTRY_TRY(transaction.commit());
    return result;
  }
};

}  // namespace gantry::index

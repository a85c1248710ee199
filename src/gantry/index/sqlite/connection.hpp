#pragma once

// One SQLite connection and its prepared statements. The only header here that shows sqlite3.h; included by sources of
// this folder alone.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "gantry/base/context.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/sql/dialect.hpp"

namespace gantry::index::sqlite {

using Database = Handle<sqlite3, &sqlite3_close_v2>;
using Prepared = Handle<sqlite3_stmt, &sqlite3_finalize>;

/// FULL, IOERR, BUSY, CANTOPEN, NOMEM …: kUnavailable; INTERRUPT: kTimeout; CORRUPT, NOTADB and ours: kInternal.
Error error_of(sqlite3* database, int code, std::string_view what);

class Connection;

/// A statement in use: bound, stepped, and given back when it goes. What is bound by reference outlives it.
class Query {
 public:
  Query(Query&& other) noexcept : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& operator=(Query&&) = delete;
  ~Query();

  Query& bind(int index, std::int64_t value);
  Query& bind(int index, std::uint64_t value) { return bind(index, static_cast<std::int64_t>(value)); }
  Query& bind(int index, int value) { return bind(index, std::int64_t{value}); }
  Query& bind(int index, std::string_view text);
  Query& bind_blob(int index, std::span<const std::uint8_t> bytes);
  Query& bind_blob(int index, std::string_view bytes);
  Query& bind_all(std::span<const sql::Value> values);
  /// Binds the next parameter, from 1.
  template <class T>
  Query& operator<<(const T& value) {
    return bind(++next_, value);
  }
  Query& blob(std::string_view bytes) { return bind_blob(++next_, bytes); }
  Query& blob(std::span<const std::uint8_t> bytes) { return bind_blob(++next_, bytes); }

  /// True when there is a row.
  Result<bool> step();
  /// For statements without rows.
  Result<void> run();
  /// The same; false when a constraint of the schema refuses the row, the transaction goes on.
  Result<bool> run_unless_refused(std::string& why);

  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  /// Text or blob; valid until the next step.
  [[nodiscard]] std::string_view view(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }
  [[nodiscard]] Timestamp time(int column) const { return sql::timestamp(integer(column)); }

 private:
  friend class Connection;
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(&connection), statement_(statement) {}
  Connection* connection_;
  sqlite3_stmt* statement_;
  int next_ = 0;
};

/// Used by one thread at a time.
class Connection {
 public:
  struct Options {
    bool writer = false;
    int cache_kb = 8192;
  };
  static Result<std::unique_ptr<Connection>> open(const std::string& path, const Options& options);

  /// A cached statement. `text` is prepared once; at most kStatementsMost are kept.
  Result<Query> query(std::string_view text);
  Result<void> run(std::string_view text);
  /// Statements give kTimeout from here on. COMMIT and ROLLBACK should run without one.
  void set_deadline(Deadline deadline) noexcept { deadline_ = deadline; }
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(database_.get()) == 0; }
  [[nodiscard]] int changes() const noexcept { return sqlite3_changes(database_.get()); }
  [[nodiscard]] sqlite3* raw() const noexcept { return database_.get(); }

 private:
  friend class Query;
  static constexpr std::size_t kStatementsMost = 96;
  struct Cached {
    std::string text;
    Prepared statement;
    bool busy = false;
  };
  Connection() = default;
  Result<void> configure(const Options& options);
  void give_back(sqlite3_stmt* statement) noexcept;

  Database database_;
  Deadline deadline_ = Deadline::max();
  std::list<Cached> cached_;  ///< most recently used first
  std::unordered_map<std::string_view, std::list<Cached>::iterator> by_text_;
};

/// BEGIN … COMMIT; rolls back when it goes without a commit.
class Transaction {
 public:
  /// `immediate`: takes the write lock now.
  static Result<Transaction> begin(Connection& connection, bool immediate);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// kTimeout when the deadline passed before; afterwards it is durable.
  Result<void> commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

/// gantry_wildcard, gantry_folded, gantry_name, gantry_fold, gantry_has_value, gantry_has_like.
Result<void> register_functions(sqlite3* database);

/// Brings the schema up to this program's; kUnsupported when the file's major is newer.
Result<void> migrate(Connection& connection, const std::function<void(const SchemaStep&)>& told);
[[nodiscard]] Result<SchemaState> schema_state(Connection& connection);

}  // namespace gantry::index::sqlite

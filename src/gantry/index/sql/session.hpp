#pragma once

// A connection to a database behind a network, as the statements of sql/ see it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/sql/network_dialect.hpp"

namespace gantry::index::sql {

/// What a statement gave, held in memory.
class RowSet {
 public:
  virtual ~RowSet() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Text or blob; valid as long as the set. "" for NULL.
  [[nodiscard]] virtual std::string_view view(std::size_t row, int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(std::size_t row, int column) const = 0;
  [[nodiscard]] virtual Timestamp time(std::size_t row, int column) const = 0;
};

/// One row of a set.
class RowRef {
 public:
  RowRef(const RowSet& rows, std::size_t row) : rows_(&rows), row_(row) {}
  [[nodiscard]] std::string_view view(int column) const { return rows_->view(row_, column); }
  [[nodiscard]] std::string text(int column) const { return std::string(view(column)); }
  [[nodiscard]] std::int64_t integer(int column) const { return rows_->integer(row_, column); }
  [[nodiscard]] std::uint64_t count(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] Timestamp time(int column) const { return rows_->time(row_, column); }

 private:
  const RowSet* rows_;
  std::size_t row_;
};

using Rows = std::unique_ptr<RowSet>;

/// One connection on loan to one thread. After an error nothing more is asked of it, but for refused().
class Session {
 public:
  virtual ~Session() = default;
  [[nodiscard]] virtual const NetworkDialect& dialect() const = 0;
  /// From the next statement on all see one state. For sessions that read.
  virtual void hold_snapshot() = 0;
  /// Runs the statements in order, in one round trip where the database can; a set of rows for each.
  virtual Result<std::vector<Rows>> run(std::span<const Text> statements) = 0;
  /// The same, then commits. For sessions that write.
  virtual Result<void> run_and_commit(std::span<const Text> statements) = 0;
  /// Runs one that may be refused: false then, saying why, and the transaction goes on.
  virtual Result<bool> run_unless_refused(const Text& statement, std::string& why) = 0;
  /// Visits the rows until `visit` gives false; holds few of them at a time.
  virtual Result<void> stream(const Text& statement, const std::function<bool(const RowRef&)>& visit) = 0;
  /// Whether the last error was that the database refuses what was to be written, and not the transaction as such.
  [[nodiscard]] virtual bool refused() const = 0;

  Result<Rows> run(const Text& statement) {
    GANTRY_LET(std::vector<Rows> sets, run(std::span(&statement, 1)));
    return std::move(sets[0]);
  }
};

}  // namespace gantry::index::sql

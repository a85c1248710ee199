#pragma once

// What a database behind a network must say beside Dialect: many rows in one statement, locks, its clock.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/index/sql/dialect.hpp"

namespace gantry::index::sql {

class NetworkDialect : public Dialect {
 public:
  /// `rows` (of the values of `columns`) as a table named `alias` with these columns, for FROM. Not empty.
  virtual void row_source(Text& sql, std::string_view alias, std::span<const Column> columns,
                          const CellRows& rows) const = 0;
  /// Adds statements that upsert rows of `columns`; on the same key all other columns but `kept` are replaced. The rows
  /// are not empty, no two have one key, and they outlive the statements.
  virtual void upsert_rows(std::vector<Text>& statements, const Table& table, std::span<const Column> columns,
                           const CellRows& rows, std::span<const std::string_view> kept) const = 0;
  /// Adds statements that insert rows of all columns, but for those whose key is there.
  virtual void insert_missing_rows(std::vector<Text>& statements, const Table& table, const CellRows& rows) const = 0;
  /// Adds statements that delete the rows that have the values of `columns`.
  virtual void delete_rows(std::vector<Text>& statements, const Table& table, std::span<const Column> columns,
                           const CellRows& rows) const = 0;
  /// The database's clock as a column of SELECT, read when the statement runs.
  [[nodiscard]] virtual std::string_view clock() const = 0;
  /// What locks the rows of a SELECT until the transaction ends.
  [[nodiscard]] virtual std::string_view for_update() const = 0;
  /// A sum or another expression over integers, as a 64 bit integer.
  [[nodiscard]] virtual std::string integer(std::string_view expression) const = 0;
};

}  // namespace gantry::index::sql

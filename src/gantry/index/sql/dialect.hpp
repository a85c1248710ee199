#pragma once

// Where SQL databases differ, as text; and the statements that follow from a table.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/sql/table.hpp"

namespace gantry::index::sql {

/// A database's way to say things. Stateless; shared by all connections.
class Dialect {
 public:
  virtual ~Dialect() = default;
  /// The n-th parameter of a statement, from 1.
  [[nodiscard]] virtual std::string placeholder(std::size_t n) const = 0;
  [[nodiscard]] virtual std::string_view type_name(ColumnType type) const = 0;
  /// What follows the columns in CREATE TABLE.
  [[nodiscard]] virtual std::string_view table_tail(const Table& table) const = 0;
  /// What makes an INSERT replace `columns` of the row that has the same key.
  [[nodiscard]] virtual std::string upsert_tail(const Table& table, std::span<const std::string_view> columns) const = 0;
  /// A boolean: does `text` match the pattern at `parameter`? Plain wildcards, folded text, person names by group.
  [[nodiscard]] virtual std::string wildcard(std::string_view text, std::string_view parameter) const = 0;
  [[nodiscard]] virtual std::string folded(std::string_view text, std::string_view parameter) const = 0;
  [[nodiscard]] virtual std::string person_name(std::string_view text, std::string_view parameter) const = 0;
  /// Text folded by the database, for columns that have no folded twin.
  [[nodiscard]] virtual std::string fold(std::string_view text) const = 0;
  /// A boolean: is one of the values that backslashes join in `text` the one, or like the pattern, at `parameter`?
  [[nodiscard]] virtual std::string has_value(std::string_view text, std::string_view parameter) const = 0;
  [[nodiscard]] virtual std::string has_like(std::string_view text, std::string_view parameter) const = 0;
  /// The strings of a JSON array at `parameter` as rows with a column `value`, for FROM.
  [[nodiscard]] virtual std::string array_rows(std::string_view parameter) const = 0;
  /// A join whose left side is read first.
  [[nodiscard]] virtual std::string_view ordered_join() const = 0;
  /// LIMIT for "all rows", where OFFSET needs one.
  [[nodiscard]] virtual std::string_view no_limit() const = 0;
};

[[nodiscard]] const Dialect& sqlite_dialect() noexcept;

using Value = std::variant<std::int64_t, std::string>;

/// A statement's text and its parameters, written from left to right.
class Text {
 public:
  explicit Text(const Dialect& dialect) : dialect_(dialect) {}
  Text& operator<<(std::string_view part) {
    text_ += part;
    return *this;
  }
  /// Adds a parameter and writes its placeholder.
  Text& bind(Value value) { return *this << parameter(std::move(value)); }
  /// Adds a parameter and gives its placeholder, to be written next.
  [[nodiscard]] std::string parameter(Value value);
  [[nodiscard]] const Dialect& dialect() const noexcept { return dialect_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }

 private:
  const Dialect& dialect_;
  std::string text_;
  std::vector<Value> values_;
};

/// "a, b, c" of a table's columns, each with `prefix` in front.
[[nodiscard]] std::string column_list(std::span<const std::string_view> columns, std::string_view prefix = {});
[[nodiscard]] std::vector<std::string_view> names_of(const Table& table);
/// INSERT of all columns in the table's order.
[[nodiscard]] std::string insert_into(const Dialect& dialect, const Table& table);
/// The same; a row with the same key is replaced but for its key and the columns `kept`.
[[nodiscard]] std::string upsert_into(const Dialect& dialect, const Table& table,
                                      std::span<const std::string_view> kept = {});

struct Migration {
  unsigned number;
  int major, minor;
  std::vector<std::string> statements;
};
/// All migrations, ascending. Each only adds to those before it, and runs in one transaction where the database can.
[[nodiscard]] std::vector<Migration> migrations(const Dialect& dialect);

/// The table that says which migrations ran.
inline constexpr std::string_view kSchemaTable = "gantry_schema";
[[nodiscard]] std::string create_schema_table(const Dialect& dialect);

/// JSON text of an array of strings.
[[nodiscard]] std::string json_array(std::span<const std::string> values);

}  // namespace gantry::index::sql

#pragma once

// Where SQL databases differ, as text; and the statements that follow from a table.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/sql/table.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

class Text;

/// A database's way to say things. Stateless; shared by all connections.
class Dialect {
 public:
  virtual ~Dialect() = default;
  /// The n-th parameter of a statement, from 1.
  [[nodiscard]] virtual std::string placeholder(std::size_t n) const = 0;
  [[nodiscard]] virtual std::string_view type_name(ColumnType type) const = 0;
  /// What follows the columns in CREATE TABLE.
  [[nodiscard]] virtual std::string_view table_tail(const Table& table) const = 0;
  /// Of CREATE TABLE, "" where after_create() makes the key.
  [[nodiscard]] virtual std::string key_clause(const Table& table) const;
  /// What a new table needs beside itself and its indexes. May run twice.
  [[nodiscard]] virtual std::vector<std::string> after_create(const Table&) const { return {}; }
  /// Rewrites "CREATE [UNIQUE] INDEX IF NOT EXISTS" where a database says it in another way.
  [[nodiscard]] virtual std::string create_index(const Table& table, const Index& index) const;
  /// What makes an INSERT replace `columns` of the row that has the same key; no columns: that row stays as it is.
  [[nodiscard]] virtual std::string upsert_tail(const Table& table,
                                                std::span<const std::string_view> columns) const = 0;

  // Conditions over text, written into a statement. `text` is SQL.

  /// Does it match the pattern ('*', '?')? Plain, folded text, person names by group.
  virtual void wildcard(Text& sql, std::string_view text, const std::string& pattern) const = 0;
  virtual void folded(Text& sql, std::string_view text, const std::string& pattern) const = 0;
  virtual void person_name(Text& sql, std::string_view text, const std::string& pattern) const = 0;
  /// Does the person name come near the pattern (fuzzy_name.hpp)? False, and nothing is written, where the database
  /// can't.
  virtual bool fuzzy_name(Text&, std::string_view, const std::string&) const { return false; }
  /// Folds `text` first, for columns that have no folded twin. False, and nothing is written, where the database can't:
  /// then the hits are asked again by meets_unwritten().
  virtual bool folding(Text& sql, std::string_view text, const std::string& pattern) const = 0;
  /// Is one of the values that backslashes join in `text` the one, or like the pattern?
  virtual void has_value(Text& sql, std::string_view text, const std::string& value) const = 0;
  virtual void has_like(Text& sql, std::string_view text, const std::string& pattern) const = 0;

  /// Strings as rows with a column `value`, for FROM; without an alias.
  virtual void array_rows(Text& sql, const std::vector<std::string>& values) const = 0;
  /// A join whose left side is read first.
  [[nodiscard]] virtual std::string_view ordered_join() const = 0;
  /// Do the columns, from left to right, stand above the values in their order? Such that an index over them is used.
  virtual void above(Text& sql, std::span<const std::string_view> columns, const std::vector<Value>& values) const;
  /// LIMIT for "all rows", where OFFSET needs one.
  [[nodiscard]] virtual std::string_view no_limit() const = 0;
  /// The most bytes of a term that dicom_term's key holds; longer ones are cut by term_key().
  [[nodiscard]] virtual std::size_t term_bytes_most() const = 0;
  /// A boolean: was the term in the column `text` cut?
  [[nodiscard]] virtual std::string is_cut(std::string_view text) const = 0;
};

[[nodiscard]] const Dialect& sqlite_dialect() noexcept;

/// A statement's text and its parameters, written from left to right.
class Text {
 public:
  explicit Text(const Dialect& dialect) : dialect_(&dialect) {}
  Text(const Dialect& dialect, std::string_view text) : dialect_(&dialect), text_(text) {}
  Text& operator<<(std::string_view part) {
    text_ += part;
    return *this;
  }
  /// Puts `part`, which has no parameters, in front.
  Text& prepend(std::string_view part) {
    text_.insert(0, part);
    return *this;
  }
  /// Adds a parameter and writes its placeholder.
  Text& bind(Value value) { return *this << parameter(std::move(value)); }
  Text& bind(std::string value) { return bind(Value(std::move(value))); }
  Text& bind(std::int64_t value) { return bind(Value(value)); }
  Text& bind(std::string_view value) { return bind(Value(std::string(value))); }
  Text& bind(const char* value) { return bind(Value(std::string(value))); }
  Text& bind(std::uint64_t value) { return bind(Value(static_cast<std::int64_t>(value))); }
  Text& bind(int value) { return bind(Value(std::int64_t{value})); }
  /// Adds a parameter and gives its placeholder, to be written next.
  [[nodiscard]] std::string parameter(Value value);
  [[nodiscard]] const Dialect& dialect() const noexcept { return *dialect_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }

 private:
  const Dialect* dialect_;
  std::string text_;
  std::vector<Value> values_;
};

/// "a, b, c" of a table's columns, each with `prefix` in front.
[[nodiscard]] std::string column_list(std::span<const std::string_view> columns, std::string_view prefix = {});
[[nodiscard]] std::vector<std::string_view> names_of(std::span<const Column> columns);
/// The names in a table's key, without directions.
[[nodiscard]] std::vector<std::string_view> key_columns(const Table& table);
/// Those of `columns` that are neither in the key nor in `kept`.
[[nodiscard]] std::vector<std::string_view> replaced_columns(const Table& table, std::span<const Column> columns,
                                                             std::span<const std::string_view> kept);
/// INSERT of all columns in the table's order.
[[nodiscard]] std::string insert_into(const Dialect& dialect, const Table& table);
/// The same; a row with the same key is replaced but for its key and the columns `kept`.
[[nodiscard]] std::string upsert_into(const Dialect& dialect, const Table& table,
                                      std::span<const std::string_view> kept = {});

/// All migrations, ascending. Each only adds to those before it, and runs in one transaction where the database can.
[[nodiscard]] std::vector<SchemaStep> migrations(const Dialect& dialect);

/// The table that says which migrations ran.
inline constexpr std::string_view kSchemaTable = "gantry_schema";
[[nodiscard]] std::string create_schema_table(const Dialect& dialect);

/// What the key of dicom_term holds of a term: all of it, or a beginning that is_cut() tells.
[[nodiscard]] std::string term_key(const Dialect& dialect, std::string_view term);
/// The least text above every text that begins with `prefix`, in UTF-8 where that is; "" when there is none.
[[nodiscard]] std::string after_prefix(std::string prefix);

/// JSON text of an array of strings.
[[nodiscard]] std::string json_array(std::span<const std::string> values);

}  // namespace gantry::index::sql

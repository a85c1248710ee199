#include "gantry/index/sql/dialect.hpp"

#include <algorithm>

#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

std::vector<std::string_view> key_columns(const Table& table) {
  std::vector<std::string_view> names;
  std::string_view rest = table.key;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    while (one.front() == ' ') one.remove_prefix(1);
    names.push_back(one.substr(0, one.find(' ')));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return names;
}

class SqliteDialect final : public Dialect {
 public:
  std::string placeholder(std::size_t n) const override { return "?" + std::to_string(n); }
  std::string_view type_name(ColumnType type) const override {
    switch (type) {
      case ColumnType::kUid:
      case ColumnType::kText:
      case ColumnType::kKey: return "TEXT NOT NULL DEFAULT ''";
      case ColumnType::kInteger:
      case ColumnType::kTime: return "INTEGER NOT NULL DEFAULT 0";
      case ColumnType::kBlob: return "BLOB NOT NULL DEFAULT x''";
    }
    return "BLOB";
  }
  std::string_view table_tail(const Table& table) const override { return table.clustered ? " WITHOUT ROWID" : ""; }
  std::string upsert_tail(const Table& table, std::span<const std::string_view> columns) const override {
    std::string tail = " ON CONFLICT (" + column_list(key_columns(table)) + ") DO UPDATE SET ";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) tail += ", ";
      tail.append(columns[i]).append(" = excluded.").append(columns[i]);
    }
    return tail;
  }
  std::string wildcard(std::string_view text, std::string_view parameter) const override {
    return call("gantry_wildcard", parameter, text);
  }
  std::string folded(std::string_view text, std::string_view parameter) const override {
    return call("gantry_folded", parameter, text);
  }
  std::string person_name(std::string_view text, std::string_view parameter) const override {
    return call("gantry_name", parameter, text);
  }
  std::string fold(std::string_view text) const override {
    return std::string("gantry_fold(").append(text).append(")");
  }
  std::string has_value(std::string_view text, std::string_view parameter) const override {
    return call("gantry_has_value", parameter, text);
  }
  std::string has_like(std::string_view text, std::string_view parameter) const override {
    return call("gantry_has_like", parameter, text);
  }
  std::string array_rows(std::string_view parameter) const override {
    return std::string("json_each(").append(parameter).append(")");
  }
  std::string_view ordered_join() const override { return " CROSS JOIN "; }
  std::string_view no_limit() const override { return "-1"; }

 private:
  static std::string call(std::string_view function, std::string_view pattern, std::string_view text) {
    return std::string(function).append("(").append(pattern).append(", ").append(text).append(")");
  }
};

std::string create_table(const Dialect& dialect, const Table& table, unsigned migration) {
  std::string text = "CREATE TABLE IF NOT EXISTS " + std::string(table.name) + " (";
  for (const Column& column : table.columns) {
    if (column.since > migration) continue;
    text.append(column.name).append(" ").append(dialect.type_name(column.type)).append(", ");
  }
  return text.append("PRIMARY KEY (").append(table.key).append("))").append(dialect.table_tail(table));
}

std::string create_index(const Table& table, const Index& index) {
  std::string text = index.unique ? "CREATE UNIQUE INDEX IF NOT EXISTS " : "CREATE INDEX IF NOT EXISTS ";
  text.append(index.name).append(" ON ").append(table.name).append(" (").append(index.columns).append(")");
  if (!index.where.empty()) text.append(" WHERE ").append(index.where);
  return text;
}

}  // namespace

const Dialect& sqlite_dialect() noexcept {
  static const SqliteDialect dialect;
  return dialect;
}

std::string Text::parameter(Value value) {
  values_.push_back(std::move(value));
  return dialect_.placeholder(values_.size());
}

std::string column_list(std::span<const std::string_view> columns, std::string_view prefix) {
  std::string list;
  for (const auto column : columns) {
    if (!list.empty()) list += ", ";
    list.append(prefix).append(column);
  }
  return list;
}

std::vector<std::string_view> names_of(const Table& table) {
  std::vector<std::string_view> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

std::string insert_into(const Dialect& dialect, const Table& table) {
  std::string text = "INSERT INTO " + std::string(table.name) + " (" + column_list(names_of(table)) + ") VALUES (";
  for (std::size_t n = 1; n <= table.columns.size(); ++n) {
    if (n > 1) text += ", ";
    text += dialect.placeholder(n);
  }
  return text + ")";
}

std::string upsert_into(const Dialect& dialect, const Table& table, std::span<const std::string_view> kept) {
  const auto keys = key_columns(table);
  std::vector<std::string_view> replaced;
  for (const Column& column : table.columns) {
    const bool is_kept = std::find(kept.begin(), kept.end(), column.name) != kept.end();
    if (!is_kept && std::find(keys.begin(), keys.end(), column.name) == keys.end()) replaced.push_back(column.name);
  }
  return insert_into(dialect, table) + dialect.upsert_tail(table, replaced);
}

std::vector<Migration> migrations(const Dialect& dialect) {
  std::vector<Migration> all;
  for (unsigned number = 1; number <= kLastMigration; ++number) {
    Migration migration{number, kSchemaMajor, static_cast<int>(number) - 1, {}};
    for (const Table* table : tables()) {
      if (table->since == number) {
        migration.statements.push_back(create_table(dialect, *table, number));
      } else {
        for (const Column& column : table->columns) {
          if (column.since != number) continue;
          migration.statements.push_back("ALTER TABLE " + std::string(table->name) + " ADD COLUMN " +
                                         std::string(column.name) + " " + std::string(dialect.type_name(column.type)));
        }
      }
      for (const Index& index : table->indexes) {
        if (std::max(index.since, table->since) == number) migration.statements.push_back(create_index(*table, index));
      }
    }
    all.push_back(std::move(migration));
  }
  return all;
}

std::string create_schema_table(const Dialect& dialect) {
  const std::string integer(dialect.type_name(ColumnType::kInteger));
  return "CREATE TABLE IF NOT EXISTS " + std::string(kSchemaTable) + " (migration " + integer + ", major " + integer +
         ", minor " + integer + ", applied_time " + std::string(dialect.type_name(ColumnType::kTime)) +
         ", PRIMARY KEY (migration))";
}

std::string json_array(std::span<const std::string> values) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string json = "[";
  for (const auto& value : values) {
    if (json.size() > 1) json += ',';
    json += '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        json.append(1, '\\').append(1, c);
      } else if (byte < 0x20) {
        json.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      } else {
        json += c;
      }
    }
    json += '"';
  }
  return json + "]";
}

}  // namespace gantry::index::sql

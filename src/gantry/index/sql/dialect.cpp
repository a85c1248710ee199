#include "gantry/index/sql/dialect.hpp"

#include <array>
#include <algorithm>
#include <cstdint>
#include <optional>

#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

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
    std::string tail = " ON CONFLICT (" + column_list(key_columns(table)) + ") DO ";
    if (columns.empty()) return tail + "NOTHING";
    tail += "UPDATE SET ";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) tail += ", ";
      tail.append(columns[i]).append(" = excluded.").append(columns[i]);
    }
    return tail;
  }
  void wildcard(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_wildcard", pattern, text);
  }
  void folded(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_folded", pattern, text);
  }
  void person_name(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_name", pattern, text);
  }
  bool fuzzy_name(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_fuzzy_name", pattern, text);
    return true;
  }
  bool folding(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_folded", pattern, "gantry_fold(" + std::string(text) + ")");
    return true;
  }
  void has_value(Text& sql, std::string_view text, const std::string& value) const override {
    call(sql, "gantry_has_value", value, text);
  }
  void has_like(Text& sql, std::string_view text, const std::string& pattern) const override {
    call(sql, "gantry_has_like", pattern, text);
  }
  void array_rows(Text& sql, const std::vector<std::string>& values) const override {
    sql << "json_each(" << sql.parameter(json_array(values)) << ")";
  }
  std::string_view ordered_join() const override { return " CROSS JOIN "; }
  std::string_view no_limit() const override { return "-1"; }
  std::size_t term_bytes_most() const override { return SIZE_MAX; }
  std::string is_cut(std::string_view) const override { return "0"; }

 private:
  static void call(Text& sql, std::string_view function, const std::string& pattern, std::string_view text) {
    sql << function << "(";
    sql.bind(pattern) << ", " << text << ")";
  }
};

std::string create_table(const Dialect& dialect, const Table& table, unsigned migration) {
  std::string text = "CREATE TABLE IF NOT EXISTS " + std::string(table.name) + " (";
  for (const Column& column : table.columns) {
    if (column.since > migration) continue;
    text.append(text.ends_with('(') ? "" : ", ").append(column.name).append(" ").append(dialect.type_name(column.type));
  }
  const std::string key = dialect.key_clause(table);
  return text.append(key.empty() ? "" : ", ").append(key).append(")").append(dialect.table_tail(table));
}

}  // namespace

const Dialect& sqlite_dialect() noexcept {
  static const SqliteDialect dialect;
  return dialect;
}

std::string Dialect::key_clause(const Table& table) const { return "PRIMARY KEY (" + std::string(table.key) + ")"; }

std::string Dialect::create_index(const Table& table, const Index& index) const {
  std::string text = index.unique ? "CREATE UNIQUE INDEX IF NOT EXISTS " : "CREATE INDEX IF NOT EXISTS ";
  text.append(index.name).append(" ON ").append(table.name).append(" (").append(index.columns).append(")");
  if (!index.where.empty()) text.append(" WHERE ").append(index.where);
  return text;
}

std::string Text::parameter(Value value) {
  values_.push_back(std::move(value));
  return dialect_->placeholder(values_.size());
}

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

std::vector<std::string_view> replaced_columns(const Table& table, std::span<const Column> columns,
                                               std::span<const std::string_view> kept) {
  const auto keys = key_columns(table);
  std::vector<std::string_view> replaced;
  for (const Column& column : columns) {
    const bool is_kept = std::find(kept.begin(), kept.end(), column.name) != kept.end();
    if (!is_kept && std::find(keys.begin(), keys.end(), column.name) == keys.end()) replaced.push_back(column.name);
  }
  return replaced;
}

std::string column_list(std::span<const std::string_view> columns, std::string_view prefix) {
  std::string list;
  for (const auto column : columns) {
    if (!list.empty()) list += ", ";
    list.append(prefix).append(column);
  }
  return list;
}

std::vector<std::string_view> names_of(std::span<const Column> columns) {
  std::vector<std::string_view> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

std::string insert_into(const Dialect& dialect, const Table& table) {
  std::string text =
      "INSERT INTO " + std::string(table.name) + " (" + column_list(names_of(table.columns)) + ") VALUES (";
  for (std::size_t n = 1; n <= table.columns.size(); ++n) {
    if (n > 1) text += ", ";
    text += dialect.placeholder(n);
  }
  return text + ")";
}

std::string upsert_into(const Dialect& dialect, const Table& table, std::span<const std::string_view> kept) {
  return insert_into(dialect, table) + dialect.upsert_tail(table, replaced_columns(table, table.columns, kept));
}

std::vector<SchemaStep> migrations(const Dialect& dialect) {
  static constexpr std::array<const char*, kLastMigration> kTitles{"the first tables", "notes of tools",
                                                                  "records: API keys and share links", "audit",
                                                                  "limits of tenants"};
  std::vector<SchemaStep> all;
  for (unsigned number = 1; number <= kLastMigration; ++number) {
    SchemaStep migration{number, kSchemaMajor, static_cast<int>(number) - 1, kTitles[number - 1], {}};
    for (const Table* table : tables()) {
      if (table->since > number) continue;
      if (table->since == number) {
        migration.statements.push_back(create_table(dialect, *table, number));
        for (auto& statement : dialect.after_create(*table)) migration.statements.push_back(std::move(statement));
      } else {
        for (const Column& column : table->columns) {
          if (column.since != number) continue;
          migration.statements.push_back("ALTER TABLE " + std::string(table->name) + " ADD COLUMN " +
                                         std::string(column.name) + " " + std::string(dialect.type_name(column.type)));
        }
      }
      for (const Index& index : table->indexes) {
        if (std::max(index.since, table->since) == number)
          migration.statements.push_back(dialect.create_index(*table, index));
      }
    }
    all.push_back(std::move(migration));
  }
  return all;
}

void Dialect::above(Text& sql, std::span<const std::string_view> columns, const std::vector<Value>& values) const {
  sql << "(" << column_list(columns) << ") > (";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) sql << ", ";
    sql.bind(values[i]);
  }
  sql << ")";
}

std::string create_schema_table(const Dialect& dialect) {
  const std::string integer(dialect.type_name(ColumnType::kInteger));
  return "CREATE TABLE IF NOT EXISTS " + std::string(kSchemaTable) + " (migration " + integer + ", major " + integer +
         ", minor " + integer + ", applied_time " + std::string(dialect.type_name(ColumnType::kTime)) +
         ", PRIMARY KEY (migration))";
}

// Cut at a character's beginning, so that what is left is text again.
std::string term_key(const Dialect& dialect, std::string_view term) {
  const std::size_t most = dialect.term_bytes_most();
  if (term.size() <= most) return std::string(term);
  std::size_t cut = most;
  while (cut > 0 && (static_cast<unsigned char>(term[cut]) & 0xC0) == 0x80) --cut;
  return std::string(term.substr(0, cut));
}

namespace {

/// The character that `text` ends with and its bytes; nothing when that is no UTF-8.
std::optional<std::pair<char32_t, std::size_t>> last_character(std::string_view text) {
  std::size_t length = 1;
  while (length < 4 && length < text.size() &&
         (static_cast<unsigned char>(text[text.size() - length]) & 0xC0) == 0x80) {
    ++length;
  }
  const auto lead = static_cast<unsigned char>(text[text.size() - length]);
  const std::size_t wanted = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (wanted != length) return std::nullopt;
  char32_t c = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i)
    c = c << 6 | (static_cast<unsigned char>(text[text.size() - length + i]) & 0x3F);
  return std::pair(c, length);
}

void append_character(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static constexpr unsigned kLeads[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kLeads[more] | c >> (6 * more));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
}

/// Characters whose order a database may keep in its own way: NUL and what stands for it (see postgres/text.hpp).
bool is_special(char32_t c) { return c == 0 || (c >= 0xFDCF && c <= 0xFDF0); }

}  // namespace

// UTF-8 sorts as its characters do. Where the last one has no good successor, a shorter prefix bounds enough, too.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty()) {
    const auto last = last_character(prefix);
    if (!last) {
      // No UTF-8: bytes are all that can be compared.
      if (static_cast<unsigned char>(prefix.back()) != 0xFF) {
        prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
        return prefix;
      }
      prefix.pop_back();
      continue;
    }
    const auto [c, length] = *last;
    prefix.resize(prefix.size() - length);
    if (is_special(c) || c >= 0x10FFFF) continue;
    append_character(prefix, c == 0xD7FF ? 0xE000 : c + 1);
    return prefix;
  }
  return prefix;
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

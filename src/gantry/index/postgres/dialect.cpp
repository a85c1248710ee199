#include "gantry/index/postgres/dialect.hpp"

#include <algorithm>
#include <array>

#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::postgres {
namespace {

using sql::CellColumn;
using sql::CellRows;
using sql::Column;
using sql::ColumnType;
using sql::Table;
using sql::Text;
using sql::Value;

// String constants of SQL.
constexpr std::string_view kSeparator = R"(E'\x1f')";  // kGroupSeparator
constexpr std::string_view kBackslash = R"(E'\\')";

std::string_view array_type(ColumnType type) {
  switch (type) {
    case ColumnType::kUid:
    case ColumnType::kText:
    case ColumnType::kKey: return "::text[]";
    case ColumnType::kInteger: return "::bigint[]";
    case ColumnType::kTime: return "::timestamptz[]";
    case ColumnType::kBlob: break;
  }
  return "::bytea[]";
}

class PostgresDialect final : public sql::NetworkDialect {
 public:
  std::string placeholder(std::size_t n) const override { return "$" + std::to_string(n); }
  std::string_view type_name(ColumnType type) const override {
    switch (type) {
      // Compared byte by byte, whatever the database's locale is.
      case ColumnType::kUid:
      case ColumnType::kText:
      case ColumnType::kKey: return "text COLLATE \"C\" NOT NULL DEFAULT ''";
      case ColumnType::kInteger: return "bigint NOT NULL DEFAULT 0";
      case ColumnType::kTime: return "timestamptz NOT NULL DEFAULT 'epoch'";
      case ColumnType::kBlob: break;
    }
    return "bytea NOT NULL DEFAULT ''";
  }
  std::string_view table_tail(const Table&) const override { return ""; }

  // A primary key has no directions, a unique index may; and it serves as the key in all that matters.
  std::string key_clause(const Table& table) const override {
    return has_directions(table) ? "" : Dialect::key_clause(table);
  }
  std::vector<std::string> after_create(const Table& table) const override {
    const std::string name(table.name);
    std::vector<std::string> statements;
    if (has_directions(table)) {
      statements = {
          "CREATE UNIQUE INDEX IF NOT EXISTS " + name + "_key ON " + name + " (" + std::string(table.key) + ")",
          "ALTER TABLE " + name + " REPLICA IDENTITY USING INDEX " + name + "_key"};
    }
    const bool of_tenants = std::ranges::any_of(table.columns, [](const Column& c) { return c.name == "tenant_id"; });
    if (!of_tenants) return statements;
    for (const auto& statement : {
             "ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY",
             "ALTER TABLE " + name + " FORCE ROW LEVEL SECURITY",  // for the owner, too
             "DROP POLICY IF EXISTS gantry_tenant ON " + name,
             "CREATE POLICY gantry_tenant ON " + name + " USING (tenant_id = current_setting('" + kTenantVariable +
                 "', true) OR current_setting('" + kTenantVariable + "', true) = '*')",
         }) {
      statements.push_back(statement);
    }
    for (const Column& column : table.columns) {
      // They are compressed already, or small: no second try on every row.
      if (column.type == ColumnType::kBlob) {
        statements.push_back("ALTER TABLE " + name + " ALTER COLUMN " + std::string(column.name) +
                             " SET STORAGE EXTERNAL");
      }
    }
    return statements;
  }

  std::string upsert_tail(const Table& table, std::span<const std::string_view> columns) const override {
    std::string tail = " ON CONFLICT (" + sql::column_list(sql::key_columns(table)) + ") DO ";
    if (columns.empty()) return tail + "NOTHING";
    tail += "UPDATE SET ";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      tail.append(i == 0 ? "" : ", ").append(columns[i]).append(" = excluded.").append(columns[i]);
    }
    return tail;
  }

  void wildcard(Text& sql, std::string_view text, const std::string& pattern) const override {
    sql << text << " LIKE " << sql.parameter(like_pattern(pattern));
  }
  void folded(Text& sql, std::string_view text, const std::string& pattern) const override {
    sql << text << " LIKE " << sql.parameter(FoldedPattern(pattern).like());
  }
  bool folding(Text&, std::string_view, const std::string&) const override { return false; }

  void person_name(Text& sql, std::string_view text, const std::string& pattern) const override {
    const NamePattern name(pattern);
    // "Doe" is "Doe^^": a name gets the carets that the pattern asks for.
    const auto matches = [&](std::string_view group, const FoldedPattern& wanted, const std::string& like) {
      if (wanted.carets() == 0) {
        sql << group << " LIKE " << like;
        return;
      }
      sql << "(" << group << " || repeat('^', greatest(0, " << std::to_string(wanted.carets()) << " - length(" << group
          << ") + length(replace(" << group << ", '^', ''))))) LIKE " << like;
    };
    if (name.any_group()) {
      const std::string like = sql.parameter(name.groups()[0].like());
      sql << "CASE WHEN strpos(" << text << ", " << kSeparator << ") = 0 THEN ";
      matches(text, name.groups()[0], like);
      sql << " ELSE EXISTS (SELECT 1 FROM unnest(string_to_array(" << text << ", " << kSeparator << ")) g(part) WHERE ";
      matches("g.part", name.groups()[0], like);
      sql << ") END";
      return;
    }
    sql << "(1 = 1";
    for (std::size_t i = 0; i < name.groups().size(); ++i) {
      if (name.is_universal(i)) continue;
      sql << " AND ";
      const std::string like = sql.parameter(name.groups()[i].like());
      matches("split_part(" + std::string(text) + ", " + std::string(kSeparator) + ", " + std::to_string(i + 1) + ")",
              name.groups()[i], like);
    }
    sql << ")";
  }

  void has_value(Text& sql, std::string_view text, const std::string& value) const override {
    if (value.empty()) {
      sql << "btrim(" << text << ", " << kBackslash << ") = ''";
    } else {
      any_value(sql, text, " = ", sql.parameter(value));
    }
  }
  void has_like(Text& sql, std::string_view text, const std::string& pattern) const override {
    sql << "(";
    any_value(sql, text, " LIKE ", sql.parameter(like_pattern(pattern)));
    if (matches_wildcard(pattern, "")) sql << " OR btrim(" << text << ", " << kBackslash << ") = ''";
    sql << ")";
  }

  void array_rows(Text& sql, const std::vector<std::string>& values) const override {
    sql << "(SELECT unnest(" << sql.parameter(values) << "::text[]) AS value)";
  }
  std::string_view ordered_join() const override { return " CROSS JOIN "; }
  std::string_view no_limit() const override { return "ALL"; }
  // An entry of a B-tree holds some 2,700 bytes, and a byte of ours may be five in text.hpp's spelling.
  std::size_t term_bytes_most() const override { return kTermBytesMost; }
  std::string is_cut(std::string_view text) const override {
    return "octet_length(" + std::string(text) + ") > " + std::to_string(kTermBytesMost - 4);
  }

  void row_source(Text& sql, std::string_view alias, std::span<const Column> columns,
                  const CellRows& rows) const override {
    sql << "unnest(";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      sql << (i == 0 ? "" : ", ") << sql.parameter(CellColumn{columns[i].type, &rows, i})
          << array_type(columns[i].type);
    }
    sql << ") AS " << alias << " (" << sql::column_list(sql::names_of(columns)) << ")";
  }
  void upsert_rows(std::vector<Text>& statements, const Table& table, std::span<const Column> columns,
                   const CellRows& rows, std::span<const std::string_view> kept) const override {
    insert(statements, table, columns, rows, upsert_tail(table, sql::replaced_columns(table, columns, kept)));
  }
  void insert_missing_rows(std::vector<Text>& statements, const Table& table, const CellRows& rows) const override {
    insert(statements, table, table.columns, rows, upsert_tail(table, {}));
  }
  void delete_rows(std::vector<Text>& statements, const Table& table, std::span<const Column> columns,
                   const CellRows& rows) const override {
    Text& sql = statements.emplace_back(*this);
    sql << "DELETE FROM " << table.name << " x USING ";
    row_source(sql, "k", columns, rows);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      sql << (i == 0 ? " WHERE x." : " AND x.") << columns[i].name << " = k." << columns[i].name;
    }
  }
  std::string_view clock() const override { return "clock_timestamp()"; }
  std::string_view for_update() const override { return " FOR UPDATE"; }
  std::string integer(std::string_view expression) const override {
    return std::string("(").append(expression).append(")::bigint");
  }

 private:
  static constexpr std::size_t kTermBytesMost = 400;

  static bool has_directions(const Table& table) { return table.key.find(" DESC") != std::string_view::npos; }

  /// One of the values between backslashes, but for empty ones.
  static void any_value(Text& sql, std::string_view text, std::string_view comparison, const std::string& parameter) {
    sql << "CASE WHEN strpos(" << text << ", " << kBackslash << ") = 0 THEN " << text << comparison << parameter
        << " ELSE EXISTS (SELECT 1 FROM unnest(string_to_array(" << text << ", " << kBackslash
        << ")) g(part) WHERE g.part <> '' AND g.part" << comparison << parameter << ") END";
  }
  void insert(std::vector<Text>& statements, const Table& table, std::span<const Column> columns, const CellRows& rows,
              const std::string& tail) const {
    const std::string names = sql::column_list(sql::names_of(columns));
    Text& sql = statements.emplace_back(*this);
    sql << "INSERT INTO " << table.name << " (" << names << ") SELECT " << names << " FROM ";
    row_source(sql, "k", columns, rows);
    sql << tail;
  }
};

}  // namespace

const sql::NetworkDialect& dialect() noexcept {
  static const PostgresDialect dialect;
  return dialect;
}

}  // namespace gantry::index::postgres

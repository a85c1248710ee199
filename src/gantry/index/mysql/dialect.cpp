#include "gantry/index/mysql/dialect.hpp"

#include <array>
#include <cctype>

#include "gantry/base/json_text.hpp"
#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/mysql/literal.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::mysql {
namespace {

using sql::CellRow;
using sql::CellRows;
using sql::Column;
using sql::ColumnType;
using sql::Table;
using sql::Text;

constexpr std::string_view kSeparator = "X'1F'";  // kGroupSeparator
constexpr std::string_view kBackslash = "X'5C'";
/// An INSERT of more text than this becomes several, so that the server's limit on a packet is far.
constexpr std::size_t kInsertBytes = 512 * 1024;
/// Person names have three groups; what is written with more is looked at so far.
constexpr int kGroupsMost = 12;

bool is_number(ColumnType type) { return type == ColumnType::kInteger || type == ColumnType::kTime; }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Does LIKE's pattern have a '_' that stands for a character?
bool has_single(std::string_view like) {
  for (std::size_t i = 0; i < like.size(); ++i) {
    if (like[i] == '\\') {
      ++i;
    } else if (like[i] == '_') {
      return true;
    }
  }
  return false;
}

/// A plain pattern for the values between backslashes, as PCRE (MariaDB) and ICU (MySQL) read it.
std::string value_expression(std::string_view pattern) {
  std::string expression = R"((?:\A|\\)(?=[^\\]))";
  for (const char c : pattern) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '*') {
      expression += R"([^\\]*)";
    } else if (c == '?') {
      expression += R"([^\\])";
    } else if (byte < 0x80 && std::isalnum(byte) == 0) {
      static constexpr char kHex[] = "0123456789ABCDEF";
      expression.append(R"(\x)").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      expression += c;
    }
  }
  return expression + R"((?=\\|\z))";
}

// Text is kept as bytes (VARBINARY, BLOB): they compare as they are, without folding and padding, and come back as they
// went. The two servers have no collation in common that does so (see docs/decisions/0009).
class MysqlDialect final : public sql::NetworkDialect {
 public:
  std::string placeholder(std::size_t n) const override { return mysql::placeholder(n); }
  std::string_view type_name(ColumnType type) const override {
    switch (type) {
      case ColumnType::kUid: return "VARBINARY(64) NOT NULL DEFAULT ''";
      case ColumnType::kKey: return "VARBINARY(1024) NOT NULL DEFAULT ''";
      case ColumnType::kText: return "MEDIUMBLOB NOT NULL DEFAULT ('')";
      case ColumnType::kInteger:
      case ColumnType::kTime: return "BIGINT NOT NULL DEFAULT 0";  // microseconds since 1970
      case ColumnType::kBlob: break;
    }
    return "LONGBLOB NOT NULL DEFAULT ('')";
  }
  std::string_view table_tail(const Table&) const override { return " ENGINE=InnoDB ROW_FORMAT=DYNAMIC"; }

  // There are no partial indexes: the condition's column comes first, and uniqueness of a part is not had.
  std::string create_index(const Table& table, const sql::Index& index) const override {
    const bool unique = index.unique && index.where.empty();
    std::string columns;
    if (const auto equals = index.where.find(" = "); equals != std::string_view::npos) {
      columns = std::string(index.where.substr(0, equals)) + ", ";
    }
    columns += index.columns;
    return std::string(unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") + std::string(index.name) + " ON " +
           std::string(table.name) + " (" + columns + ")";
  }
  std::string upsert_tail(const Table& table, std::span<const std::string_view> columns) const override {
    std::string tail = " ON DUPLICATE KEY UPDATE ";
    const std::string prefix = std::string(table.name) + ".";
    if (columns.empty()) {
      const std::string first(sql::key_columns(table)[0]);
      return tail + prefix + first + " = " + prefix + first;
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      tail.append(i == 0 ? "" : ", ").append(prefix).append(columns[i]);
      tail.append(" = VALUES(").append(columns[i]).append(")");
    }
    return tail;
  }

  void wildcard(Text& sql, std::string_view text, const std::string& pattern) const override {
    write_like(sql, text, like_pattern(pattern));
  }
  void folded(Text& sql, std::string_view text, const std::string& pattern) const override {
    write_like(sql, text, FoldedPattern(pattern).like());
  }
  bool folding(Text&, std::string_view, const std::string&) const override { return false; }

  void person_name(Text& sql, std::string_view text, const std::string& pattern) const override {
    const NamePattern name(pattern);
    if (name.any_group()) {
      sql << "EXISTS (SELECT 1 FROM (SELECT 1 AS n";
      for (int n = 2; n <= kGroupsMost; ++n) sql << " UNION ALL SELECT " << std::to_string(n);
      sql << ") g WHERE g.n <= " << count_of(text, kSeparator) << " + 1 AND ";
      write_group(sql, group_of(text, "g.n"), name.groups()[0]);
      sql << ")";
      return;
    }
    sql << "(1 = 1";
    for (std::size_t i = 0; i < name.groups().size(); ++i) {
      if (name.is_universal(i)) continue;
      const std::string n = std::to_string(i + 1);
      sql << " AND ";
      write_group(sql, "IF(" + count_of(text, kSeparator) + " + 1 < " + n + ", '', " + group_of(text, n) + ")",
                  name.groups()[i]);
    }
    sql << ")";
  }

  void has_value(Text& sql, std::string_view text, const std::string& value) const override {
    if (value.empty()) {
      write_no_value(sql, text);
    } else if (value.find('\\') != std::string::npos) {
      sql << "1 = 0";
    } else {
      sql << "INSTR(CONCAT(" << kBackslash << ", " << text << ", " << kBackslash << "), "
          << literal("\\" + value + "\\") << ") > 0";
    }
  }
  void has_like(Text& sql, std::string_view text, const std::string& pattern) const override {
    if (pattern.find('\\') != std::string::npos || !is_utf8(pattern)) {
      sql << "1 = 0";  // no value has a backslash; and what is no text is looked for by its whole value alone
      return;
    }
    sql << "((" << as_characters(text) << ") REGEXP (" << as_characters(literal(value_expression(pattern))) << ")";
    if (matches_wildcard(pattern, "")) {
      sql << " OR ";
      write_no_value(sql, text);
    }
    sql << ")";
  }

  // JSON_TABLE is the one table function that both have; hexadecimal, as a value may hold any bytes.
  void array_rows(Text& sql, const std::vector<std::string>& values) const override {
    sql << "(SELECT UNHEX(j.h) AS value FROM JSON_TABLE('[";
    std::string list;
    for (const std::string& value : values) {
      list += list.empty() ? "\"" : ",\"";
      append_hex(list, value);
      list += '"';
    }
    sql << list << "]', '$[*]' COLUMNS (h VARCHAR(4096) PATH '$')) j)";
  }
  std::string_view ordered_join() const override { return " STRAIGHT_JOIN "; }
  std::string_view no_limit() const override { return "18446744073709551615"; }
  std::size_t term_bytes_most() const override { return kTermBytesMost; }
  std::string is_cut(std::string_view text) const override {
    return "LENGTH(" + std::string(text) + ") > " + std::to_string(kTermBytesMost - 4);
  }
  // Rows are not compared with an index here; written out they are.
  void above(Text& sql, std::span<const std::string_view> columns,
             const std::vector<sql::Value>& values) const override {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const bool last = i + 1 == columns.size();
      sql << (last ? "" : "(") << columns[i] << " > ";
      sql.bind(values[i]);
      if (last) continue;
      sql << " OR (" << columns[i] << " = ";
      sql.bind(values[i]) << " AND ";
    }
    for (std::size_t i = 1; i < columns.size(); ++i) sql << "))";
  }

  void row_source(Text& sql, std::string_view alias, std::span<const Column> columns,
                  const CellRows& rows) const override {
    std::string list, names, types;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string n = std::to_string(i), comma = i == 0 ? "" : ", ";
      const bool number = is_number(columns[i].type);
      names += comma + (number ? "j.c" + n : "UNHEX(j.c" + n + ")") + " AS " + std::string(columns[i].name);
      types += comma + "c" + n + (number ? " BIGINT" : " VARCHAR(4096)") + " PATH '$[" + n + "]'";
    }
    for (const CellRow& row : rows) {
      list += list.empty() ? "[" : ",[";
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) list += ',';
        if (const auto* number = std::get_if<std::int64_t>(&row[i])) {
          list += std::to_string(*number);
        } else {
          list += '"';
          append_hex(list, std::get<std::string>(row[i]));
          list += '"';
        }
      }
      list += ']';
    }
    sql << "(SELECT " << names << " FROM JSON_TABLE('[" << list << "]', '$[*]' COLUMNS (" << types << ")) j) " << alias;
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
    sql << "DELETE x FROM ";
    row_source(sql, "k", columns, rows);
    sql << ordered_join() << table.name << " x";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      sql << (i == 0 ? " WHERE x." : " AND x.") << columns[i].name << " = k." << columns[i].name;
    }
  }
  std::string_view clock() const override { return "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"; }
  std::string_view for_update() const override { return " FOR UPDATE"; }
  std::string integer(std::string_view expression) const override {
    return std::string("CAST(").append(expression).append(" AS SIGNED)");
  }

 private:
  static constexpr std::size_t kTermBytesMost = 1000;

  static std::string as_characters(std::string_view bytes) {
    return "CONVERT(" + std::string(bytes) + " USING utf8mb4) COLLATE utf8mb4_bin";
  }
  // Bytes serve as long as no '_' stands for a character, and no broken character could be met inside of a whole one.
  static void write_like(Text& sql, std::string_view text, const std::string& like) {
    if (!is_utf8(like)) {
      const std::string column(text);
      sql << "(" << column << " LIKE " << literal(like) << " AND CONVERT(CONVERT(" << column
          << " USING utf8mb4) USING binary) <> " << column << ")";
    } else if (has_single(like)) {
      sql << "(" << as_characters(text) << ") LIKE (" << as_characters(literal(like)) << ")";
    } else {
      sql << text << " LIKE " << literal(like);
    }
  }
  static std::string count_of(std::string_view text, std::string_view byte) {
    return "(LENGTH(" + std::string(text) + ") - LENGTH(REPLACE(" + std::string(text) + ", " + std::string(byte) +
           ", '')))";
  }
  static std::string group_of(std::string_view text, const std::string& n) {
    return "SUBSTRING_INDEX(SUBSTRING_INDEX(" + std::string(text) + ", " + std::string(kSeparator) + ", " + n + "), " +
           std::string(kSeparator) + ", -1)";
  }
  // "Doe" is "Doe^^": a name gets the carets that the pattern asks for.
  static void write_group(Text& sql, const std::string& group, const FoldedPattern& wanted) {
    if (wanted.carets() == 0) return write_like(sql, group, wanted.like());
    write_like(sql,
               "CONCAT(" + group + ", REPEAT('^', GREATEST(0, " + std::to_string(wanted.carets()) + " - " +
                   count_of(group, "'^'") + ")))",
               wanted.like());
  }
  static void write_no_value(Text& sql, std::string_view text) {
    sql << "REPLACE(" << text << ", " << kBackslash << ", '') = ''";
  }
  void insert(std::vector<Text>& statements, const Table& table, std::span<const Column> columns, const CellRows& rows,
              const std::string& tail) const {
    const std::string head =
        "INSERT INTO " + std::string(table.name) + " (" + sql::column_list(sql::names_of(columns)) + ") VALUES ";
    std::string values;
    const auto end_statement = [&] {
      statements.emplace_back(*this) << head << values << tail;
      values.clear();
    };
    for (const CellRow& row : rows) {
      values += values.empty() ? "(" : ", (";
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) values += ", ";
        append_literal(values, row[i]);
      }
      values += ')';
      if (values.size() >= kInsertBytes) end_statement();
    }
    if (!values.empty()) end_statement();
  }
};

}  // namespace

const sql::NetworkDialect& dialect() noexcept {
  static const MysqlDialect dialect;
  return dialect;
}

}  // namespace gantry::index::mysql

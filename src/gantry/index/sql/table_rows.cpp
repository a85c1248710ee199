#include "gantry/index/sql/table_rows.hpp"

#include <charconv>
#include <set>

#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/read_rows.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

// Keys are UIDs, names, object keys and numbers: none has a line's end.
constexpr char kSeparator = '\n';

std::vector<Value> values_of_place(const Table& table, const std::string& place) {
  std::vector<Value> values;
  std::size_t begin = 0;
  for (const std::string_view name : key_columns(table)) {
    const std::size_t end = std::min(place.find(kSeparator, begin), place.size());
    const std::string part = place.substr(std::min(begin, place.size()), end - std::min(begin, end));
    begin = end + 1;
    if (table.columns[static_cast<std::size_t>(column_of(table, name))].type == ColumnType::kInteger) {
      std::int64_t number = 0;
      std::from_chars(part.data(), part.data() + part.size(), number);
      values.emplace_back(number);
    } else {
      values.emplace_back(part);
    }
  }
  return values;
}

}  // namespace

Text page_select(const Dialect& dialect, const Table& table, const std::string& from, std::size_t rows_most) {
  const auto key = key_columns(table);
  Text sql(dialect);
  sql << "SELECT " << column_list(names_of(table.columns)) << " FROM " << table.name;
  if (!from.empty()) {
    sql << " WHERE ";
    dialect.above(sql, key, values_of_place(table, from));
  }
  sql << " ORDER BY " << column_list(key) << " LIMIT ";
  sql.bind(static_cast<std::uint64_t>(rows_most));
  return sql;
}

std::string place_of(const Table& table, const CellRow& row) {
  std::string place;
  for (const std::string_view name : key_columns(table)) {
    if (!place.empty()) place += kSeparator;
    const Cell& cell = row[static_cast<std::size_t>(column_of(table, name))];
    const auto* number = std::get_if<std::int64_t>(&cell);
    place += number != nullptr ? std::to_string(*number) : std::get<std::string>(cell);
  }
  return place;
}

std::size_t bytes_of_row(const CellRow& row) {
  std::size_t bytes = row.size() * sizeof(Cell);
  for (const Cell& cell : row) {
    if (const auto* text = std::get_if<std::string>(&cell)) bytes += text->size();
  }
  return bytes;
}

CellRows term_rows(const Dialect& dialect, const Table& table, const CellRows& rows) {
  CellRows all;
  if (&table != &kStudyTable && &table != &kStateTable) return all;
  const std::string& columns = &table == &kStudyTable ? study_columns() : series_columns();
  std::set<std::pair<std::string, TermRow>> seen;  // two long terms may be cut to one
  for (const CellRow& row : rows) {
    const CellsView view(table, row, columns);
    const TenantId tenant(text_in(table, row, "tenant_id"));
    const auto terms =
        &table == &kStudyTable ? read_study_state(dialect, view).terms : read_series_state(dialect, view).terms;
    for (const TermRow& term : terms) {
      if (seen.emplace(tenant.str(), term).second) all.push_back(term_cells(tenant, term));
    }
  }
  return all;
}

}  // namespace gantry::index::sql

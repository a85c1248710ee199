#pragma once

// What a TableStore over an SQL database asks and writes.

#include <cstddef>
#include <string>

#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/table.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

/// The rows of a table behind the place `from` ("" is the beginning), with all columns, ascending by key.
[[nodiscard]] Text page_select(const Dialect& dialect, const Table& table, const std::string& from,
                               std::size_t rows_most);
/// The place of a row, for page_select().
[[nodiscard]] std::string place_of(const Table& table, const CellRow& row);
/// A row that a statement gave, all columns in the table's order. A Row has text(i), integer(i) and time(i).
template <class Row>
CellRow read_cells(const Table& table, const Row& row) {
  CellRow cells;
  cells.reserve(table.columns.size());
  for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
    switch (table.columns[static_cast<std::size_t>(i)].type) {
      case ColumnType::kInteger: cells.emplace_back(row.integer(i)); break;
      case ColumnType::kTime: cells.emplace_back(micros(row.time(i))); break;
      default: cells.emplace_back(row.text(i));
    }
  }
  return cells;
}
[[nodiscard]] std::size_t bytes_of_row(const CellRow& row);
/// The rows of dicom_term that follow from rows of `table`, each once.
[[nodiscard]] CellRows term_rows(const Dialect& dialect, const Table& table, const CellRows& rows);

}  // namespace gantry::index::sql

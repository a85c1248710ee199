#pragma once

// Rows of cells by the names of their table's columns.

#include <string>
#include <string_view>
#include <vector>

#include "gantry/index/sql/table.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

/// Where a column is in a row of `table`.
[[nodiscard]] int column_of(const Table& table, std::string_view name);
[[nodiscard]] const std::string& text_in(const Table& table, const CellRow& row, std::string_view column);
[[nodiscard]] std::int64_t number_in(const Table& table, const CellRow& row, std::string_view column);

/// Some cells in the order in which a statement of sql/ would have given them, for sql/read_rows.hpp.
class CellsView {
 public:
  CellsView() = default;
  /// The columns that a SELECT list names ("a, x.b, …").
  CellsView(const Table& table, const CellRow& row, std::string_view select_list);
  void add(const Table& table, const CellRow& row, std::string_view column);
  void add(const Cell& cell) { cells_.push_back(&cell); }

  [[nodiscard]] std::string_view view(int i) const;
  [[nodiscard]] std::string text(int i) const { return std::string(view(i)); }
  [[nodiscard]] std::int64_t integer(int i) const;
  [[nodiscard]] std::uint64_t count(int i) const { return static_cast<std::uint64_t>(integer(i)); }
  [[nodiscard]] Timestamp time(int i) const { return timestamp(integer(i)); }

 private:
  std::vector<const Cell*> cells_;
};

}  // namespace gantry::index::sql

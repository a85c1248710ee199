#include "gantry/index/sql/cells.hpp"

#include <cassert>
#include <map>
#include <unordered_map>

#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

const Cell& cell_in(const Table& table, const CellRow& row, std::string_view column) {
  return row[static_cast<std::size_t>(column_of(table, column))];
}

}  // namespace

int column_of(const Table& table, std::string_view name) {
  static const auto places = [] {
    std::map<const Table*, std::unordered_map<std::string_view, int>> all;
    for (const Table* const each : tables()) {
      for (std::size_t i = 0; i < each->columns.size(); ++i) all[each][each->columns[i].name] = static_cast<int>(i);
    }
    return all;
  }();
  const auto& columns = places.at(&table);
  const auto at = columns.find(name);
  assert(at != columns.end());
  return at->second;
}

const std::string& text_in(const Table& table, const CellRow& row, std::string_view column) {
  return std::get<std::string>(cell_in(table, row, column));
}

std::int64_t number_in(const Table& table, const CellRow& row, std::string_view column) {
  return std::get<std::int64_t>(cell_in(table, row, column));
}

CellsView::CellsView(const Table& table, const CellRow& row, std::string_view select_list) {
  while (!select_list.empty()) {
    const auto cut = select_list.find(", ");
    std::string_view name = select_list.substr(0, cut);
    if (const auto dot = name.find('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    add(table, row, name);
    select_list.remove_prefix(cut == std::string_view::npos ? select_list.size() : cut + 2);
  }
}

void CellsView::add(const Table& table, const CellRow& row, std::string_view column) {
  cells_.push_back(&cell_in(table, row, column));
}

std::string_view CellsView::view(int i) const {
  const auto* const text = std::get_if<std::string>(cells_[static_cast<std::size_t>(i)]);
  return text == nullptr ? std::string_view() : *text;
}

std::int64_t CellsView::integer(int i) const {
  const auto* const number = std::get_if<std::int64_t>(cells_[static_cast<std::size_t>(i)]);
  return number == nullptr ? 0 : *number;
}

}  // namespace gantry::index::sql

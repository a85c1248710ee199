// SqlIndex as a TableStore.

#include "gantry/index/sql/sql_index.hpp"
#include "gantry/index/sql/table_rows.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {

Result<TableStore::Page> SqlIndex::read_page(const RequestContext& ctx, const Table& table, const std::string& from,
                                             std::size_t rows_most, std::size_t bytes_most) {
  Page page;
  bool more = false;
  GANTRY_TRY(read(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    page.rows.clear();
    std::size_t bytes = 0;
    GANTRY_TRY(session.stream(page_select(dialect(), table, from, rows_most), [&](const RowRef& row) {
      page.rows.push_back(read_cells(table, row));
      bytes += bytes_of_row(page.rows.back());
      return bytes < bytes_most;
    }));
    more = page.rows.size() == rows_most || bytes >= bytes_most;
    return {};
  }));
  if (more) page.next = place_of(table, page.rows.back());
  return page;
}

Result<void> SqlIndex::put_rows(const RequestContext& ctx, const Table& table, const CellRows& rows) {
  if (rows.empty()) return {};
  const CellRows terms = term_rows(dialect(), table, rows);
  return write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    std::vector<Text> statements;
    dialect().upsert_rows(statements, table, table.columns, rows, {});
    if (!terms.empty()) dialect().insert_missing_rows(statements, kTermTable, terms);
    return session.run_and_commit(statements);
  });
}

}  // namespace gantry::index::sql

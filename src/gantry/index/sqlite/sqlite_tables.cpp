// SqliteIndex as a TableStore.

#include "gantry/index/sql/table_rows.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/sqlite/sqlite_store.hpp"

namespace gantry::index {

using sqlite::Connection;
using sqlite::Query;

Result<TableStore::Page> SqliteIndex::read_page(const RequestContext& ctx, const sql::Table& table,
                                                const std::string& from, std::size_t rows_most,
                                                std::size_t bytes_most) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<Page> {
    const sql::Text select = sql::page_select(sql::sqlite_dialect(), table, from, rows_most);
    GANTRY_LET(Query query, connection.query(select.text()));
    query.bind_all(select.values());
    Page page;
    for (std::size_t bytes = 0; bytes < bytes_most && page.rows.size() < rows_most;) {
      GANTRY_LET(const bool there, query.step());
      if (!there) return page;
      page.rows.push_back(sql::read_cells(table, query));
      bytes += sql::bytes_of_row(page.rows.back());
    }
    if (!page.rows.empty()) page.next = sql::place_of(table, page.rows.back());
    return page;
  });
}

Result<void> SqliteIndex::put_rows(const RequestContext& ctx, const sql::Table& table, const sql::CellRows& rows) {
  if (rows.empty()) return {};
  return impl_->write(ctx, [&](Connection& connection) -> Result<void> {
    const auto run_each = [&](const std::string& text, const sql::Table& of, const sql::CellRows& all) -> Result<void> {
      for (const sql::CellRow& row : all) {
        GANTRY_LET(Query query, connection.query(text));
        sqlite::bind_row(query, of.columns, row);
        GANTRY_TRY(query.run());
      }
      return {};
    };
    GANTRY_TRY(run_each(sql::upsert_into(sql::sqlite_dialect(), table), table, rows));
    return run_each(sqlite::insert_missing(sql::kTermTable), sql::kTermTable,
                    sql::term_rows(sql::sqlite_dialect(), table, rows));
  });
}

}  // namespace gantry::index

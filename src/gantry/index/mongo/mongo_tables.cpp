// MongoIndex as a TableStore.

#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/sql/table_rows.hpp"

namespace gantry::index {

using mongo::Bulk;
using mongo::Document;
using mongo::Session;

// In the order of `_id`s, which are made of the keys.
Result<TableStore::Page> MongoIndex::read_page(const RequestContext& ctx, const sql::Table& table,
                                               const std::string& from, std::size_t rows_most, std::size_t bytes_most) {
  return impl_->read(ctx, [&](Session& session) -> Result<Page> {
    mongo::Find find;
    if (!from.empty()) find.filter.document("_id", Document().text("$gt", from));
    find.sort.small("_id", 1);
    find.limit = static_cast<std::int64_t>(rows_most);
    Page page;
    std::size_t bytes = 0;
    std::string last;
    GANTRY_TRY(session.find(table.name, find, [&](const bson_t& document) -> Result<bool> {
      last = mongo::text_of(document, "_id");
      page.rows.push_back(mongo::to_cells(table, document));
      bytes += sql::bytes_of_row(page.rows.back());
      return bytes < bytes_most;
    }));
    if (page.rows.size() == rows_most || bytes >= bytes_most) page.next = last;
    return page;
  });
}

// Terms are in the documents. A tenant's document has fields of its own beside the columns.
Result<void> MongoIndex::put_rows(const RequestContext& ctx, const sql::Table& table, const sql::CellRows& rows) {
  if (rows.empty()) return {};
  Bulk bulk;
  for (const sql::CellRow& row : rows) {
    Document document = mongo::to_document(table, row);
    Document filter = mongo::by_text("_id", mongo::view_of(*document.raw(), "_id"));
    if (&table == &sql::kTenantTable) {
      Document set;
      for (const auto& column : table.columns) {
        if (std::get_if<std::int64_t>(&row[static_cast<std::size_t>(sql::column_of(table, column.name))]) != nullptr) {
          set.number(column.name, sql::number_in(table, row, column.name));
        } else {
          set.text(column.name, sql::text_in(table, row, column.name));
        }
      }
      bulk.update_one(std::move(filter), mongo::wrapped("$set", set), true);
    } else {
      bulk.put(std::move(filter), document);
    }
  }
  return impl_->writer->write(ctx, table.name, bulk);
}

}  // namespace gantry::index

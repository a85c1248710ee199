// SqliteIndex as a RecordStore: the writer's transaction keeps others away.

#include "gantry/index/sql/record_rows.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/sqlite/sqlite_store.hpp"

namespace gantry::index {

using sqlite::Connection;
using sqlite::Query;

namespace {

Result<std::vector<Record>> records_of(Connection& connection, const sql::Text& select) {
  GANTRY_LET(Query query, connection.query(select.text()));
  query.bind_all(select.values());
  std::vector<Record> records;
  for (;;) {
    GANTRY_LET(const bool more, query.step());
    if (!more) return records;
    records.push_back(sql::read_record(query));
  }
}

Result<std::size_t> remove_all(Connection& connection, const sql::Text& select) {
  GANTRY_LET(const std::vector<Record> found, records_of(connection, select));
  for (const Record& record : found) {
    GANTRY_LET(Query query, connection.query("DELETE FROM gantry_record WHERE kind = ?1 AND record_id = ?2"));
    query << static_cast<int>(record.kind) << std::string_view(record.id);
    GANTRY_TRY(query.run());
  }
  return found.size();
}

}  // namespace

Result<std::uint64_t> SqliteIndex::put_record(const RequestContext& ctx, const Record& record) {
  GANTRY_TRY(check_record(record));
  return impl_->write(ctx, [&](Connection& connection) -> Result<std::uint64_t> {
    GANTRY_LET(const std::vector<Record> kept,
               records_of(connection, sql::select_record(sql::sqlite_dialect(), record.kind, record.id)));
    if (record.version == 0 && !kept.empty()) {
      if (!sql::is_same_new_record(kept[0], record)) return sql::record_conflict();
      return kept[0].version;
    }
    if (record.version != 0 && (kept.empty() || kept[0].version != record.version)) return sql::record_conflict();
    static const std::string text = sql::upsert_into(sql::sqlite_dialect(), sql::kRecordTable);
    const sql::CellRow row = sql::record_cells(record, record.version + 1);
    GANTRY_LET(Query query, connection.query(text));
    sqlite::bind_row(query, sql::kRecordTable.columns, row);
    GANTRY_TRY(query.run());
    return record.version + 1;
  });
}

Result<std::optional<Record>> SqliteIndex::get_record(const RequestContext& ctx, RecordKind kind,
                                                      std::string_view id) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::optional<Record>> {
    GANTRY_LET(std::vector<Record> found,
               records_of(connection, sql::select_record(sql::sqlite_dialect(), kind, id)));
    if (found.empty()) return std::optional<Record>();
    return std::optional(std::move(found[0]));
  });
}

Result<std::vector<Record>> SqliteIndex::list_records(const RequestContext& ctx, const RecordQuery& query) {
  return impl_->read(ctx, [&](Connection& connection) {
    return records_of(connection, sql::select_records(sql::sqlite_dialect(), query));
  });
}

Result<bool> SqliteIndex::remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  return impl_->write(ctx, [&](Connection& connection) -> Result<bool> {
    GANTRY_LET(const std::size_t gone,
               remove_all(connection, sql::select_record(sql::sqlite_dialect(), kind, id)));
    return gone > 0;
  });
}

Result<std::size_t> SqliteIndex::remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) {
  return impl_->write(ctx, [&](Connection& connection) {
    return remove_all(connection, sql::select_expired_records(sql::sqlite_dialect(), until, limit));
  });
}

Result<std::size_t> SqliteIndex::remove_tenant_records(const RequestContext& ctx, std::size_t limit) {
  return impl_->write(ctx, [&](Connection& connection) {
    return remove_all(connection, sql::select_tenant_records(sql::sqlite_dialect(), ctx.tenant, limit));
  });
}

}  // namespace gantry::index

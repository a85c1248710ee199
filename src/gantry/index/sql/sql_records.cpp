// SqlIndex as a RecordStore. A change locks the row that it goes by, so that of two at once one sees the other's.

#include "gantry/index/sql/record_rows.hpp"
#include "gantry/index/sql/sql_index.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

Text locked(Text select, const NetworkDialect& dialect) { return std::move(select << dialect.for_update()); }

}  // namespace

Result<std::uint64_t> SqlIndex::put_record(const RequestContext& ctx, const Record& record) {
  GANTRY_TRY(check_record(record));
  const CellRows rows{record_cells(record, record.version + 1)};
  GANTRY_TRY(write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    std::vector<Text> statements;
    const Text kept = locked(select_record(dialect(), record.kind, record.id), dialect());
    if (record.version == 0) {
      dialect().insert_missing_rows(statements, kRecordTable, rows);
      statements.push_back(kept);
      GANTRY_LET(const std::vector<Rows> sets, session.run(statements));
      const Rows& there = sets.back();
      if (there->size() == 0 || !is_same_new_record(read_record(RowRef(*there, 0)), record)) return record_conflict();
      return session.run_and_commit({});
    }
    GANTRY_LET(const Rows there, session.run(kept));
    if (there->size() == 0 || read_record(RowRef(*there, 0)).version != record.version) return record_conflict();
    dialect().upsert_rows(statements, kRecordTable, kRecordTable.columns, rows, {});
    return session.run_and_commit(statements);
  }));
  return record.version + 1;
}

Result<std::optional<Record>> SqlIndex::get_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, select_record(dialect(), kind, id)));
  if (rows->size() == 0) return std::optional<Record>();
  return std::optional(read_record(RowRef(*rows, 0)));
}

Result<std::vector<Record>> SqlIndex::list_records(const RequestContext& ctx, const RecordQuery& query) {
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kAll, select_records(dialect(), query)));
  std::vector<Record> records;
  for (std::size_t i = 0; i < rows->size(); ++i) records.push_back(read_record(RowRef(*rows, i)));
  return records;
}

Result<std::size_t> SqlIndex::remove_records(const RequestContext& ctx, const Text& select) {
  std::size_t gone = 0;
  GANTRY_TRY(write(ctx, Tenants::kAll, [&](Session& session) -> Result<void> {
    gone = 0;
    GANTRY_LET(const Rows found, session.run(locked(select, dialect())));
    if (found->size() == 0) return session.run_and_commit({});
    CellRows keys;
    for (std::size_t i = 0; i < found->size(); ++i) keys.push_back(record_key_cells(read_record(RowRef(*found, i))));
    std::vector<Text> statements;
    dialect().delete_rows(statements, kRecordTable, kRecordKeyColumns, keys);
    gone = keys.size();
    return session.run_and_commit(statements);
  }));
  return gone;
}

Result<bool> SqlIndex::remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) {
  GANTRY_LET(const std::size_t gone, remove_records(ctx, select_record(dialect(), kind, id)));
  return gone > 0;
}

Result<std::size_t> SqlIndex::remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) {
  return remove_records(ctx, select_expired_records(dialect(), until, limit));
}

Result<std::size_t> SqlIndex::remove_tenant_records(const RequestContext& ctx, std::size_t limit) {
  return remove_records(ctx, select_tenant_records(dialect(), ctx.tenant, limit));
}

}  // namespace gantry::index::sql

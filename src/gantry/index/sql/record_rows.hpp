#pragma once

// Rows of gantry_record, and the statements that find them, for every SQL database.

#include <array>
#include <string_view>

#include "gantry/index/record_store.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

inline constexpr std::array<Column, 2> kRecordKeyColumns{
    {{"kind", ColumnType::kInteger}, {"record_id", ColumnType::kUid}}};

/// All columns of kRecordTable, in its order, with `version` as the record's.
[[nodiscard]] CellRow record_cells(const Record& record, std::uint64_t version);
[[nodiscard]] CellRow record_key_cells(const Record& record);

/// A row of the statements below.
template <class Row>
Record read_record(const Row& row) {
  Record record;
  record.tenant = TenantId(row.text(0));
  record.kind = static_cast<RecordKind>(row.integer(1));
  record.id = row.text(2);
  record.version = row.count(3);
  record.created = row.time(4);
  if (const Timestamp expires = row.time(5); expires != Timestamp{}) record.expires = expires;
  record.body = row.text(6);
  return record;
}

[[nodiscard]] Text select_record(const Dialect& dialect, RecordKind kind, std::string_view id);
[[nodiscard]] Text select_records(const Dialect& dialect, const RecordQuery& query);
[[nodiscard]] Text select_expired_records(const Dialect& dialect, Timestamp until, std::size_t limit);
[[nodiscard]] Text select_tenant_records(const Dialect& dialect, const TenantId& tenant, std::size_t limit);

/// Is `kept` what putting `record` as a new one left there?
[[nodiscard]] bool is_same_new_record(const Record& kept, const Record& record);
[[nodiscard]] Error record_conflict();

}  // namespace gantry::index::sql

#include "gantry/index/sql/record_rows.hpp"

#include <algorithm>

#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

Text select_all(const Dialect& dialect) {
  Text sql(dialect);
  sql << "SELECT " << column_list(names_of(kRecordTable.columns)) << " FROM " << kRecordTable.name;
  return sql;
}

std::uint64_t most(std::size_t limit) { return std::min<std::uint64_t>(limit, INT64_MAX); }

}  // namespace

CellRow record_cells(const Record& record, std::uint64_t version) {
  return {record.tenant.str(),
          static_cast<std::int64_t>(record.kind),
          record.id,
          static_cast<std::int64_t>(version),
          micros(record.created),
          micros(record.expires.value_or(Timestamp{})),
          record.body};
}

CellRow record_key_cells(const Record& record) { return {static_cast<std::int64_t>(record.kind), record.id}; }

Text select_record(const Dialect& dialect, RecordKind kind, std::string_view id) {
  Text sql = select_all(dialect);
  sql << " WHERE kind = ";
  sql.bind(static_cast<int>(kind)) << " AND record_id = ";
  sql.bind(id);
  return sql;
}

Text select_records(const Dialect& dialect, const RecordQuery& query) {
  Text sql = select_all(dialect);
  sql << " WHERE kind = ";
  sql.bind(static_cast<int>(query.kind));
  if (query.tenant) {
    sql << " AND tenant_id = ";
    sql.bind(query.tenant->view());
  }
  sql << " AND record_id > ";
  sql.bind(query.after) << " ORDER BY record_id LIMIT ";
  sql.bind(most(query.limit));
  return sql;
}

Text select_expired_records(const Dialect& dialect, Timestamp until, std::size_t limit) {
  Text sql = select_all(dialect);
  sql << " WHERE expires_time > ";
  sql.bind(Value(Timestamp{})) << " AND expires_time <= ";
  sql.bind(Value(until)) << " ORDER BY expires_time LIMIT ";
  sql.bind(most(limit));
  return sql;
}

Text select_tenant_records(const Dialect& dialect, const TenantId& tenant, std::size_t limit) {
  Text sql = select_all(dialect);
  sql << " WHERE tenant_id = ";
  sql.bind(tenant.view()) << " ORDER BY kind, record_id LIMIT ";
  sql.bind(most(limit));
  return sql;
}

bool is_same_new_record(const Record& kept, const Record& record) {
  Record made = record;
  made.version = 1;
  return kept == made;
}

Error record_conflict() { return Error::conflict("the record was changed or removed meanwhile, or its id is taken"); }

}  // namespace gantry::index::sql

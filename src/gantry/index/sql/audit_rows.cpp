#include "gantry/index/sql/audit_rows.hpp"

#include <algorithm>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {
namespace {

/// As every database gives it back: without NUL, which some can't keep, and in UTF-8.
std::string kept(std::string text) {
  std::erase(text, '\0');
  return as_utf8(text);
}

}  // namespace

CellRow audit_cells(const TenantId& tenant, const AuditRow& row) {
  const AuditEntry& entry = row.entry;
  return {tenant.str(),
          static_cast<std::int64_t>(row.number),
          micros(row.time),
          entry.action,
          entry.actor.principal,
          entry.actor.address,
          entry.actor.request_id,
          entry.study.str(),
          entry.series.str(),
          entry.sop.str(),
          static_cast<std::int64_t>(entry.version),
          entry.detail,
          row.hash};
}

AuditRow next_audit_row(AuditHead& head, Timestamp now, AuditEntry entry) {
  AuditRow row;
  row.number = head.number + 1;
  row.time = now;
  row.entry = std::move(entry);
  row.entry.actor.principal = kept(std::move(row.entry.actor.principal));
  row.entry.actor.request_id = kept(std::move(row.entry.actor.request_id));
  row.entry.detail = kept(std::move(row.entry.detail));
  row.hash = audit_hash(head.hash, row);
  head = {row.number, row.hash};
  return row;
}

Text select_audit_rows(const Dialect& dialect, const TenantId& tenant, const AuditQuery& query) {
  Text sql(dialect);
  sql << "SELECT " << column_list(names_of(kAuditTable.columns)) << " FROM " << kAuditTable.name
      << " WHERE tenant_id = ";
  sql.bind(tenant.view()) << " AND audit_no > ";
  sql.bind(query.after);
  const auto equals = [&sql](std::string_view column, std::string_view value) {
    if (value.empty()) return;
    sql << " AND " << column << " = ";
    sql.bind(value);
  };
  equals("study_uid", query.study.view());
  equals("principal", query.principal);
  equals("action", query.action);
  if (query.since) {
    sql << " AND audit_time >= ";
    sql.bind(Value(*query.since));
  }
  if (query.until) {
    sql << " AND audit_time < ";
    sql.bind(Value(*query.until));
  }
  sql << " ORDER BY audit_no LIMIT ";
  sql.bind(std::min<std::uint64_t>(query.limit, INT64_MAX));
  return sql;
}

Text select_audit_head(const Dialect& dialect, const TenantId& tenant) {
  Text sql(dialect);
  sql << "SELECT audit_no, audit_hash FROM dicom_tenant WHERE tenant_id = ";
  sql.bind(tenant.view());
  return sql;
}

}  // namespace gantry::index::sql

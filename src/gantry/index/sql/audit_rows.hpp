#pragma once

// Rows of gantry_audit, and the statements that find them, for every SQL database.

#include "gantry/index/audit_log.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index::sql {

/// All columns of kAuditTable, in its order.
[[nodiscard]] CellRow audit_cells(const TenantId& tenant, const AuditRow& row);
/// The row behind `head`, chained to it; `head` becomes its.
[[nodiscard]] AuditRow next_audit_row(AuditHead& head, Timestamp now, AuditEntry entry);
[[nodiscard]] Text select_audit_rows(const Dialect& dialect, const TenantId& tenant, const AuditQuery& query);
/// audit_no, audit_hash.
[[nodiscard]] Text select_audit_head(const Dialect& dialect, const TenantId& tenant);

/// A row of select_audit_rows(), or of kAuditTable.
template <class Row>
AuditRow read_audit_row(const Row& row) {
  AuditRow read;
  read.number = row.count(1);
  read.time = row.time(2);
  read.entry.action = row.text(3);
  read.entry.actor = {row.text(4), row.text(5), row.text(6)};
  read.entry.study = StudyUid(row.text(7));
  read.entry.series = SeriesUid(row.text(8));
  read.entry.sop = SopUid(row.text(9));
  read.entry.version = row.count(10);
  read.entry.detail = row.text(11);
  read.hash = row.text(12);
  return read;
}

}  // namespace gantry::index::sql

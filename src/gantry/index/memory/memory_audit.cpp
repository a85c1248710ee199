// MemoryIndex as an AuditLog.

#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/sql/audit_rows.hpp"

namespace gantry::index {
namespace {

bool meets(const AuditQuery& query, const AuditRow& row) {
  const auto is = [](std::string_view wanted, std::string_view value) { return wanted.empty() || wanted == value; };
  return row.number > query.after && is(query.principal, row.entry.actor.principal) &&
         is(query.action, row.entry.action) && is(query.study.view(), row.entry.study.view()) &&
         (!query.since || row.time >= *query.since) && (!query.until || row.time < *query.until);
}

const char* word_of(Change::Action action) {
  switch (action) {
    case Change::Action::kStored: return audit_action::kStored;
    case Change::Action::kReplaced: return audit_action::kReplaced;
    case Change::Action::kDeleted: break;
  }
  return audit_action::kDeleted;
}

AuditHead head_of(const std::vector<AuditRow>& rows) {
  return rows.empty() ? AuditHead() : AuditHead{rows.back().number, rows.back().hash};
}

}  // namespace

void MemoryIndex::add_change(Tenant& tenant, Change change) {
  AuditHead head = head_of(tenant.audits);
  AuditEntry entry{word_of(change.action), actor_, change.study, change.series, change.sop, change.version, {}};
  tenant.audits.push_back(sql::next_audit_row(head, change.time, std::move(entry)));
  tenant.changes.push_back(std::move(change));
}

Result<std::uint64_t> MemoryIndex::add_audit(const RequestContext& ctx, const AuditEntry& entry) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  AuditHead head = head_of(tenant->audits);
  tenant->audits.push_back(sql::next_audit_row(head, now_(), entry));
  return head.number;
}

Result<std::vector<AuditRow>> MemoryIndex::audit_rows(const RequestContext& ctx, const AuditQuery& query) {
  const std::scoped_lock lock(mutex_);
  std::vector<AuditRow> rows;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return rows;
  for (const AuditRow& row : tenant->second.audits) {
    if (rows.size() == query.limit) break;
    if (meets(query, row)) rows.push_back(row);
  }
  return rows;
}

Result<AuditHead> MemoryIndex::audit_head(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  return head_of(tenant->audits);
}

}  // namespace gantry::index

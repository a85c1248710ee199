// SqlIndex as an AuditLog.

#include "gantry/index/sql/audit_rows.hpp"
#include "gantry/index/sql/batch_store.hpp"
#include "gantry/index/sql/commit_run.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index::sql {
namespace {

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

}  // namespace

Result<std::uint64_t> SqlIndex::add_audit(const RequestContext& ctx, const AuditEntry& entry) {
  std::uint64_t number = 0;
  GANTRY_TRY(write(ctx, Tenants::kOne, [&](Session& session) -> Result<void> {
    BatchStore store(session, ctx.tenant, false);
    GANTRY_LET(number, CommitRun(store, ctx).add_audit(entry));
    if (number == 0) return no_tenant();
    return {};
  }));
  return number;
}

Result<std::vector<AuditRow>> SqlIndex::audit_rows(const RequestContext& ctx, const AuditQuery& query) {
  std::vector<AuditRow> found;
  if (query.limit == 0) return found;
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, select_audit_rows(dialect(), ctx.tenant, query)));
  for (std::size_t i = 0; i < rows->size(); ++i) found.push_back(read_audit_row(RowRef(*rows, i)));
  return found;
}

Result<AuditHead> SqlIndex::audit_head(const RequestContext& ctx) {
  GANTRY_LET(const Rows rows, read_rows(ctx, Tenants::kOne, select_audit_head(dialect(), ctx.tenant)));
  if (rows->size() == 0) return no_tenant();
  const RowRef row(*rows, 0);
  return AuditHead{row.count(0), row.text(1)};
}

}  // namespace gantry::index::sql

// SqliteIndex as an AuditLog.

#include "gantry/index/sql/audit_rows.hpp"
#include "gantry/index/sql/commit_run.hpp"
#include "gantry/index/sqlite/sqlite_impl.hpp"
#include "gantry/index/sqlite/sqlite_store.hpp"

namespace gantry::index {

using sqlite::Connection;
using sqlite::Query;

namespace {

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

}  // namespace

Result<std::uint64_t> SqliteIndex::add_audit(const RequestContext& ctx, const AuditEntry& entry) {
  return impl_->write(ctx, [&](Connection& connection) -> Result<std::uint64_t> {
    sqlite::SqliteStore store(connection, ctx.tenant);
    GANTRY_LET(const std::uint64_t number, sql::CommitRun(store, ctx).add_audit(entry));
    if (number == 0) return no_tenant();
    return number;
  });
}

Result<std::vector<AuditRow>> SqliteIndex::audit_rows(const RequestContext& ctx, const AuditQuery& asked) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<std::vector<AuditRow>> {
    const sql::Text select = sql::select_audit_rows(sql::sqlite_dialect(), ctx.tenant, asked);
    GANTRY_LET(Query query, connection.query(select.text()));
    query.bind_all(select.values());
    std::vector<AuditRow> rows;
    for (;;) {
      GANTRY_LET(const bool more, query.step());
      if (!more) return rows;
      rows.push_back(sql::read_audit_row(query));
    }
  });
}

Result<AuditHead> SqliteIndex::audit_head(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Connection& connection) -> Result<AuditHead> {
    const sql::Text select = sql::select_audit_head(sql::sqlite_dialect(), ctx.tenant);
    GANTRY_LET(Query query, connection.query(select.text()));
    query.bind_all(select.values());
    GANTRY_LET(const bool found, query.step());
    if (!found) return no_tenant();
    return AuditHead{query.count(0), query.text(1)};
  });
}

}  // namespace gantry::index

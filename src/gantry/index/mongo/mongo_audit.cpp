// MongoIndex as an AuditLog.

#include "gantry/index/mongo/mongo_impl.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/sql/audit_rows.hpp"
#include "gantry/index/sql/commit_run.hpp"

namespace gantry::index {

using mongo::by_text;
using mongo::Document;
using mongo::Find;
using mongo::Session;

namespace {

Error no_tenant() { return Error::not_found("there is no tenant of this name"); }

AuditRow to_audit_row(const bson_t& document) {
  const sql::CellRow row = mongo::to_cells(sql::kAuditTable, document);
  sql::CellsView view;
  for (const sql::Cell& cell : row) view.add(cell);
  return sql::read_audit_row(view);
}

}  // namespace

Result<std::uint64_t> MongoIndex::add_audit(const RequestContext& ctx, const AuditEntry& entry) {
  std::uint64_t number = 0;
  GANTRY_TRY(impl_->writer->run(ctx, [&](Session&, mongo::BatchStore& store) -> Result<void> {
    GANTRY_LET(number, sql::CommitRun(store, ctx).add_audit(entry));
    if (number == 0) return no_tenant();
    return {};
  }));
  return number;
}

Result<std::vector<AuditRow>> MongoIndex::audit_rows(const RequestContext& ctx, const AuditQuery& query) {
  std::vector<AuditRow> rows;
  if (query.limit == 0) return rows;
  return impl_->read(ctx, [&](Session& session) -> Result<std::vector<AuditRow>> {
    rows.clear();
    // _ids of a tenant ascend with its numbers; '0' follows the slash.
    Find find;
    find.filter.document(
        "_id",
        Document().text("$gt", mongo::change_id(ctx.tenant.view(), query.after)).text("$lt", ctx.tenant.str() + "0"));
    if (!query.study.empty()) find.filter.text("tenant_id", ctx.tenant.view()).text("study_uid", query.study.view());
    if (!query.principal.empty()) find.filter.text("principal", query.principal);
    if (!query.action.empty()) find.filter.text("action", query.action);
    if (query.since || query.until) {
      Document time;
      if (query.since) time.number("$gte", sql::micros(*query.since));
      if (query.until) time.number("$lt", sql::micros(*query.until));
      find.filter.document("audit_time", time);
    }
    find.sort.small("_id", 1);
    find.limit = static_cast<std::int64_t>(query.limit);
    GANTRY_TRY(session.find(mongo::kAudits, find, [&rows](const bson_t& document) -> Result<bool> {
      rows.push_back(to_audit_row(document));
      return true;
    }));
    return std::move(rows);
  });
}

Result<AuditHead> MongoIndex::audit_head(const RequestContext& ctx) {
  return impl_->read(ctx, [&](Session& session) -> Result<AuditHead> {
    Find find;
    find.filter = by_text("_id", ctx.tenant.view());
    GANTRY_LET(const auto tenant, session.find_one(mongo::kTenants, find));
    if (!tenant) return no_tenant();
    return AuditHead{static_cast<std::uint64_t>(mongo::number_of(*tenant->raw(), "audit_no")),
                     mongo::text_of(*tenant->raw(), "audit_hash")};
  });
}

}  // namespace gantry::index

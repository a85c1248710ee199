#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gantry/audit/record_query.hpp"
#include "gantry/audit/relay.hpp"
#include "gantry/audit/spool.hpp"
#include "gantry/audit/spool_check.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/http/router.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::server {

/// What the routes of the audit need; outlives the http::Server.
struct AuditAdmin {
  audit::Spool* spool = nullptr;  ///< null: none is kept
  audit::Relay* relay = nullptr;  ///< null: nothing is sent
  index::InstanceIndex& index;
  WorkerPool& disk_pool;
  WorkerPool& index_pool;
};

/// `/admin/audit` (accesses and refusals of this node), `/admin/audit/changes` (of all nodes, from the index),
/// `/admin/audit/changes/check`, `/admin/audit/status`.
[[nodiscard]] std::vector<http::Route> audit_routes(AuditAdmin& admin);

// The same for commands that work without a server.

/// Follows the chains of `tenants`, or of all: {"tenants":[{"tenant":…,"rows":N,"last":{"number":N,"hash":…},
/// "findings":[{"number":N,"what":…}…]}…]}
[[nodiscard]] Result<std::string> audit_check_json(index::InstanceIndex& index, const RequestContext& ctx,
                                                   std::vector<TenantId> tenants);
/// A page of ctx.tenant's changes: {"changes":[…],"next":N or null}, a change as to_json() has it.
[[nodiscard]] Result<std::string> changes_page(index::InstanceIndex& index, const RequestContext& ctx,
                                               const index::AuditQuery& query);
/// A row as one line of JSON, without a newline.
[[nodiscard]] std::string to_json(const TenantId& tenant, const index::AuditRow& row);

}  // namespace gantry::server

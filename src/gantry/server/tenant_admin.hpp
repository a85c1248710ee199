#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gantry/archive/tenant_removal.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/http/router.hpp"
#include "gantry/server/removal_stream.hpp"
#include "gantry/tenant/directory.hpp"

namespace gantry::server {

/// What operators do with tenants, as JSON on one line each, for the routes of the Unix socket and for commands that
/// open the index themselves. A tenant is
///   {"tenant":"a","state":"active","created":"2026-11-30T16:00:00Z","studies":1,"series":2,"instances":3,"bytes":4,
///    "changes":5,"quotas":{"bytes":0,"instances":0,"requests_per_s":0,"concurrent":0}}
/// where a quota of 0 is none. Blocking. kNotFound: there is no such tenant; kInvalid: an id that none can have.

/// All of them as {"tenants":[…]}, the deleted ones too.
[[nodiscard]] Result<std::string> tenant_list(index::InstanceIndex& index, const RequestContext& ctx);
[[nodiscard]] Result<std::string> tenant_usage(index::InstanceIndex& index, const RequestContext& ctx);
/// kConflict: it is there already.
[[nodiscard]] Result<std::string> tenant_create(index::InstanceIndex& index, const RequestContext& ctx,
                                                const tenant::TenantQuotas& quotas);
/// `fields` are "bytes=1000&concurrent=4", in any order: those that are not named stay. kInvalid: not so.
[[nodiscard]] Result<std::string> tenant_set_quotas(index::InstanceIndex& index, const RequestContext& ctx,
                                                    const std::string& fields);
/// kConflict: it is being deleted, or is deleted.
[[nodiscard]] Result<std::string> tenant_enable(index::InstanceIndex& index, const RequestContext& ctx, bool enabled);

/// The fields of tenant_set_quotas() over `quotas`.
[[nodiscard]] Result<tenant::TenantQuotas> read_quotas(const std::string& fields, tenant::TenantQuotas quotas = {});

/// What the routes need. Outlives the http::Server.
struct TenantAdmin {
  archive::TenantRemovalParts removal;
  WorkerPool& index_pool;
  tenant::TenantDirectory& directory;  ///< forgets what was changed

  std::mutex mutex{};
  std::vector<std::shared_ptr<RemovalStream>> running{};  ///< and some that are done
  bool draining = false;

  /// Ends running removals, which the next ones go on with.
  void drain();
};

/// GET `/admin/tenants`, GET and POST `/admin/tenants/{tenant}`, and POST of `/quotas`, `/enable`, `/disable` and
/// `/delete` below that: over the Unix socket alone (403), as a credential belongs to one tenant.
[[nodiscard]] std::vector<http::Route> tenant_routes(TenantAdmin& admin);

}  // namespace gantry::server

#pragma once

// API keys and share links, as an administrator makes, lists and revokes them: over the admin routes and, where no
// server runs, by the command line alone. Answers are one line of JSON. What is made or revoked is a row in the audit of
// its tenant (index/audit_log.hpp): what can't be recorded is not done.

#include <optional>
#include <string>
#include <vector>

#include "gantry/auth/api_keys.hpp"
#include "gantry/auth/shares.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/http/router.hpp"
#include "gantry/index/instance_index.hpp"

namespace gantry::server {

/// Texts as they were typed. Empty: not given.
struct ApiKeyRequest {
  std::string name;
  std::string tenant;
  std::string permissions;  ///< "read,write"
  std::string expires;      ///< "90d", "never"; not given: kKeyLifetime
};
inline constexpr const char* kKeyLifetime = "365d";

struct ShareRequest {
  std::string study;
  std::string tenant;
  std::string expires;  ///< "7d"; not given: kShareLifetime
};
inline constexpr const char* kShareLifetime = "7d";

/// {"id","name","tenant","permissions","created","expires","last_used","key"}: the one time that the key is told.
/// kInvalid says what is wrong with what was asked; kNotFound: there is no such tenant.
[[nodiscard]] Result<std::string> create_api_key(index::InstanceIndex& index, auth::ApiKeys& keys,
                                                 const RequestContext& ctx, const ApiKeyRequest& asked);
/// {"keys":[…]}, each as above but for the key. Without a tenant: of all.
[[nodiscard]] Result<std::string> list_api_keys(auth::ApiKeys& keys, const RequestContext& ctx,
                                                const std::optional<TenantId>& tenant);
/// {"revoked":ID}. kNotFound: there is none, or none of `tenant`.
[[nodiscard]] Result<std::string> revoke_api_key(index::InstanceIndex& index, auth::ApiKeys& keys,
                                                 const RequestContext& ctx, const std::string& id,
                                                 const std::optional<TenantId>& tenant);

/// {"id","tenant","study","created","expires","link"}: the one time that the link is told; it begins with `site`, a URL
/// without a slash at its end. kNotFound: the tenant has no such study.
[[nodiscard]] Result<std::string> create_share(index::InstanceIndex& index, auth::Shares& shares,
                                               const RequestContext& ctx, const ShareRequest& asked,
                                               const std::string& site);
/// {"shares":[…]}, each as above but for the link. Without a tenant: of all.
[[nodiscard]] Result<std::string> list_shares(auth::Shares& shares, const RequestContext& ctx,
                                              const std::optional<TenantId>& tenant);
/// {"revoked":ID}. kNotFound: there is none, or none of `tenant`.
[[nodiscard]] Result<std::string> revoke_share(index::InstanceIndex& index, auth::Shares& shares,
                                               const RequestContext& ctx, const std::string& id,
                                               const std::optional<TenantId>& tenant);

/// What runs keys and shares. Outlives the routes.
struct Credentials {
  index::InstanceIndex& index;
  WorkerPool& index_pool;
  std::string site;  ///< what links begin with: "https://pacs.example"
  auth::ApiKeys keys{index.records()};
  auth::Shares shares{index.records()};
};

/// GET and POST `/admin/apikeys` and `/admin/shares`, POST `…/{id}/revoke`; arguments stand in the query. Over the Unix
/// socket they reach all tenants; an administrator of one tenant reaches that one's.
[[nodiscard]] std::vector<http::Route> credential_routes(Credentials& credentials);

}  // namespace gantry::server

#include "gantry/server/identity_parts.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "gantry/auth/provider_fetch.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/cache/keys.hpp"

namespace gantry::server {
namespace {

/// One issuer's settings, with the name by which messages call them.
struct Source {
  const config::Settings& settings;
  const config::Settings::Issuer& issuer;
  std::string prefix;  ///< "auth." or "auth.issuers[0]."

  [[nodiscard]] Error wrong(const std::string& key, const std::string& what) const {
    const auto place = settings.sources.find(prefix + key);
    return Error::invalid(prefix + key + (place == settings.sources.end() ? "" : " (" + place->second + ")") + ": " + what);
  }
};

struct Plan {
  std::vector<auth::TokenPolicy> policies;
  auth::KeySourceSettings keys;
  auth::FetchSettings fetch;
};

Result<void> add_rules(const Source& from, const char* key, Permission permission, const std::vector<std::string>& rules,
                       auth::TokenPolicy& policy) {
  for (const auto& text : rules) {
    auto rule = auth::Rule::parse(permission, text);
    if (!rule) return from.wrong(key, rule.error().detail());
    policy.rules.push_back(*std::move(rule));
  }
  return {};
}

Result<auth::TokenPolicy> policy_of(const Source& from) {
  const auto& issuer = from.issuer;
  auth::TokenPolicy policy;
  policy.issuer = issuer.issuer;
  policy.audiences = issuer.audience;
  if (issuer.audience.empty()) {
    return from.wrong("audience", "needed with an issuer, or tokens for anybody else would open this server");
  }
  for (const auto& name : issuer.algorithms) {
    if (const auto algorithm = auth::parse_algorithm(name)) policy.algorithms.push_back(*algorithm);
  }
  if (policy.algorithms.empty()) return from.wrong("algorithms", "with none, every token is refused");
  if (issuer.tenant.empty() == issuer.tenant_claim.empty()) {
    return from.wrong(issuer.tenant.empty() ? "tenant_claim" : "tenant",
                      "expected one of tenant and tenant_claim, which says to which tenant a token belongs");
  }
  if (!issuer.tenant.empty()) {
    if (!is_valid_tenant(issuer.tenant)) return from.wrong("tenant", "expected 1 to 64 of a-z, 0-9 and -");
    policy.tenant = TenantId(issuer.tenant);
  } else {
    auto path = auth::ClaimPath::parse(issuer.tenant_claim);
    if (!path) return from.wrong("tenant_claim", path.error().detail());
    policy.tenant_claim = *std::move(path);
  }
  auto principal = auth::ClaimPath::parse(issuer.principal_claim);
  if (!principal) return from.wrong("principal_claim", principal.error().detail());
  policy.principal = *std::move(principal);
  GANTRY_TRY(add_rules(from, "read", Permission::kRead, issuer.read, policy));
  GANTRY_TRY(add_rules(from, "write", Permission::kWrite, issuer.write, policy));
  GANTRY_TRY(add_rules(from, "delete", Permission::kDelete, issuer.deletes, policy));
  GANTRY_TRY(add_rules(from, "admin", Permission::kAdmin, issuer.admin, policy));
  GANTRY_TRY(add_rules(from, "operate", Permission::kOperate, issuer.operate, policy));
  if (policy.rules.empty()) return from.wrong("read", "expected a rule here, in write, delete, admin or operate: nobody may do anything");
  return policy;
}

Result<void> add_issuer(const Source& from, std::vector<Plan>& plans) {
  const auto& issuer = from.issuer;
  const auto& auth = from.settings.auth;
  for (const auto& [key, url] : {std::pair("issuer", issuer.issuer), std::pair("discovery_url", issuer.discovery_url),
                                 std::pair("jwks_url", issuer.jwks_url)}) {
    if (url.empty()) continue;
    // An issuer whose documents are elsewhere may be called anything.
    if (std::string_view(key) == "issuer" && !(issuer.discovery_url.empty() && issuer.jwks_url.empty())) continue;
    const auto checked = auth::check_provider_url(url, issuer.http_on_loopback);
    if (!checked) return from.wrong(key, checked.error().detail());
  }
  GANTRY_LET(auto policy, policy_of(from));
  const auto same = std::find_if(plans.begin(), plans.end(),
                                 [&](const Plan& plan) { return plan.keys.issuer == issuer.issuer; });
  if (same != plans.end()) {
    // Another audience of an issuer that is there: it has one set of keys.
    if (same->keys.jwks_url != issuer.jwks_url || same->keys.discovery_url != issuer.discovery_url ||
        same->fetch.ca_file != issuer.ca_file || same->fetch.http_on_loopback != issuer.http_on_loopback) {
      return from.wrong("issuer", "it stands here twice with different discovery_url, jwks_url, ca_file or http_on_loopback");
    }
    same->policies.push_back(std::move(policy));
    return {};
  }
  Plan plan;
  plan.policies.push_back(std::move(policy));
  plan.keys.issuer = issuer.issuer;
  plan.keys.jwks_url = issuer.jwks_url;
  plan.keys.discovery_url = issuer.discovery_url;
  plan.keys.refresh = auth.keys_refresh;
  plan.keys.pause = auth.keys_pause;
  plan.keys.stale_life = auth.keys_stale;
  plan.keys.shared_life = auth.keys_shared_life;
  // The first issuer's key is the reference design's, so that its other programs find it (DESIGN §8).
  plan.keys.shared_key = cache::jwks_key(plans.empty() ? std::string() : uid_hash(issuer.issuer));
  plan.fetch.ca_file = issuer.ca_file;
  plan.fetch.http_on_loopback = issuer.http_on_loopback;
  plans.push_back(std::move(plan));
  return {};
}

Result<std::vector<Plan>> plans_of(const config::Settings& settings) {
  std::vector<Plan> plans;
  const auto& auth = settings.auth;
  const auto& main = auth.main;
  if (!main.issuer.empty()) {
    GANTRY_TRY(add_issuer({settings, main, "auth."}, plans));
  } else if (!main.audience.empty() || !main.read.empty() || !main.write.empty() || !main.deletes.empty() ||
             !main.admin.empty() || !main.jwks_url.empty() || !main.discovery_url.empty() || !main.tenant_claim.empty()) {
    // Half a configuration never means that nobody has to say who they are.
    return Source{settings, main, "auth."}.wrong("issuer", "[auth] has settings, but no issuer whose tokens they are about");
  }
  for (std::size_t i = 0; i < auth.issuers.size(); ++i) {
    const Source from{settings, auth.issuers[i], "auth.issuers[" + std::to_string(i) + "]."};
    if (auth.issuers[i].issuer.empty()) return from.wrong("issuer", "each of [[auth.issuers]] needs one");
    GANTRY_TRY(add_issuer(from, plans));
  }
  return plans;
}

}  // namespace

Result<void> check_auth(const config::Settings& settings) {
  GANTRY_TRY(plans_of(settings));
  return {};
}

Result<std::unique_ptr<auth::TokenAuthority>> open_authority(const config::Settings& settings,
                                                             cache::SharedCache* shared, auth::KeySource::Report report) {
  GANTRY_LET(auto plans, plans_of(settings));
  if (plans.empty()) return std::unique_ptr<auth::TokenAuthority>();
  std::vector<auth::TokenAuthority::Issuer> issuers;
  for (auto& plan : plans) {
    auth::TokenAuthority::Issuer issuer;
    issuer.policies = std::move(plan.policies);
    auto fetch = [how = std::move(plan.fetch)](const std::string& url, const std::atomic<bool>& stop) {
      return auth::fetch_from_provider(url, how, stop);
    };
    issuer.keys = std::make_unique<auth::KeySource>(std::move(plan.keys), std::move(fetch),
                                                    settings.auth.share_keys ? shared : nullptr, report);
    issuers.push_back(std::move(issuer));
  }
  return std::make_unique<auth::TokenAuthority>(std::move(issuers), settings.auth.remembered_tokens);
}

}  // namespace gantry::server

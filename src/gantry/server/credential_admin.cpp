#include "gantry/server/credential_admin.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/config/values.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/server/admin_answer.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;

constexpr std::chrono::seconds kAdminMost{30};

RequestContext within(RequestContext ctx) {
  ctx.deadline = std::min(ctx.deadline, Clock::now() + kAdminMost);
  return ctx;
}

Result<TenantId> tenant_named(const std::string& name) {
  TenantId tenant(name.empty() ? kDefaultTenant : name);
  if (!is_valid_tenant(tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  return tenant;
}

Result<std::chrono::seconds> lifetime_of(const std::string& text) {
  const auto time = config::parse_duration(text);
  if (!time) return Error::invalid("expires takes a time such as 12h, 7d or 90d, not \"" + as_utf8(text) + "\"");
  return std::chrono::floor<std::chrono::seconds>(*time);
}

Result<PermissionSet> permissions_of(std::string_view words) {
  PermissionSet all;
  while (!words.empty()) {
    const auto cut = words.find(',');
    const auto permission = auth::permission_named(words.substr(0, cut));
    if (!permission) {
      return Error::invalid("permissions are read, write, delete, admin and operate, not \"" +
                            as_utf8(words.substr(0, cut)) + "\"");
    }
    all.add(*permission);
    words.remove_prefix(cut == std::string_view::npos ? words.size() : cut + 1);
  }
  return all;
}

std::string or_null(const std::optional<index::Timestamp>& time) { return time ? json_time(*time) : "null"; }

/// Without the brace at its end.
std::string members_of(const auth::ApiKey& key) {
  std::string permissions;
  for (const std::string& name : auth::names_of(key.permissions)) {
    permissions += (permissions.empty() ? "\"" : ",\"") + name + "\"";
  }
  return "{\"id\":" + json_string(key.id) + ",\"name\":" + json_string(key.name) +
         ",\"tenant\":" + json_string(key.tenant.view()) + ",\"permissions\":[" + permissions +
         "],\"created\":" + json_time(key.created) + ",\"expires\":" + or_null(key.expires) +
         ",\"last_used\":" + or_null(key.last_used);
}

std::string members_of(const auth::Share& share) {
  return "{\"id\":" + json_string(share.id) + ",\"tenant\":" + json_string(share.tenant.view()) +
         ",\"study\":" + json_string(share.study.view()) + ",\"created\":" + json_time(share.created) +
         ",\"expires\":" + json_time(share.expires);
}

template <class All>
std::string list_of(const char* name, const All& all) {
  std::string text = std::string("{\"") + name + "\":[";
  for (const auto& one : all) text += (text.back() == '[' ? "" : ",") + members_of(one) + "}";
  return text + "]}";
}

std::string permissions_text(const auth::ApiKey& key) {
  std::string text;
  for (const std::string& name : auth::names_of(key.permissions)) text += (text.empty() ? "" : ",") + name;
  return text;
}

index::AuditEntry entry_of(const RequestContext& ctx, const auth::ApiKey& key, const char* what) {
  index::AuditEntry entry;
  entry.action = std::string("apikey.") + what;
  entry.actor = index::actor_of(ctx);
  entry.detail = "apikey:" + key.id + " (" + key.name + ") " + permissions_text(key);
  return entry;
}

index::AuditEntry entry_of(const RequestContext& ctx, const auth::Share& share, const char* what) {
  index::AuditEntry entry;
  entry.action = std::string("share.") + what;
  entry.actor = index::actor_of(ctx);
  entry.study = share.study;
  entry.detail = "share:" + share.id + " until " + json_time(share.expires).substr(1, 20);
  return entry;
}

template <class Made>
Result<void> record(index::InstanceIndex& index, RequestContext ctx, const Made& of, const char* what) {
  ctx.tenant = of.tenant;
  GANTRY_LET(const auto number, index.audit_log().add_audit(ctx, entry_of(ctx, of, what)));
  (void)number;
  return {};
}

/// Puts on record what was made. What can't be is taken back: nobody was told its secret yet.
template <class Service, class Made>
Result<void> record_made(index::InstanceIndex& index, Service& service, const RequestContext& ctx, const Made& made) {
  const auto recorded = record(index, ctx, made, "created");
  if (recorded) return {};
  const auto back = service.revoke(ctx, made.id);
  if (!back) return back.error();
  if (recorded.error().kind() == ErrorKind::kNotFound) {
    return Error::not_found("there is no tenant " + made.tenant.str());
  }
  return recorded.error();
}

/// Revokes the one with this id among `all`. On record first: who is told that it failed asks again.
template <class Service, class All>
Result<std::string> revoke(index::InstanceIndex& index, Service& service, const RequestContext& ctx, const All& all,
                           const std::string& id, const char* what) {
  const auto none = [&] { return Error::not_found(std::string("there is no ") + what + " " + as_utf8(id)); };
  const auto found = std::find_if(all.begin(), all.end(), [&id](const auto& one) { return one.id == id; });
  if (found == all.end()) return none();
  // A tenant whose row is gone has no audit to write to; its keys must go all the same.
  const auto recorded = record(index, ctx, *found, "revoked");
  if (!recorded && recorded.error().kind() != ErrorKind::kNotFound) return recorded.error();
  GANTRY_LET(const bool there, service.revoke(ctx, id));
  if (!there) return none();
  return "{\"revoked\":" + json_string(id) + "}";
}

}  // namespace

Result<std::string> create_api_key(index::InstanceIndex& index, auth::ApiKeys& keys, const RequestContext& ctx,
                                   const ApiKeyRequest& asked) {
  auth::ApiKeys::New made;
  made.name = asked.name;
  GANTRY_LET(made.tenant, tenant_named(asked.tenant));
  GANTRY_LET(made.permissions, permissions_of(asked.permissions));
  if (asked.expires != "never") {
    GANTRY_LET(made.lifetime, lifetime_of(asked.expires.empty() ? kKeyLifetime : asked.expires));
  }
  GANTRY_LET(const auto key, keys.create(within(ctx), made));
  GANTRY_TRY(record_made(index, keys, within(ctx), key.key));
  return members_of(key.key) + ",\"key\":" + json_string(key.text) + "}";
}

Result<std::string> list_api_keys(auth::ApiKeys& keys, const RequestContext& ctx,
                                  const std::optional<TenantId>& tenant) {
  GANTRY_LET(const auto all, keys.list(within(ctx), tenant));
  return list_of("keys", all);
}

Result<std::string> revoke_api_key(index::InstanceIndex& index, auth::ApiKeys& keys, const RequestContext& ctx,
                                   const std::string& id, const std::optional<TenantId>& tenant) {
  GANTRY_LET(const auto all, keys.list(within(ctx), tenant));
  return revoke(index, keys, within(ctx), all, id, "API key");
}

Result<std::string> create_share(index::InstanceIndex& index, auth::Shares& shares, const RequestContext& ctx,
                                 const ShareRequest& asked, const std::string& site) {
  RequestContext of_tenant = within(ctx);
  GANTRY_LET(of_tenant.tenant, tenant_named(asked.tenant));
  if (!is_valid_uid(asked.study)) return Error::invalid("a Study Instance UID is 1 to 64 digits and dots");
  GANTRY_LET(const auto lifetime, lifetime_of(asked.expires.empty() ? kShareLifetime : asked.expires));
  GANTRY_LET(const auto version, index.version_of(of_tenant, StudyUid(asked.study), std::nullopt));
  if (!version) {
    return Error::not_found("tenant " + of_tenant.tenant.str() + " has no study " + asked.study);
  }
  GANTRY_LET(const auto made, shares.create(of_tenant, StudyUid(asked.study), lifetime));
  GANTRY_TRY(record_made(index, shares, of_tenant, made.share));
  return members_of(made.share) + ",\"link\":" + json_string(site + "/share/" + made.token) + "}";
}

Result<std::string> list_shares(auth::Shares& shares, const RequestContext& ctx,
                                const std::optional<TenantId>& tenant) {
  GANTRY_LET(const auto all, shares.list(within(ctx), tenant));
  return list_of("shares", all);
}

Result<std::string> revoke_share(index::InstanceIndex& index, auth::Shares& shares, const RequestContext& ctx,
                                 const std::string& id, const std::optional<TenantId>& tenant) {
  GANTRY_LET(const auto all, shares.list(within(ctx), tenant));
  return revoke(index, shares, within(ctx), all, id, "share");
}

namespace {

/// The query's arguments into the texts of these names; kInvalid for another name.
Result<void> take_arguments(const std::string& query,
                            std::initializer_list<std::pair<std::string_view, std::string*>> places) {
  GANTRY_LET(auto pairs, http::parse_query(query));
  for (auto& [name, value] : pairs) {
    const auto* const place = std::find_if(places.begin(), places.end(), [&](const auto& p) { return p.first == name; });
    if (place == places.end()) return Error::invalid("this takes no argument " + as_utf8(name));
    *place->second = std::move(value);
  }
  return {};
}

/// What the asker may reach: whoever opens the Unix socket all tenants, others their own.
bool reaches_all(const Request& request) { return request.remote_address == "unix"; }

Result<void> expect_reach(const Request& request, const std::string& tenant) {
  if (reaches_all(request) || tenant.empty() || tenant == request.context.tenant.view()) return {};
  return Error::denied("this server has no such tenant for you");
}

/// The tenant that a list or a revocation is about.
Result<std::optional<TenantId>> scope_of(const Request& request, const std::string& tenant) {
  GANTRY_TRY(expect_reach(request, tenant));
  if (!tenant.empty()) return std::optional(TenantId(tenant));
  return reaches_all(request) ? std::optional<TenantId>() : std::optional(request.context.tenant);
}

Result<ApiKeyRequest> key_asked(const Request& request) {
  ApiKeyRequest asked;
  GANTRY_TRY(take_arguments(request.query, {{"name", &asked.name},
                                            {"tenant", &asked.tenant},
                                            {"permissions", &asked.permissions},
                                            {"expires", &asked.expires}}));
  GANTRY_TRY(expect_reach(request, asked.tenant));
  if (asked.tenant.empty() && !reaches_all(request)) asked.tenant = request.context.tenant.str();
  // Nobody gives to a key what reaches beyond their own tenant.
  GANTRY_LET(const PermissionSet given, permissions_of(asked.permissions));
  if (given.has(Permission::kOperate) && !reaches_all(request)) {
    return Error::denied("keys that operate the node are made on the node itself: gantry apikey create");
  }
  return asked;
}

Result<ShareRequest> share_asked(const Request& request) {
  ShareRequest asked;
  GANTRY_TRY(take_arguments(request.query,
                            {{"study", &asked.study}, {"tenant", &asked.tenant}, {"expires", &asked.expires}}));
  GANTRY_TRY(expect_reach(request, asked.tenant));
  if (asked.tenant.empty() && !reaches_all(request)) asked.tenant = request.context.tenant.str();
  return asked;
}

Result<std::optional<TenantId>> scope_asked(const Request& request) {
  std::string tenant;
  GANTRY_TRY(take_arguments(request.query, {{"tenant", &tenant}}));
  return scope_of(request, tenant);
}

Task<Response> create_key(Credentials& here, Request& request) {
  auto asked = key_asked(request);
  if (!asked) co_return http::problem(asked.error());
  auto work = [&here, ctx = request.context, what = *std::move(asked)] { return create_api_key(here.index, here.keys, ctx, what); };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

Task<Response> list_keys(Credentials& here, Request& request) {
  const auto scope = scope_asked(request);
  if (!scope) co_return http::problem(scope.error());
  auto work = [&here, ctx = request.context, of = *scope] { return list_api_keys(here.keys, ctx, of); };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

Task<Response> revoke_key(Credentials& here, Request& request) {
  const auto scope = scope_asked(request);
  if (!scope) co_return http::problem(scope.error());
  auto work = [&here, ctx = request.context, of = *scope, id = request.parameter("id")] {
    return revoke_api_key(here.index, here.keys, ctx, id, of);
  };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

Task<Response> create_link(Credentials& here, Request& request) {
  auto asked = share_asked(request);
  if (!asked) co_return http::problem(asked.error());
  auto work = [&here, ctx = request.context, what = *std::move(asked)] {
    return create_share(here.index, here.shares, ctx, what, here.site);
  };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

Task<Response> list_links(Credentials& here, Request& request) {
  const auto scope = scope_asked(request);
  if (!scope) co_return http::problem(scope.error());
  auto work = [&here, ctx = request.context, of = *scope] { return list_shares(here.shares, ctx, of); };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

Task<Response> revoke_link(Credentials& here, Request& request) {
  const auto scope = scope_asked(request);
  if (!scope) co_return http::problem(scope.error());
  auto work = [&here, ctx = request.context, of = *scope, id = request.parameter("id")] {
    return revoke_share(here.index, here.shares, ctx, id, of);
  };
  co_return json_answer(co_await run_on(here.index_pool, std::move(work)));
}

}  // namespace

std::vector<http::Route> credential_routes(Credentials& credentials) {
  using http::Method;
  constexpr auto kAdmin = http::Permission::kAdmin;
  const auto with = [&credentials](Task<Response> (*handler)(Credentials&, Request&)) {
    return [&credentials, handler](Request& request) { return handler(credentials, request); };
  };
  return {{Method::kGet, "/admin/apikeys", kAdmin, "API keys, without their secrets.", with(&list_keys)},
          {Method::kPost, "/admin/apikeys", kAdmin, "Makes an API key.", with(&create_key)},
          {Method::kPost, "/admin/apikeys/{id}/revoke", kAdmin, "Ends an API key.", with(&revoke_key)},
          {Method::kGet, "/admin/shares", kAdmin, "Share links, without their tokens.", with(&list_links)},
          {Method::kPost, "/admin/shares", kAdmin, "Makes a link that opens one study.", with(&create_link)},
          {Method::kPost, "/admin/shares/{id}/revoke", kAdmin, "Ends a share link.", with(&revoke_link)}};
}

}  // namespace gantry::server

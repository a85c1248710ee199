#include "gantry/server/tenant_admin.hpp"

#include <charconv>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/server/admin_answer.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;
using tenant::TenantQuotas;
using tenant::TenantState;

constexpr std::size_t kPage = 1000;

std::string entry_text(const index::TenantEntry& entry) {
  const index::TenantTotals& has = entry.totals;
  const TenantQuotas& may = entry.info.quotas;
  return "{\"tenant\":" + json_string(entry.info.id.view()) +
         ",\"state\":" + json_string(tenant::to_string(entry.info.state)) + ",\"created\":" + json_time(entry.created) +
         ",\"studies\":" + std::to_string(has.studies) + ",\"series\":" + std::to_string(has.series) +
         ",\"instances\":" + std::to_string(has.instances) + ",\"bytes\":" + std::to_string(has.bytes) +
         ",\"changes\":" + std::to_string(has.change_no) + ",\"quotas\":{\"bytes\":" + std::to_string(may.bytes) +
         ",\"instances\":" + std::to_string(may.instances) +
         ",\"requests_per_s\":" + std::to_string(may.requests_per_s) +
         ",\"concurrent\":" + std::to_string(may.concurrent) + "}}";
}

Result<void> check_id(const RequestContext& ctx) {
  if (is_valid_tenant(ctx.tenant.view())) return {};
  return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
}

Result<index::TenantEntry> entry_of(index::InstanceIndex& index, const RequestContext& ctx) {
  GANTRY_TRY(check_id(ctx));
  GANTRY_LET(auto entry, index.find_tenant(ctx));
  if (!entry) return Error::not_found("there is no tenant " + ctx.tenant.str());
  return *std::move(entry);
}

/// In the tenant's audit trail.
Result<void> record(index::InstanceIndex& index, const RequestContext& ctx, const char* action,
                    std::string detail = "") {
  index::AuditEntry entry;
  entry.action = action;
  entry.actor = index::actor_of(ctx);
  entry.detail = std::move(detail);
  GANTRY_LET(const std::uint64_t number, index.audit_log().add_audit(ctx, entry));
  (void)number;
  return {};
}

std::string quotas_text(const TenantQuotas& quotas) {
  return "bytes " + std::to_string(quotas.bytes) + ", instances " + std::to_string(quotas.instances) +
         ", requests_per_s " + std::to_string(quotas.requests_per_s) + ", concurrent " +
         std::to_string(quotas.concurrent);
}

/// One that is deleted, or on its way there, is changed by nothing but create and delete.
Result<index::TenantEntry> living(index::InstanceIndex& index, const RequestContext& ctx) {
  GANTRY_LET(auto entry, entry_of(index, ctx));
  if (entry.info.state == TenantState::kDeleting) {
    return Error::conflict("tenant " + ctx.tenant.str() +
                           " is being deleted; `gantry tenant delete` goes on with that");
  }
  if (entry.info.state == TenantState::kDeleted) {
    return Error::conflict("tenant " + ctx.tenant.str() + " is deleted; `gantry tenant create` makes it anew");
  }
  return entry;
}

/// The context of whoever asks, for the tenant in the path.
RequestContext about(const Request& request) {
  RequestContext ctx = request.context;
  ctx.tenant = TenantId(request.parameter("tenant"));
  return ctx;
}

/// Runs `work(index, ctx)` on a worker; what it changed is forgotten here at once, and elsewhere within a second.
template <class Work>
Task<Response> change(TenantAdmin& admin, Request& request, Work work) {
  auto job = [&admin, ctx = about(request), work = std::move(work)] {
    auto text = work(admin.removal.index, ctx);
    admin.directory.forget(ctx.tenant);
    return text;
  };
  co_return json_answer(co_await run_on(admin.index_pool, std::move(job)));
}

Task<Response> refuse_network(Request&) {
  co_return http::problem(Error::denied("tenants are made and deleted over the Unix socket in the data folder"));
}

/// A credential belongs to one tenant, whatever it permits there; all tenants are the operator's.
http::Handler over_the_socket(http::Handler handler) {
  return [handler = std::move(handler)](Request& request) {
    return request.remote_address == "unix" ? handler(request) : refuse_network(request);
  };
}

Task<Response> list_route(TenantAdmin& admin, Request& request) {
  auto job = [&admin, ctx = request.context] { return tenant_list(admin.removal.index, ctx); };
  co_return json_answer(co_await run_on(admin.index_pool, std::move(job)));
}

Task<Response> usage_route(TenantAdmin& admin, Request& request) {
  auto job = [&admin, ctx = about(request)] { return tenant_usage(admin.removal.index, ctx); };
  co_return json_answer(co_await run_on(admin.index_pool, std::move(job)));
}

Task<Response> create_route(TenantAdmin& admin, Request& request) {
  const auto quotas = read_quotas(request.query);
  if (!quotas) co_return http::problem(quotas.error());
  auto work = [given = *quotas](index::InstanceIndex& index, const RequestContext& ctx) {
    return tenant_create(index, ctx, given);
  };
  co_return co_await change(admin, request, std::move(work));
}

Task<Response> quotas_route(TenantAdmin& admin, Request& request) {
  auto work = [fields = request.query](index::InstanceIndex& index, const RequestContext& ctx) {
    return tenant_set_quotas(index, ctx, fields);
  };
  co_return co_await change(admin, request, std::move(work));
}

Task<Response> enable_route(TenantAdmin& admin, Request& request, bool enabled) {
  auto work = [enabled](index::InstanceIndex& index, const RequestContext& ctx) {
    return tenant_enable(index, ctx, enabled);
  };
  co_return co_await change(admin, request, std::move(work));
}

/// What the answer reads. Whoever stops reading stops the removal, and does not wait for its present step to end.
class RemovalLines final : public ByteStream {
 public:
  explicit RemovalLines(std::shared_ptr<RemovalStream> stream) : stream_(std::move(stream)) {}
  ~RemovalLines() override { stream_->stop(); }
  Result<std::size_t> read(std::span<std::byte> into) override { return stream_->read(into); }

 private:
  const std::shared_ptr<RemovalStream> stream_;
};

Task<Response> delete_route(TenantAdmin& admin, Request& request) {
  RequestContext ctx = about(request);
  auto look = [&admin, ctx]() -> Result<std::string> {
    GANTRY_LET(const auto entry, entry_of(admin.removal.index, ctx));
    if (entry.info.state == TenantState::kDeleted) {
      return Error::not_found("tenant " + ctx.tenant.str() + " is deleted already");
    }
    return std::string();
  };
  const auto there = co_await run_on(admin.index_pool, std::move(look));
  if (!there) co_return http::problem(there.error());
  ctx.deadline = Deadline::max();
  archive::TenantRemovalParts parts = admin.removal;
  std::shared_ptr<RemovalStream> stream;
  {
    const std::scoped_lock lock(admin.mutex);
    if (admin.draining) co_return http::problem(503, "the server is stopping");
    stream = std::make_shared<RemovalStream>(ctx, std::move(parts),
                                             [&admin, tenant = ctx.tenant] { admin.directory.forget(tenant); });
    std::erase_if(admin.running, [](const auto& each) { return each->is_done(); });
    admin.running.push_back(stream);
  }
  Response response;
  response.headers.set("Content-Type", "application/x-ndjson");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Cache-Control", "no-store");
  response.body.add(http::Produced{std::make_shared<RemovalLines>(std::move(stream)), std::nullopt});
  co_return response;
}

}  // namespace

Result<TenantQuotas> read_quotas(const std::string& fields, TenantQuotas quotas) {
  GANTRY_LET(const auto pairs, http::parse_query(fields));
  for (const auto& [name, value] : pairs) {
    std::uint64_t* const into = name == "bytes"            ? &quotas.bytes
                                : name == "instances"      ? &quotas.instances
                                : name == "requests_per_s" ? &quotas.requests_per_s
                                : name == "concurrent"     ? &quotas.concurrent
                                                           : nullptr;
    if (into == nullptr)
      return Error::invalid("a quota is bytes, instances, requests_per_s or concurrent, not " + name);
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *into);
    // The index keeps signed numbers.
    if (error != std::errc() || end != value.data() + value.size() || *into > std::uint64_t{INT64_MAX}) {
      return Error::invalid("the quota " + name + " takes a number; 0 is no limit");
    }
  }
  return quotas;
}

Result<std::string> tenant_list(index::InstanceIndex& index, const RequestContext& ctx) {
  std::string text = "{\"tenants\":[";
  TenantId after;
  for (;;) {
    GANTRY_LET(const auto page, index.list_tenants(ctx, after, kPage));
    for (const index::TenantEntry& entry : page) text += (text.ends_with('[') ? "" : ",") + entry_text(entry);
    if (page.size() < kPage) return text + "]}";
    after = page.back().info.id;
  }
}

Result<std::string> tenant_usage(index::InstanceIndex& index, const RequestContext& ctx) {
  GANTRY_LET(const auto entry, entry_of(index, ctx));
  return entry_text(entry);
}

Result<std::string> tenant_create(index::InstanceIndex& index, const RequestContext& ctx, const TenantQuotas& quotas) {
  GANTRY_TRY(check_id(ctx));
  GANTRY_LET(const auto there, index.find_tenant(ctx));
  if (there && there->info.state == TenantState::kDeleting) return living(index, ctx).error();
  if (there && there->info.state != TenantState::kDeleted) {
    return Error::conflict("there is a tenant " + ctx.tenant.str() + " already");
  }
  GANTRY_TRY(index.ensure_tenant(ctx));
  if (quotas != TenantQuotas()) GANTRY_TRY(index.set_quotas(ctx, quotas));
  GANTRY_TRY(record(index, ctx, "tenant.created", quotas_text(quotas)));
  return tenant_usage(index, ctx);
}

Result<std::string> tenant_set_quotas(index::InstanceIndex& index, const RequestContext& ctx,
                                      const std::string& fields) {
  GANTRY_LET(const auto entry, living(index, ctx));
  GANTRY_LET(const TenantQuotas quotas, read_quotas(fields, entry.info.quotas));
  GANTRY_TRY(index.set_quotas(ctx, quotas));
  GANTRY_TRY(record(index, ctx, "tenant.quotas", quotas_text(quotas)));
  return tenant_usage(index, ctx);
}

Result<std::string> tenant_enable(index::InstanceIndex& index, const RequestContext& ctx, bool enabled) {
  GANTRY_LET(const auto entry, living(index, ctx));
  const TenantState to = enabled ? TenantState::kActive : TenantState::kDisabled;
  if (entry.info.state == to) return entry_text(entry);
  GANTRY_TRY(index.change_tenant_state(ctx, entry.info.state, to));
  GANTRY_TRY(record(index, ctx, enabled ? "tenant.enabled" : "tenant.disabled"));
  return tenant_usage(index, ctx);
}

void TenantAdmin::drain() {
  const std::scoped_lock lock(mutex);
  draining = true;
  for (const auto& stream : running) stream->stop();
}

std::vector<http::Route> tenant_routes(TenantAdmin& admin) {
  using http::Method;
  using http::Permission;
  const auto with = [&admin](Task<Response> (*handler)(TenantAdmin&, Request&)) {
    return [&admin, handler](Request& request) { return handler(admin, request); };
  };
  const auto enable = [&admin](bool enabled) {
    return [&admin, enabled](Request& request) { return enable_route(admin, request, enabled); };
  };
  const std::string one = "/admin/tenants/{tenant}";
  std::vector<http::Route> routes{
      {Method::kGet, "/admin/tenants", Permission::kOperate, "Lists the tenants.", with(&list_route)},
      {Method::kGet, one, Permission::kOperate, "What a tenant has and may have.", with(&usage_route)},
      {Method::kPost, one, Permission::kOperate, "Makes a tenant.", with(&create_route)},
      {Method::kPost, one + "/quotas", Permission::kOperate, "Changes a tenant's quotas.", with(&quotas_route)},
      {Method::kPost, one + "/enable", Permission::kOperate, "Answers a tenant's requests again.", enable(true)},
      {Method::kPost, one + "/disable", Permission::kOperate, "Refuses a tenant's requests.", enable(false)},
      {Method::kPost, one + "/delete", Permission::kOperate, "Deletes a tenant with all of its data.",
       with(&delete_route)},
  };
  for (http::Route& route : routes) route.handler = over_the_socket(std::move(route.handler));
  return routes;
}

}  // namespace gantry::server

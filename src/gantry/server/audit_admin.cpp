#include "gantry/server/audit_admin.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/table_store.hpp"
#include "gantry/server/admin_answer.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kLimitDefault = 100, kLimitMost = 1000;
/// Of a spool's files for one answer: a second or so. The next page goes on from there.
constexpr std::uint64_t kReadMost = 256ULL << 20;
constexpr std::chrono::minutes kCheckMost{60};

Result<std::uint64_t> number_from(const std::string& name, const std::string& value, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number > most)
    return Error::invalid(name + " takes a number up to " + std::to_string(most));
  return number;
}

/// "2026-11-30T16:00:00Z", or a beginning of it from the day on.
bool is_time(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.dddddd";
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.size() < 10 || text.size() > kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return false;
  }
  return true;
}

index::Timestamp timestamp_from(const std::string& text) {
  const auto number = [&text](std::size_t at, std::size_t size, int otherwise) {
    int value = otherwise;
    if (text.size() >= at + size) std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  const auto day = std::chrono::year(number(0, 4, 1970)) / std::chrono::month(static_cast<unsigned>(number(5, 2, 1))) /
                   std::chrono::day(static_cast<unsigned>(number(8, 2, 1)));
  return index::Timestamp(std::chrono::sys_days(day) + std::chrono::hours(number(11, 2, 0)) +
                          std::chrono::minutes(number(14, 2, 0)) + std::chrono::seconds(number(17, 2, 0)) +
                          std::chrono::microseconds(number(20, 6, 0)));
}

struct Asked {
  audit::RecordQuery records;
  index::AuditQuery changes;
  std::size_t limit = kLimitDefault;
};

/// Keys of both resources; `changes` says which may be there.
Result<Asked> asked_of(const std::string& query, bool changes) {
  Asked asked;
  GANTRY_LET(auto pairs, http::parse_query(query));
  for (auto& [name, value] : pairs) {
    if (name == "limit") {
      GANTRY_LET(const std::uint64_t limit, number_from(name, value, kLimitMost));
      asked.limit = std::max<std::uint64_t>(limit, 1);
    } else if (name == "after") {
      GANTRY_LET(asked.records.after, number_from(name, value, INT64_MAX));
      asked.changes.after = asked.records.after;
    } else if (name == "since" || name == "until") {
      if (!is_time(value))
        return Error::invalid(name + " takes a time in UTC, such as 2026-11-30 or 2026-11-30T16:00:00Z");
      (name == "since" ? asked.changes.since : asked.changes.until) = timestamp_from(value);
      if (value.ends_with('Z')) value.pop_back();
      (name == "since" ? asked.records.since : asked.records.until) = std::move(value);
    } else if (name == "study") {
      if (!is_valid_uid(value)) return Error::invalid("study takes a Study Instance UID");
      asked.changes.study = StudyUid(value);
      asked.records.study = std::move(value);
    } else if (name == "user") {
      asked.changes.principal = value;
      asked.records.user = std::move(value);
    } else if (name == "tenant") {
      if (!is_valid_tenant(value)) return Error::invalid("tenant takes a tenant's id");
      asked.records.tenant = std::move(value);
    } else if (changes && name == "action") {
      asked.changes.action = std::move(value);
    } else if (!changes && name == "operation") {
      asked.records.operation = std::move(value);
    } else if (!changes && name == "outcome") {
      asked.records.outcome = std::move(value);
    } else if (!changes && name == "request") {
      asked.records.request_id = std::move(value);
    } else {
      return Error::invalid(std::string("the audit takes since, until, user, tenant, study, ") +
                            (changes ? "action" : "operation, outcome, request") + ", limit and after, not " + name);
    }
  }
  return asked;
}

/// Whoever administers one tenant sees that tenant's; the operator, who comes by the Unix socket, sees all.
Result<void> narrow(const Request& request, Asked& asked) {
  if (request.remote_address == "unix") return {};
  const std::string& own = request.context.tenant.str();
  if (!asked.records.tenant.empty() && asked.records.tenant != own)
    return Error::denied("this server has no such tenant for you");
  asked.records.tenant = own;
  return {};
}

Result<std::string> records_page(const std::filesystem::path& folder, Asked asked) {
  asked.records.bytes_most = kReadMost;
  std::string json = "{\"records\":[";
  std::size_t count = 0;
  GANTRY_LET(const auto read,
             audit::for_records(folder, asked.records, [&](const audit::Record& record, std::uint64_t) {
               json.append(count == 0 ? "" : ",\n").append(audit::to_json(record));
               return ++count < asked.limit;
             }));
  json += "],\"next\":";
  return json + (read.all ? "null" : std::to_string(read.through)) + "}";
}

Task<Response> records_route(AuditAdmin& admin, Request& request) {
  auto asked = asked_of(request.query, false);
  if (!asked) co_return http::problem(asked.error());
  if (const auto allowed = narrow(request, *asked); !allowed) co_return http::problem(allowed.error());
  if (admin.spool == nullptr) co_return http::problem(404, "no audit is kept: audit.enabled is false");
  auto read = [spool = admin.spool, what = *std::move(asked)] {
    spool->write_late();
    return records_page(spool->folder(), what);
  };
  co_return json_answer(co_await run_on(admin.disk_pool, std::move(read)));
}

Task<Response> changes_route(AuditAdmin& admin, Request& request) {
  auto asked = asked_of(request.query, true);
  if (!asked) co_return http::problem(asked.error());
  if (const auto allowed = narrow(request, *asked); !allowed) co_return http::problem(allowed.error());
  RequestContext ctx = request.context;
  if (!asked->records.tenant.empty()) ctx.tenant = TenantId(asked->records.tenant);
  auto read = [&admin, ctx = std::move(ctx), what = *std::move(asked)] {
    index::AuditQuery query = what.changes;
    query.limit = what.limit;
    return changes_page(admin.index, ctx, query);
  };
  co_return json_answer(co_await run_on(admin.index_pool, std::move(read)));
}

Task<Response> check_route(AuditAdmin& admin, Request& request) {
  auto asked = asked_of(request.query, true);
  if (!asked) co_return http::problem(asked.error());
  if (const auto allowed = narrow(request, *asked); !allowed) co_return http::problem(allowed.error());
  RequestContext ctx = request.context;
  ctx.deadline = std::min(ctx.deadline, Clock::now() + kCheckMost);
  std::vector<TenantId> tenants;
  if (!asked->records.tenant.empty()) tenants.emplace_back(asked->records.tenant);
  auto check = [&admin, ctx = std::move(ctx), tenants = std::move(tenants)] {
    return audit_check_json(admin.index, ctx, tenants);
  };
  co_return json_answer(co_await run_on(admin.index_pool, std::move(check)));
}

std::string status_json(const AuditAdmin& admin) {
  if (admin.spool == nullptr) return "{\"enabled\":false}";
  admin.spool->write_late();
  const auto spool = admin.spool->status();
  std::string json = "{\"enabled\":true,\"folder\":" + json_string(admin.spool->folder().string()) +
                     ",\"last\":{\"n\":" + std::to_string(spool.n) + ",\"hash\":\"" + to_hex(spool.hash) +
                     "\"},\"synced_n\":" + std::to_string(spool.synced_n) +
                     ",\"file\":" + std::to_string(spool.serial) + ",\"failures\":" + std::to_string(spool.failures) +
                     ",\"trouble\":" + json_string(spool.trouble);
  if (admin.relay == nullptr) return json + ",\"relay\":null}";
  const auto relay = admin.relay->status();
  return json + ",\"relay\":{\"messages\":" + std::to_string(relay.messages) +
         ",\"through\":" + std::to_string(relay.through) + ",\"failures\":" + std::to_string(relay.failures) +
         ",\"dropped\":" + std::to_string(relay.dropped) + ",\"trouble\":" + json_string(relay.trouble) + "}}";
}

Task<Response> status_route(AuditAdmin& admin, Request&) { co_return json_answer(status_json(admin)); }

}  // namespace

std::string to_json(const TenantId& tenant, const index::AuditRow& row) {
  std::string json = "{\"tenant\":" + json_string(tenant.view()) + ",\"number\":" + std::to_string(row.number) +
                     ",\"time\":\"" + audit::time_text(row.time) + "\",\"action\":" + json_string(row.entry.action);
  const auto add = [&json](const char* name, std::string_view value) {
    if (!value.empty()) json.append(",\"").append(name).append("\":").append(json_string(value));
  };
  add("user", row.entry.actor.principal);
  add("address", row.entry.actor.address);
  add("request", row.entry.actor.request_id);
  add("study", row.entry.study.view());
  add("series", row.entry.series.view());
  add("instance", row.entry.sop.view());
  if (row.entry.version != 0) json += ",\"version\":" + std::to_string(row.entry.version);
  add("detail", row.entry.detail);
  add("hash", row.hash);
  return json + "}";
}

namespace {

Result<std::string> check_of_tenant(index::InstanceIndex& index, const RequestContext& ctx) {
  GANTRY_LET(const index::AuditCheck check, index::check_audit(index.audit_log(), ctx));
  std::string json = "{\"tenant\":" + json_string(ctx.tenant.view()) + ",\"rows\":" + std::to_string(check.rows) +
                     ",\"last\":{\"number\":" + std::to_string(check.last.number) +
                     ",\"hash\":" + json_string(check.last.hash) + "},\"findings\":[";
  for (std::size_t i = 0; i < check.findings.size(); ++i) {
    json.append(i == 0 ? "" : ",")
        .append("{\"number\":" + std::to_string(check.findings[i].number) + ",\"what\":")
        .append(json_string(check.findings[i].what))
        .append("}");
  }
  return json + "]}";
}

/// As the rows of dicom_tenant name them, the deleted ones, too. Providers show their rows; where one can't, it is the
/// asker's tenant.
Result<std::vector<TenantId>> all_tenants(index::InstanceIndex& index, const RequestContext& ctx) {
  constexpr std::size_t kRows = 1000, kBytes = 1 << 20;
  auto* const tables = dynamic_cast<index::TableStore*>(&index);
  if (tables == nullptr) return std::vector<TenantId>{ctx.tenant};
  std::vector<TenantId> tenants;
  std::string from;
  do {
    GANTRY_LET(auto page, tables->read_page(ctx, index::sql::kTenantTable, from, kRows, kBytes));
    for (const auto& row : page.rows)
      tenants.emplace_back(index::sql::text_in(index::sql::kTenantTable, row, "tenant_id"));
    from = std::move(page.next);
  } while (!from.empty());
  return tenants;
}

}  // namespace

Result<std::string> audit_check_json(index::InstanceIndex& index, const RequestContext& ctx,
                                     std::vector<TenantId> tenants) {
  if (tenants.empty()) {
    GANTRY_LET(tenants, all_tenants(index, ctx));
  }
  std::string json = "{\"tenants\":[";
  for (const TenantId& tenant : tenants) {
    RequestContext of_tenant = ctx;
    of_tenant.tenant = tenant;
    GANTRY_LET(const std::string check, check_of_tenant(index, of_tenant));
    json.append(json.ends_with('[') ? "" : ",").append(check);
  }
  return json + "]}";
}

Result<std::string> changes_page(index::InstanceIndex& index, const RequestContext& ctx,
                                 const index::AuditQuery& query) {
  GANTRY_LET(const auto rows, index.audit_log().audit_rows(ctx, query));
  std::string json = "{\"changes\":[";
  for (std::size_t i = 0; i < rows.size(); ++i) json.append(i == 0 ? "" : ",\n").append(to_json(ctx.tenant, rows[i]));
  json += "],\"next\":";
  return json + (rows.size() < query.limit ? "null" : std::to_string(rows.back().number)) + "}";
}

std::vector<http::Route> audit_routes(AuditAdmin& admin) {
  using http::Method;
  using http::Permission;
  const auto with = [&admin](Task<Response> (*handler)(AuditAdmin&, Request&)) {
    return [&admin, handler](Request& request) { return handler(admin, request); };
  };
  return {
      {Method::kGet, "/admin/audit", Permission::kAdmin, "Accesses and refusals on this node.", with(&records_route)},
      {Method::kGet, "/admin/audit/changes", Permission::kAdmin, "What was stored, replaced and deleted, by whom.",
       with(&changes_route)},
      {Method::kGet, "/admin/audit/changes/check", Permission::kAdmin, "Follows the chain of a tenant's changes.",
       with(&check_route)},
      {Method::kGet, "/admin/audit/status", Permission::kOperate, "How far the audit is written and sent.",
       with(&status_route)}};
}

}  // namespace gantry::server

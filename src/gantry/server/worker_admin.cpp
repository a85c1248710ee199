#include "gantry/server/worker_admin.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/index/json_claims.hpp"
#include "gantry/index/json_report.hpp"
#include "gantry/server/admin_answer.hpp"
#include "gantry/server/providers.hpp"
#include "gantry/server/site_routes.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;

constexpr std::chrono::seconds kStatusMost{60};
/// A retry of everything writes a row for each series that failed.
constexpr std::chrono::minutes kRetryMost{10};

RequestContext within(RequestContext ctx, std::chrono::seconds most) {
  ctx.deadline = std::min(ctx.deadline, Clock::now() + most);
  return ctx;
}

std::string failure_text(const index::JsonFailure& failure) {
  const index::JsonRow& row = failure.row;
  const bool given_up = row.json_status == static_cast<int>(index::JsonStatus::kFailedForGood);
  return "{\"tenant\":" + json_string(row.tenant_id) + ",\"study\":" + json_string(row.study_uid) +
         ",\"series\":" + json_string(row.series_uid) + ",\"given_up\":" + (given_up ? "true" : "false") +
         ",\"tries\":" + std::to_string(row.retry_times) + ",\"error\":" + json_string(row.last_error) +
         ",\"next_try\":" + (given_up ? "null" : json_time(failure.next_at)) + "}";
}

Result<std::size_t> failures_asked(const std::string& query) {
  std::size_t failures = 0;
  GANTRY_LET(const auto pairs, http::parse_query(query));
  for (const auto& [name, value] : pairs) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), failures);
    if (name != "failures" || error != std::errc() || end != value.data() + value.size() || failures > kFailuresMost) {
      return Error::invalid("status takes failures=N, at most " + std::to_string(kFailuresMost));
    }
  }
  return failures;
}

Result<WorkerRetry> retry_asked(const std::string& query) {
  WorkerRetry asked;
  GANTRY_LET(auto pairs, http::parse_query(query));
  for (auto& [name, value] : pairs) {
    std::string* const into = name == "tenant"   ? &asked.tenant
                              : name == "study"  ? &asked.study
                              : name == "series" ? &asked.series
                                                 : nullptr;
    if (into == nullptr) return Error::invalid("retry takes tenant, study and series, not " + name);
    *into = std::move(value);
  }
  return asked;
}

Task<Response> status_route(Site& site, Request& request) {
  const auto failures = failures_asked(request.query);
  if (!failures) co_return http::problem(failures.error());
  auto ask = [&site, ctx = request.context, most = *failures] { return worker_status(site.index, ctx, most); };
  co_return json_answer(co_await run_on(site.index_pool, std::move(ask)));
}

Task<Response> retry_route(Site& site, Request& request) {
  auto asked = retry_asked(request.query);
  if (!asked) co_return http::problem(asked.error());
  auto ask = [&site, ctx = request.context, what = *std::move(asked)] { return worker_retry(site.index, ctx, what); };
  co_return json_answer(co_await run_on(site.index_pool, std::move(ask)));
}

}  // namespace

Result<std::string> worker_status(index::InstanceIndex& index, const RequestContext& ctx, std::size_t failures_most) {
  GANTRY_LET(const auto report,
             index::json_report(index, within(ctx, kStatusMost), std::min(failures_most, kFailuresMost)));
  const index::JsonTotals& totals = report.totals;
  std::string text = "{\"ready\":" + std::to_string(totals.ready) + ",\"pending\":" + std::to_string(totals.pending) +
                     ",\"running\":" + std::to_string(totals.running) + ",\"failed\":" + std::to_string(totals.failed) +
                     ",\"given_up\":" + std::to_string(totals.given_up) +
                     ",\"oldest_due\":" + (totals.oldest_due ? json_time(*totals.oldest_due) : "null") +
                     ",\"failures\":[";
  for (std::size_t i = 0; i < report.failures.size(); ++i) {
    text += (i == 0 ? "" : ",") + failure_text(report.failures[i]);
  }
  return text + "]}";
}

Result<std::string> worker_retry(index::InstanceIndex& index, const RequestContext& ctx, const WorkerRetry& asked) {
  if (!asked.series.empty() && asked.study.empty()) return Error::invalid("a series is named together with its study");
  RequestContext limited = within(ctx, kRetryMost);
  index::JsonScope scope;
  if (!asked.tenant.empty()) scope.tenant = TenantId(asked.tenant);
  if (!asked.study.empty()) {
    limited.tenant = scope.tenant.value_or(TenantId(kDefaultTenant));
    scope.tenant = limited.tenant;
    scope.study = StudyUid(asked.study);
    if (!asked.series.empty()) scope.series = SeriesUid(asked.series);
    const auto nothing_there = [&] {
      const std::string study = "tenant " + limited.tenant.str() + " has no study " + asked.study;
      return Error::not_found(study + (asked.series.empty() ? "" : " with a series " + asked.series));
    };
    const bool valid = is_valid_tenant(limited.tenant.view()) && is_valid_uid(asked.study) &&
                       (asked.series.empty() || is_valid_uid(asked.series));
    if (!valid) return nothing_there();
    GANTRY_LET(const auto version, index.version_of(limited, *scope.study, scope.series));
    if (!version) return nothing_there();
  }
  GANTRY_LET(const std::uint64_t retried, index::retry_json(index, limited, scope));
  return "{\"retried\":" + std::to_string(retried) + "}";
}

std::vector<http::Route> worker_routes(Site& site) {
  using http::Method;
  using http::Permission;
  return {{Method::kGet, "/admin/worker/status", Permission::kOperate, "How the metadata of series stands.",
           [&site](Request& request) { return status_route(site, request); }},
          {Method::kPost, "/admin/worker/retry", Permission::kOperate, "Makes failed series due again.",
           [&site](Request& request) { return retry_route(site, request); }}};
}

}  // namespace gantry::server

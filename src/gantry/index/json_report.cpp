#include "gantry/index/json_report.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "gantry/index/json_claims.hpp"

namespace gantry::index {
namespace {

/// Series written in one transaction.
constexpr std::size_t kPage = 100;

}  // namespace

Result<JsonReport> json_report(InstanceIndex& index, const RequestContext& ctx, std::size_t failures_most) {
  JsonReport report;
  GANTRY_LET(report.totals, index.json_totals(ctx));
  for (const bool given_up : {true, false}) {
    JsonFailureQuery query;
    query.given_up = given_up;
    query.limit = failures_most - report.failures.size();
    if (query.limit == 0) break;
    GANTRY_LET(auto failures, index.json_failures(ctx, query));
    std::move(failures.begin(), failures.end(), std::back_inserter(report.failures));
  }
  return report;
}

Result<std::uint64_t> retry_json(InstanceIndex& index, const RequestContext& ctx, const JsonScope& scope) {
  std::uint64_t count = 0;
  for (const bool given_up : {true, false}) {
    JsonFailureQuery query{given_up, scope.tenant, scope.study, scope.series, std::nullopt, kPage};
    for (;;) {
      GANTRY_LET(const auto failures, index.json_failures(ctx, query));
      std::map<std::string, std::vector<JsonRow>> by_tenant;
      for (const JsonFailure& failure : failures) {
        JsonRow row = failure.row;
        row.json_status = static_cast<int>(JsonStatus::kPending);
        row.retry_times = 0;
        by_tenant[row.tenant_id].push_back(std::move(row));
      }
      for (const auto& [tenant, rows] : by_tenant) {
        RequestContext of_tenant = ctx;
        of_tenant.tenant = TenantId(tenant);
        GANTRY_TRY(index.save_json_list(of_tenant, rows));
      }
      count += failures.size();
      if (failures.size() < kPage) break;
      const JsonRow& last = failures.back().row;
      query.after = {TenantId(last.tenant_id), StudyUid(last.study_uid), SeriesUid(last.series_uid)};
    }
  }
  return count;
}

}  // namespace gantry::index

// The JSON of series, in memory: which is due, who makes it, how it ended.

#include <algorithm>
#include <tuple>

#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index {
namespace {

Result<void> in_time(const RequestContext& ctx) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  return {};
}

}  // namespace

std::vector<std::pair<MemoryIndex::Tenant*, MemoryIndex::Series*>> MemoryIndex::due_series(Timestamp end_time) {
  std::vector<std::pair<Tenant*, Series*>> due;
  for (auto& [tenant_id, tenant] : tenants_) {
    for (auto& [study_uid, study] : tenant.studies) {
      for (auto& [series_uid, series] : study.series) {
        if (series.json_due && series.state.updated_time < end_time) due.emplace_back(&tenant, &series);
      }
    }
  }
  std::stable_sort(due.begin(), due.end(), [](const auto& a, const auto& b) {
    return a.second->state.updated_time < b.second->state.updated_time;
  });
  return due;
}

Result<std::vector<StateRow>> MemoryIndex::get_json_metaes(const RequestContext& ctx, Timestamp end_time,
                                                           std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<StateRow> due;
  for (const auto& [tenant, series] : due_series(end_time)) {
    if (due.size() == limit) break;
    due.push_back(series->state);
  }
  return due;
}

Result<std::optional<JsonRow>> MemoryIndex::get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                          const SeriesUid& series) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return std::optional<JsonRow>();
  const auto json = tenant->second.jsons.find({study.str(), series.str()});
  if (json == tenant->second.jsons.end()) return std::optional<JsonRow>();
  return std::optional<JsonRow>(json->second.row);
}

Result<std::vector<JsonRow>> MemoryIndex::get_json_list(const RequestContext& ctx, const StudyUid& study) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<JsonRow> rows;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return rows;
  for (const auto& [key, json] : tenant->second.jsons) {
    if (key.first == study.view()) rows.push_back(json.row);
  }
  return rows;
}

Result<std::vector<JsonClaim>> MemoryIndex::claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                                       std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const Timestamp now = now_();
  std::vector<JsonClaim> claims;
  for (const auto& [tenant, series] : due_series(end_time)) {
    if (claims.size() == std::min(limit, kJsonClaimsMost)) break;
    const StateRow& state = series->state;
    const std::pair key(state.study_uid, state.series_uid);
    const auto json = tenant->jsons.find(key);
    const JsonTask* const task = json == tenant->jsons.end() ? nullptr : &json->second;
    switch (next_step(state, task, now)) {
      case JsonStep::kWait: break;
      case JsonStep::kGiveUp: json->second = given_up(*task); [[fallthrough]];
      case JsonStep::kNone: series->json_due = false; break;
      case JsonStep::kClaim: {
        JsonTask made = claimed(state, task, owner, now, lease);
        claims.push_back({state, made.row.retry_times, made.lease_until});
        tenant->jsons[key] = std::move(made);
      }
    }
  }
  return claims;
}

Result<bool> MemoryIndex::finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) {
  GANTRY_TRY(validate_outcome(outcome));
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return false;
  const auto json = tenant->second.jsons.find({outcome.study.str(), outcome.series.str()});
  if (json == tenant->second.jsons.end() || !has_claim(json->second, outcome, owner)) return false;
  const auto study = tenant->second.studies.find(outcome.study.str());
  if (study == tenant->second.studies.end()) return false;
  const auto series = study->second.series.find(outcome.series.str());
  if (series == study->second.series.end()) return false;
  const Timestamp now = now_();
  JsonEnd end = ended(std::move(json->second), outcome, now);
  if (!end.superseded.empty()) delete_queue_.try_emplace(end.superseded, Queued{now + kReplacedGrace, 0});
  if (end.settled && series->second.state.version == outcome.version) series->second.json_due = false;
  json->second = std::move(end.task);
  return true;
}

Result<bool> MemoryIndex::renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                     std::string_view owner, std::chrono::seconds lease) {
  GANTRY_TRY(validate_claim(owner, lease));
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return false;
  const auto json = tenant->second.jsons.find({study.str(), series.str()});
  if (json == tenant->second.jsons.end() || !has_claim(json->second, owner)) return false;
  json->second.lease_until = now_() + lease;
  return true;
}

Result<JsonTotals> MemoryIndex::json_totals(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const Timestamp now = now_();
  JsonTotals totals;
  for (const auto& [tenant_id, tenant] : tenants_) {
    for (const auto& [study_uid, study] : tenant.studies) {
      for (const auto& [series_uid, series] : study.series) {
        const auto json = tenant.jsons.find({study_uid, series_uid});
        const JsonTask* const task = json == tenant.jsons.end() ? nullptr : &json->second;
        add_to(totals, counted_as(series.state.version, series.json_due, task, now));
        if (!series.json_due || next_step(series.state, task, now) != JsonStep::kClaim) continue;
        totals.oldest_due = std::min(totals.oldest_due.value_or(Timestamp::max()), series.state.updated_time);
      }
    }
  }
  return totals;
}

Result<std::vector<JsonFailure>> MemoryIndex::json_failures(const RequestContext& ctx, const JsonFailureQuery& query) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<JsonFailure> failures;
  const auto is_behind = [&query](const JsonRow& row) {
    return !query.after || std::tie(row.tenant_id, row.study_uid, row.series_uid) >
                               std::tie(query.after->tenant.str(), query.after->study.str(), query.after->series.str());
  };
  for (const auto& [tenant_id, tenant] : tenants_) {
    for (const auto& [key, task] : tenant.jsons) {
      if (failures.size() == query.limit) return failures;
      const auto study = tenant.studies.find(key.first);
      if (study == tenant.studies.end()) continue;
      const auto series = study->second.series.find(key.second);
      if (series == study->second.series.end() || !is_failure(series->second.state.version, task, query)) continue;
      if (is_behind(task.row)) failures.push_back({task.row, task.next_at});
    }
  }
  return failures;
}

}  // namespace gantry::index

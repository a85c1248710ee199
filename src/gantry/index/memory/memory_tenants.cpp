// Tenants, the change feed, versions and the six calls of the reference design, in memory.

#include <algorithm>

#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/state_row.hpp"
#include "gantry/index/version_keys.hpp"

namespace gantry::index {
namespace {

Result<void> in_time(const RequestContext& ctx) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  return {};
}

template <class Row>
Result<void> belongs(const RequestContext& ctx, const Row& row) {
  if (!row.tenant_id.empty() && row.tenant_id != ctx.tenant.str()) return Error::invalid("the row names another tenant");
  if (!is_valid_uid(row.study_uid) || !is_valid_uid(row.series_uid)) {
    return Error::invalid("a UID of the row is not 1 to 64 digits and dots");
  }
  return {};
}

Timestamp or_now(Timestamp given, Timestamp now) { return given == Timestamp{} ? now : given; }

}  // namespace

Result<void> MemoryIndex::ensure_tenant(const RequestContext& ctx) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto [tenant, created] = tenants_.try_emplace(ctx.tenant.str());
  if (tenant->second.state == TenantState::kDeleted) tenant->second.state = TenantState::kActive;
  return {};
}

Result<MemoryIndex::Tenant*> MemoryIndex::writable_tenant(const RequestContext& ctx) {
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return Error::not_found("there is no tenant of this name");
  return &tenant->second;
}

Result<void> MemoryIndex::set_quota(const RequestContext& ctx, std::uint64_t bytes, std::uint64_t instances) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  tenant->quota_bytes = bytes;
  tenant->quota_instances = instances;
  return {};
}

Result<void> MemoryIndex::set_tenant_state(const RequestContext& ctx, TenantState state) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  tenant->state = state;
  return {};
}

Result<TenantTotals> MemoryIndex::totals(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  TenantTotals totals;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return totals;
  totals.instances = tenant->second.instances;
  totals.bytes = tenant->second.bytes;
  totals.change_no = tenant->second.change_no;
  for (const auto& [uid, study] : tenant->second.studies) {
    const auto shown = static_cast<std::uint64_t>(std::count_if(
        study.series.begin(), study.series.end(), [](const auto& series) { return !series.second.instances.empty(); }));
    totals.series += shown;
    if (shown > 0) ++totals.studies;
  }
  return totals;
}

Result<std::vector<Change>> MemoryIndex::changes(const RequestContext& ctx, std::uint64_t after_version,
                                                 std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<Change> found;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return found;
  for (const auto& change : tenant->second.changes) {
    if (found.size() == limit) break;
    if (change.version > after_version) found.push_back(change);
  }
  return found;
}

Result<std::optional<InstanceIndex::Located>> MemoryIndex::locate(const RequestContext& ctx, const StudyUid& study,
                                                                  const SeriesUid& series, const SopUid& sop) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return std::optional<Located>();
  const auto place = tenant->second.places.find(sop.str());
  if (place == tenant->second.places.end() || place->second != std::pair(study.str(), series.str())) {
    return std::optional<Located>();
  }
  const Instance& instance = tenant->second.studies.at(study.str()).series.at(series.str()).instances.at(sop.str());
  const InstanceRecord& record = instance.record;
  Located located;
  located.version = instance.version;
  located.instance = {sop,
                      record.sop_class,
                      record.transfer_syntax,
                      attributes_of(Level::kInstance, record.attributes),
                      instance.version,
                      Location{record.object_key, record.size, record.file_sha256, record.frame_index}};
  return std::optional<Located>(std::move(located));
}

Result<std::optional<std::uint64_t>> MemoryIndex::version_of(const RequestContext& ctx, const StudyUid& study,
                                                             const std::optional<SeriesUid>& series) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return std::optional<std::uint64_t>();
  const auto found = tenant->second.studies.find(study.str());
  if (found == tenant->second.studies.end()) return std::optional<std::uint64_t>();
  const auto shown = [](const auto& each) { return !each.second.instances.empty(); };
  const auto& all = found->second.series;
  if (series) {
    const auto one = all.find(series->str());
    if (one == all.end() || !shown(*one)) return std::optional<std::uint64_t>();
    return std::optional<std::uint64_t>(one->second.state.version);
  }
  if (std::none_of(all.begin(), all.end(), shown)) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(found->second.version);
}

Result<std::vector<std::uint64_t>> MemoryIndex::versions(const RequestContext& ctx,
                                                        std::span<const VersionKey> keys) {
  return versions_one_by_one(*this, ctx, keys);
}

Result<void> MemoryIndex::save_state_info(const RequestContext& ctx, const StateRow& state) {
  return save_state_list(ctx, std::span(&state, 1));
}

Result<void> MemoryIndex::save_state_list(const RequestContext& ctx, std::span<const StateRow> states) {
  if (states.empty()) return {};
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  for (const StateRow& state : states) GANTRY_TRY(belongs(ctx, state));
  const Timestamp now = timestamp_now();
  for (const StateRow& state : states) {
    Study& study = tenant->studies[state.study_uid];
    const auto [at, created] = study.series.try_emplace(state.series_uid);
    const Timestamp created_time = created ? or_now(state.created_time, now) : at->second.state.created_time;
    at->second.state = state;
    at->second.state.tenant_id = ctx.tenant.str();
    at->second.state.created_time = created_time;
    at->second.state.updated_time = or_now(state.updated_time, now);
    at->second.state.version = ++tenant->change_no;
    at->second.json_due = true;
    study.version = tenant->change_no;
  }
  return {};
}

Result<void> MemoryIndex::save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) {
  if (jsons.empty()) return {};
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  for (const JsonRow& json : jsons) GANTRY_TRY(belongs(ctx, json));
  const Timestamp now = timestamp_now();
  for (const JsonRow& json : jsons) {
    JsonRow& row = tenant->jsons[{json.study_uid, json.series_uid}].row;
    JsonRow made = json;
    made.tenant_id = ctx.tenant.str();
    made.created_time = or_now(json.created_time, now);
    made.flag_time = or_now(json.flag_time, now);
    made.object_key = row.object_key;
    made.last_error = row.last_error;
    row = std::move(made);
    const auto study = tenant->studies.find(json.study_uid);
    if (study == tenant->studies.end()) continue;
    const auto series = study->second.series.find(json.series_uid);
    if (series != study->second.series.end()) {
      series->second.json_due = is_json_due(series->second.state.version, &row);
    }
  }
  return {};
}

Result<std::vector<StateRow>> MemoryIndex::get_state_metaes(const RequestContext& ctx, const StudyUid& study) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<StateRow> states;
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return states;
  const auto found = tenant->second.studies.find(study.str());
  if (found == tenant->second.studies.end()) return states;
  for (const auto& [uid, series] : found->second.series) states.push_back(series.state);
  std::stable_sort(states.begin(), states.end(), [](const StateRow& a, const StateRow& b) {
    return number_key(a.series_number) < number_key(b.series_number);
  });
  return states;
}

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
  const Timestamp now = timestamp_now();
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
  const Timestamp now = timestamp_now();
  JsonEnd end = ended(std::move(json->second), outcome, now);
  if (!end.superseded.empty()) delete_queue_.try_emplace(end.superseded, Queued{now + kReplacedGrace, 0});
  if (end.settled && series->second.state.version == outcome.version) series->second.json_due = false;
  json->second = std::move(end.task);
  return true;
}

}  // namespace gantry::index

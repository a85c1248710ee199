// Tenants, the change feed, versions and the six calls of the reference design, in memory.

#include <algorithm>

#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/state_row.hpp"
#include "gantry/index/tenant_rules.hpp"
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
  const auto [found, created] = tenants_.try_emplace(ctx.tenant.str());
  Tenant& tenant = found->second;
  if (!created && tenant.state != TenantState::kDeleted) return {};
  tenant.state = TenantState::kActive;
  tenant.quotas = {};
  tenant.created = now_();
  return {};
}

Result<MemoryIndex::Tenant*> MemoryIndex::writable_tenant(const RequestContext& ctx) {
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return Error::not_found("there is no tenant of this name");
  return &tenant->second;
}

Result<std::optional<TenantEntry>> MemoryIndex::find_tenant(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return std::optional<TenantEntry>();
  return std::optional(entry_of(tenant->first, tenant->second));
}

Result<std::vector<TenantEntry>> MemoryIndex::list_tenants(const RequestContext& ctx, const TenantId& after,
                                                           std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<TenantEntry> entries;
  for (auto each = tenants_.upper_bound(after.str()); each != tenants_.end() && entries.size() < limit; ++each) {
    entries.push_back(entry_of(each->first, each->second));
  }
  return entries;
}

Result<void> MemoryIndex::set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  tenant->quotas = quotas;
  return {};
}

Result<void> MemoryIndex::set_tenant_state(const RequestContext& ctx, TenantState state) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  tenant->state = state;
  return {};
}

Result<void> MemoryIndex::change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  if (tenant->state != from) return wrong_state(tenant->state);
  tenant->state = to;
  return {};
}

Result<void> MemoryIndex::queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                        std::chrono::seconds object_grace) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const Timestamp due = now_() + object_grace;
  for (const ObjectKey& key : keys) delete_queue_.try_emplace(key.str(), Queued{due, 0});
  return {};
}

Result<std::uint64_t> MemoryIndex::purge_tenant(const RequestContext& ctx, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_LET(Tenant* const tenant, writable_tenant(ctx));
  GANTRY_TRY(check_purge(tenant->state, tenant->instances));
  const auto cut = [limit](auto& rows) {
    const auto count = std::min(limit, rows.size());
    rows.erase(rows.begin(), std::next(rows.begin(), static_cast<std::ptrdiff_t>(count)));
    return std::uint64_t{count};
  };
  return cut(tenant->studies) + cut(tenant->jsons) + cut(tenant->changes);
}

TenantEntry MemoryIndex::entry_of(const std::string& id, const Tenant& tenant) {
  return {{TenantId(id), tenant.state, tenant.quotas}, totals_of(tenant), tenant.created};
}

TenantTotals MemoryIndex::totals_of(const Tenant& tenant) {
  TenantTotals totals;
  totals.instances = tenant.instances;
  totals.bytes = tenant.bytes;
  totals.change_no = tenant.change_no;
  for (const auto& [uid, study] : tenant.studies) {
    const auto shown = static_cast<std::uint64_t>(std::count_if(
        study.series.begin(), study.series.end(), [](const auto& series) { return !series.second.instances.empty(); }));
    totals.series += shown;
    if (shown > 0) ++totals.studies;
  }
  return totals;
}

Result<TenantTotals> MemoryIndex::totals(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  return tenant == tenants_.end() ? TenantTotals() : totals_of(tenant->second);
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

Result<std::vector<std::uint64_t>> MemoryIndex::versions(const RequestContext& ctx, std::span<const VersionKey> keys) {
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
  const Timestamp now = now_();
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
  const Timestamp now = now_();
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

}  // namespace gantry::index

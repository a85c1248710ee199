#include "gantry/index/memory/memory_index.hpp"

#include <algorithm>

#include "gantry/base/sha256.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index {
namespace {

Result<void> in_time(const RequestContext& ctx) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  return {};
}

bool same_bytes(const InstanceRecord& a, const InstanceRecord& b) {
  return a.study == b.study && a.series == b.series && a.transfer_syntax == b.transfer_syntax &&
         a.dataset_sha256 == b.dataset_sha256;
}

bool exceeds(std::uint64_t quota, std::uint64_t have, std::uint64_t freed, std::uint64_t added) {
  return quota != 0 && added > freed && have - freed + added > quota;
}

}  // namespace

Result<std::vector<Committed>> MemoryIndex::commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                                   ConflictPolicy policy) {
  if (batch.size() > kBatchMost) return Error::invalid("a batch of more than 64 instances");
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<Committed> outcomes(batch.size());
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end() || tenant->second.state != TenantState::kActive) {
    for (auto& outcome : outcomes) outcome.outcome = Committed::Outcome::kNoTenant;
    return outcomes;
  }
  const Timestamp now = now_();
  std::set<std::string> settled;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    actor_ = batch[i].actor.value_or(actor_of(ctx));
    outcomes[i] = commit_one(tenant->second, ctx.tenant, batch[i], policy, settled, now);
  }
  return outcomes;
}

Committed MemoryIndex::commit_one(Tenant& tenant, const TenantId& tenant_id, const InstanceRecord& record,
                                  ConflictPolicy policy, std::set<std::string>& settled, Timestamp now) {
  using Outcome = Committed::Outcome;
  if (Clock::now() - record.persist_began > kPersistMost) return {Outcome::kTooLate, 0, {}, {}};
  if (auto defect = defect_of(record)) return {Outcome::kRejected, 0, *std::move(defect), {}};
  const Instance* present = nullptr;
  const auto place = tenant.places.find(record.sop.str());
  if (place != tenant.places.end()) {
    const auto& [study, series] = place->second;
    present = &tenant.studies.at(study).series.at(series).instances.at(record.sop.str());
    if (same_bytes(present->record, record)) {
      settled.insert(record.sop.str());
      return {Outcome::kUnchanged, 0, {}, {}};
    }
    if (policy == ConflictPolicy::kIgnore) return {Outcome::kIgnored, 0, {}, {}};
    if (policy == ConflictPolicy::kReject || settled.contains(record.sop.str())) return {Outcome::kConflict, 0, {}, {}};
  }
  const std::uint64_t freed = present == nullptr ? 0 : present->record.size;
  if (exceeds(tenant.quotas.bytes, tenant.bytes, freed, record.size) ||
      exceeds(tenant.quotas.instances, tenant.instances, present == nullptr ? 0 : 1, 1)) {
    return {Outcome::kNoQuota, 0, {}, {}};
  }
  if (objects_.contains(record.object_key.str()) || delete_queue_.contains(record.object_key.str())) {
    return {Outcome::kRejected, 0, "the object key is in use", {}};
  }
  settled.insert(record.sop.str());
  if (present == nullptr) {
    put(tenant, tenant_id, record, ++tenant.change_no, now);
    add_change(tenant, {tenant.change_no, Change::Action::kStored, record.study, record.series, record.sop, now});
    return {Outcome::kStored, tenant.change_no, {}, {}};
  }
  const StudyUid old_study = present->record.study;
  const SeriesUid old_series = present->record.series;
  const bool moves = old_study != record.study || old_series != record.series;
  if (moves) {
    drop(tenant, record.sop.str(), now + kReplacedGrace, ++tenant.change_no, now);
    add_change(tenant, {tenant.change_no, Change::Action::kDeleted, old_study, old_series, record.sop, now});
    put(tenant, tenant_id, record, ++tenant.change_no, now);
  } else {
    Study& study = tenant.studies.at(record.study.str());
    Series& series = study.series.at(record.series.str());
    const std::string old_key = present->record.object_key.str();
    objects_.erase(old_key);
    delete_queue_[old_key] = {now + kReplacedGrace, 0};
    tenant.bytes -= freed;
    --tenant.instances;
    series.instances.erase(record.sop.str());
    // What only this instance said goes with it.
    std::size_t others = 0;
    for (const auto& [uid, each] : study.series) others += each.instances.size();
    if (series.instances.empty()) {
      for (const auto& [column, attribute] : kStateMembers) (series.state.*column).clear();
      series.state.study_date_origin.clear();
      series.attributes = {};
    }
    if (others == 0) study.attributes = {};
    put(tenant, tenant_id, record, ++tenant.change_no, now);
  }
  add_change(tenant, {tenant.change_no, Change::Action::kReplaced, record.study, record.series, record.sop, now});
  Committed replaced{Outcome::kReplaced, tenant.change_no, {}, {}};
  if (moves) replaced.moved_from = Committed::Place{old_study, old_series};
  return replaced;
}

void MemoryIndex::put(Tenant& tenant, const TenantId& tenant_id, const InstanceRecord& record, std::uint64_t version,
                      Timestamp now) {
  const auto [study_at, new_study] = tenant.studies.try_emplace(record.study.str());
  Study& study = study_at->second;
  if (study.created == Timestamp{}) study.created = now;
  study.updated = now;
  study.version = version;
  fill_attributes(Level::kStudy, study.attributes, record.attributes);
  const auto [series_at, new_series] = study.series.try_emplace(record.series.str());
  Series& series = series_at->second;
  if (new_series) {
    series.state.tenant_id = tenant_id.str();
    series.state.study_uid = record.study.str();
    series.state.series_uid = record.series.str();
    series.state.study_uid_hash = uid_hash(record.study.view());
    series.state.series_uid_hash = uid_hash(record.series.view());
    series.state.created_time = now;
  }
  fill_state(series.state, record.attributes);
  fill_attributes(Level::kSeries, series.attributes, record.attributes);
  series.state.version = version;
  series.state.updated_time = now;
  series.json_due = true;
  series.instances[record.sop.str()] = {record, version};
  series.state.series_related_instances = series.instances.size();
  if (series.first_sop.empty()) series.first_sop = record.sop.str();
  if (study.first_sop.empty()) {
    study.first_series = record.series.str();
    study.first_sop = record.sop.str();
  }
  tenant.places[record.sop.str()] = {record.study.str(), record.series.str()};
  tenant.bytes += record.size;
  ++tenant.instances;
  objects_[record.object_key.str()] = tenant_id.str();
}

void MemoryIndex::drop(Tenant& tenant, const std::string& sop, Timestamp due, std::uint64_t version, Timestamp now) {
  const auto [study_uid, series_uid] = tenant.places.at(sop);
  tenant.places.erase(sop);
  Study& study = tenant.studies.at(study_uid);
  Series& series = study.series.at(series_uid);
  const InstanceRecord& record = series.instances.at(sop).record;
  tenant.bytes -= record.size;
  --tenant.instances;
  objects_.erase(record.object_key.str());
  delete_queue_[record.object_key.str()] = {due, 0};
  series.instances.erase(sop);
  study.version = version;
  study.updated = now;
  series.state.version = version;
  series.state.updated_time = now;
  series.json_due = true;
  series.state.series_related_instances = series.instances.size();
  const auto listed = [](const auto& a, const auto& b) {
    const auto key = [](const auto& entry) {
      return std::pair(number_key(entry.second.record.attributes.instance_number), entry.first);
    };
    return key(a) < key(b);
  };
  if (series.instances.empty()) {
    study.series.erase(series_uid);
    drop_json(tenant, study_uid, series_uid, now + kReplacedGrace);
  } else if (series.first_sop == sop) {
    series.first_sop = std::min_element(series.instances.begin(), series.instances.end(), listed)->first;
  }
  if (study.first_sop != sop) return;
  const Series* first = nullptr;
  for (const auto& [uid, each] : study.series) {
    if (each.instances.empty()) continue;
    if (first == nullptr || number_key(each.state.series_number) < number_key(first->state.series_number)) first = &each;
  }
  if (first == nullptr) {
    for (const auto& [uid, each] : study.series) drop_json(tenant, study_uid, uid, now + kReplacedGrace);
    tenant.studies.erase(study_uid);
  } else {
    study.first_series = first->state.series_uid;
    study.first_sop = first->first_sop;
  }
}

void MemoryIndex::drop_json(Tenant& tenant, const std::string& study, const std::string& series, Timestamp object_due) {
  const auto json = tenant.jsons.find({study, series});
  if (json == tenant.jsons.end()) return;
  if (const auto& key = json->second.row.object_key; !key.empty()) delete_queue_.try_emplace(key, Queued{object_due, 0});
  tenant.jsons.erase(json);
}

Result<std::uint64_t> MemoryIndex::remove(const RequestContext& ctx, const StudyUid& study,
                                          const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop,
                                          std::chrono::seconds object_grace) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  const auto tenant = tenants_.find(ctx.tenant.str());
  if (tenant == tenants_.end()) return std::uint64_t{0};
  std::vector<std::string> going;
  SeriesUid series_of_sop;
  for (const auto& [uid, place] : tenant->second.places) {
    if (place.first != study.str() || (series && place.second != series->str()) || (sop && uid != sop->str())) continue;
    going.push_back(uid);
    series_of_sop = SeriesUid(place.second);
  }
  if (going.empty()) return std::uint64_t{0};
  const Timestamp now = now_();
  const std::uint64_t version = ++tenant->second.change_no;
  for (const auto& uid : going) drop(tenant->second, uid, now + object_grace, version, now);
  actor_ = actor_of(ctx);
  add_change(tenant->second, {version, Change::Action::kDeleted, study,
                              sop ? series_of_sop : series.value_or(SeriesUid()), sop.value_or(SopUid()), now});
  return std::uint64_t{going.size()};
}

Result<std::vector<ObjectKey>> MemoryIndex::due_deletions(const RequestContext& ctx, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<std::pair<Timestamp, std::string>> due;
  const Timestamp now = now_();
  for (const auto& [key, queued] : delete_queue_) {
    if (queued.due <= now) due.emplace_back(queued.due, key);
  }
  std::sort(due.begin(), due.end());
  if (due.size() > limit) due.resize(limit);
  std::vector<ObjectKey> keys;
  for (auto& [when, key] : due) keys.emplace_back(std::move(key));
  return keys;
}

Result<void> MemoryIndex::deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  for (const auto& key : keys) delete_queue_.erase(key.str());
  return {};
}

Result<void> MemoryIndex::deletion_failed(const RequestContext& ctx, const ObjectKey& key,
                                          std::chrono::seconds retry_after) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  if (const auto queued = delete_queue_.find(key.str()); queued != delete_queue_.end()) {
    ++queued->second.attempts;
    queued->second.due = now_() + retry_after;
  }
  return {};
}

Result<std::vector<bool>> MemoryIndex::are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::set<std::string> of_jsons;
  for (const auto& [tenant_id, tenant] : tenants_) {
    for (const auto& [series, json] : tenant.jsons) of_jsons.insert(json.row.object_key);
  }
  std::vector<bool> held;
  for (const auto& key : keys) {
    held.push_back(!key.empty() && (objects_.contains(key.str()) || delete_queue_.contains(key.str()) ||
                                    of_jsons.contains(key.str())));
  }
  return held;
}

Result<void> MemoryIndex::visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) {
  std::vector<HeldObject> objects;
  {
    const std::scoped_lock lock(mutex_);
    GANTRY_TRY(in_time(ctx));
    for (const auto& [tenant_id, tenant] : tenants_) {
      for (const auto& [sop, place] : tenant.places) {
        const auto& record = tenant.studies.at(place.first).series.at(place.second).instances.at(sop).record;
        objects.push_back({TenantId(tenant_id), record.study, record.series, record.sop, record.object_key, record.size,
                           record.file_sha256});
      }
    }
  }
  std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) { return a.object_key < b.object_key; });
  for (const auto& object : objects) {
    if (!visit(object)) break;
  }
  return {};
}

Result<std::vector<std::string>> MemoryIndex::verify_counts(const RequestContext& ctx) {
  const std::scoped_lock lock(mutex_);
  GANTRY_TRY(in_time(ctx));
  std::vector<std::string> differences;
  for (const auto& [tenant_id, tenant] : tenants_) {
    std::uint64_t instances = 0, bytes = 0;
    for (const auto& [study_uid, study] : tenant.studies) {
      for (const auto& [series_uid, series] : study.series) {
        instances += series.instances.size();
        for (const auto& [sop, instance] : series.instances) bytes += instance.record.size;
      }
    }
    if (instances != tenant.instances || bytes != tenant.bytes) {
      differences.push_back("tenant " + tenant_id + ": says " + std::to_string(tenant.instances) + " instances and " +
                            std::to_string(tenant.bytes) + " bytes, has " + std::to_string(instances) + " and " +
                            std::to_string(bytes));
    }
  }
  return differences;
}

Result<void> MemoryIndex::check(const RequestContext& ctx) { return in_time(ctx); }

}  // namespace gantry::index

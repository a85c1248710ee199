#include "gantry/archive/instance_cache.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace gantry::archive {
namespace {

std::string study_key_of(const TenantId& tenant, const StudyUid& study) { return tenant.str() + '/' + study.str(); }

std::size_t memory_of(const LocatedInstance& instance) {
  // Strings, map and list nodes, and the open file's own state, roughly.
  constexpr std::size_t kFixed = 2048;
  std::size_t bytes = kFixed + instance.layout.pixels.problem.size();
  bytes += instance.layout.pixels.fragments.capacity() * sizeof(dicom::ByteRange);
  bytes += instance.layout.pixels.first_fragment.capacity() * sizeof(std::uint32_t);
  for (const auto& item : instance.layout.bulk) bytes += sizeof(item) + item.path.capacity() + item.vr.capacity();
  return bytes;
}

}  // namespace

InstanceCache::InstanceCache(InstanceCacheLimits limits)
    : limits_{limits.bytes / kShards, std::max<std::size_t>(limits.open_files / kShards, 1)} {}

InstanceCache::Shard& InstanceCache::shard_of(const std::string& study_key) {
  return shards_[std::hash<std::string>{}(study_key) % kShards];
}

InstancePtr InstanceCache::find(const TenantId& tenant, const StudyUid& study, const SeriesUid& series,
                                const SopUid& sop) {
  const auto study_key = study_key_of(tenant, study);
  Shard& shard = shard_of(study_key);
  const std::scoped_lock lock(shard.mutex);
  const auto instances = shard.studies.find(study_key);
  if (instances != shard.studies.end()) {
    const auto found = instances->second.find({series.str(), sop.str()});
    if (found != instances->second.end()) {
      ++shard.hits;
      shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
      return found->second->instance;
    }
  }
  ++shard.misses;
  return nullptr;
}

std::uint64_t InstanceCache::epoch(const TenantId& tenant, const StudyUid& study) {
  Shard& shard = shard_of(study_key_of(tenant, study));
  const std::scoped_lock lock(shard.mutex);
  return shard.epoch;
}

void InstanceCache::put(const TenantId& tenant, InstancePtr instance, std::uint64_t epoch_before) {
  const std::size_t bytes = memory_of(*instance);
  if (bytes > limits_.bytes) return;
  auto study_key = study_key_of(tenant, instance->study);
  Shard& shard = shard_of(study_key);
  const std::scoped_lock lock(shard.mutex);
  if (shard.epoch != epoch_before) return;
  auto& instances = shard.studies[study_key];
  std::pair key(instance->series.str(), instance->sop.str());
  if (const auto old = instances.find(key); old != instances.end()) {
    shard.bytes -= old->second->bytes;
    old->second->instance = std::move(instance);
    old->second->bytes = bytes;
    shard.entries.splice(shard.entries.begin(), shard.entries, old->second);
  } else {
    shard.entries.push_front({std::move(study_key), key, std::move(instance), bytes});
    instances.emplace(std::move(key), shard.entries.begin());
  }
  shard.bytes += bytes;
  while (shard.bytes > limits_.bytes || shard.entries.size() > limits_.open_files) {
    drop(shard, std::prev(shard.entries.end()));
  }
}

void InstanceCache::drop(Shard& shard, Entries::iterator entry) {
  const auto instances = shard.studies.find(entry->study_key);
  instances->second.erase(entry->instance_key);
  if (instances->second.empty()) shard.studies.erase(instances);
  shard.bytes -= entry->bytes;
  shard.entries.erase(entry);
}

void InstanceCache::forget(const TenantId& tenant, const StudyUid& study, const SeriesUid& series, const SopUid& sop) {
  const auto study_key = study_key_of(tenant, study);
  Shard& shard = shard_of(study_key);
  const std::scoped_lock lock(shard.mutex);
  ++shard.epoch;
  const auto instances = shard.studies.find(study_key);
  if (instances == shard.studies.end()) return;
  std::vector<Entries::iterator> going;
  for (const auto& [key, entry] : instances->second) {
    if ((series.empty() || key.first == series.view()) && (sop.empty() || key.second == sop.view()))
      going.push_back(entry);
  }
  for (const auto entry : going) drop(shard, entry);
}

InstanceCache::Counters InstanceCache::counters() const {
  Counters sum;
  for (const auto& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    sum.instances += shard.entries.size();
    sum.bytes += shard.bytes;
    sum.hits += shard.hits;
    sum.misses += shard.misses;
  }
  return sum;
}

}  // namespace gantry::archive

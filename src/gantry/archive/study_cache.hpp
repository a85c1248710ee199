#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gantry/base/ids.hpp"

namespace gantry::archive {

struct StudyCacheLimits {
  std::size_t bytes = 64 << 20;
  std::size_t open_files = 1024;
};

/// Values of instances, series (empty SOP) and studies (empty series, too), found and forgotten by study. Least
/// recently used ones go first when the cache is over its bytes or its open files. Thread-safe; find() takes a few
/// hundred nanoseconds, so that an io thread may call it. What is put was read from the index some time before, so a
/// put names the epoch of its shard before that read, and is dropped when the shard forgot something since: a slow fill
/// never puts back what was just invalidated.
template <class Value>
class StudyCache {
 public:
  using Pointer = std::shared_ptr<const Value>;
  struct Cost {
    std::size_t bytes = 0;
    std::size_t open_files = 1;
  };
  struct Counters {
    std::size_t values = 0, bytes = 0;
    std::uint64_t hits = 0, misses = 0;
  };

  /// The same value without its open files.
  using Close = Pointer (*)(const Value&);

  /// Without `close` a value goes when its files have to.
  explicit StudyCache(StudyCacheLimits limits, Close close = nullptr) : limits_(limits), close_(close) {}

  /// Null when it is not there.
  [[nodiscard]] Pointer find(const TenantId& tenant, const StudyUid& study, const SeriesUid& series,
                             const SopUid& sop) {
    const auto study_key = study_key_of(tenant, study);
    Shard& shard = shard_of(study_key);
    const std::scoped_lock lock(shard.mutex);
    const auto values = shard.studies.find(study_key);
    if (values != shard.studies.end()) {
      const auto found = values->second.find({series.str(), sop.str()});
      if (found != values->second.end()) {
        ++shard.hits;
        shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
        if (found->second->cost.open_files > 0) {
          shard.open.splice(shard.open.begin(), shard.open, found->second->open);
        }
        return found->second->value;
      }
    }
    ++shard.misses;
    return nullptr;
  }

  /// To be called before the index is read for put().
  [[nodiscard]] std::uint64_t epoch(const TenantId& tenant, const StudyUid& study) {
    Shard& shard = shard_of(study_key_of(tenant, study));
    const std::scoped_lock lock(shard.mutex);
    return shard.epoch;
  }

  void put(const TenantId& tenant, const StudyUid& study, const SeriesUid& series, const SopUid& sop, Pointer value,
           Cost cost, std::uint64_t epoch_before) {
    if (cost.bytes > limits_.bytes || cost.open_files > limits_.open_files) return;
    {
      auto study_key = study_key_of(tenant, study);
      Shard& shard = shard_of(study_key);
      const std::scoped_lock lock(shard.mutex);
      if (shard.epoch != epoch_before) return;
      insert(shard, std::move(study_key), {series.str(), sop.str()}, std::move(value), cost);
    }
    trim();
  }

  /// Forgets an instance; with an empty `sop` the series, with an empty `series` the study.
  void forget(const TenantId& tenant, const StudyUid& study, const SeriesUid& series, const SopUid& sop) {
    const auto study_key = study_key_of(tenant, study);
    Shard& shard = shard_of(study_key);
    const std::scoped_lock lock(shard.mutex);
    ++shard.epoch;
    const auto values = shard.studies.find(study_key);
    if (values == shard.studies.end()) return;
    std::vector<typename Entries::iterator> going;
    for (const auto& [key, entry] : values->second) {
      if ((series.empty() || key.first == series.view()) && (sop.empty() || key.second == sop.view()))
        going.push_back(entry);
    }
    for (const auto entry : going) drop(shard, entry);
  }

  /// Forgets all of a tenant. Looks at every value: for when it is deleted.
  void forget(const TenantId& tenant) {
    const std::string prefix = tenant.str() + '/';
    for (Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      ++shard.epoch;
      for (auto entry = shard.entries.begin(); entry != shard.entries.end();) {
        const auto next = std::next(entry);
        if (entry->study_key.starts_with(prefix)) drop(shard, entry);
        entry = next;
      }
    }
  }

  [[nodiscard]] Counters counters() const {
    Counters sum;
    for (const auto& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      sum.values += shard.entries.size();
      sum.bytes += shard.bytes;
      sum.hits += shard.hits;
      sum.misses += shard.misses;
    }
    return sum;
  }

 private:
  static constexpr std::size_t kShards = 8;

  using Key = std::pair<std::string, std::string>;  ///< series, SOP
  struct Entry;
  using Entries = std::list<Entry>;  ///< most recently used first
  using Open = std::list<typename Entries::iterator>;
  struct Entry {
    std::string study_key;
    Key key;
    Pointer value;
    Cost cost;
    typename Open::iterator open{};  ///< when it has open files
  };
  struct Shard {
    mutable std::mutex mutex;
    Entries entries;
    Open open;  ///< those with open files, most recently used first
    std::unordered_map<std::string, std::map<Key, typename Entries::iterator>> studies;
    std::atomic<std::size_t> bytes{0}, open_files{0};  ///< of the entries; changed under the lock, read without it
    std::uint64_t epoch = 0;
    std::uint64_t hits = 0, misses = 0;
  };

  static std::string study_key_of(const TenantId& tenant, const StudyUid& study) {
    return tenant.str() + '/' + study.str();
  }
  Shard& shard_of(const std::string& study_key) { return shards_[std::hash<std::string>{}(study_key) % kShards]; }
  static void insert(Shard& shard, std::string study_key, Key key, Pointer value, Cost cost) {
    if (const auto values = shard.studies.find(study_key); values != shard.studies.end()) {
      if (const auto old = values->second.find(key); old != values->second.end()) drop(shard, old->second);
    }
    shard.entries.push_front({study_key, key, std::move(value), cost, {}});
    shard.studies[std::move(study_key)].emplace(std::move(key), shard.entries.begin());
    shard.bytes += cost.bytes;
    shard.open_files += cost.open_files;
    if (cost.open_files > 0) {
      shard.open.push_front(shard.entries.begin());
      shard.entries.front().open = shard.open.begin();
    }
  }
  /// The shards share the limits: the one with the most gives something up, until all is within them.
  void trim() {
    while (used(&Shard::bytes) > limits_.bytes) {
      Shard& shard = largest(&Shard::bytes);
      const std::scoped_lock lock(shard.mutex);
      if (!shard.entries.empty()) drop(shard, std::prev(shard.entries.end()));
    }
    while (used(&Shard::open_files) > limits_.open_files) {
      Shard& shard = largest(&Shard::open_files);
      const std::scoped_lock lock(shard.mutex);
      if (shard.open.empty()) continue;
      if (close_ == nullptr) {
        drop(shard, shard.open.back());
      } else {
        close_files(shard, *shard.open.back());
      }
    }
  }
  using Amount = std::atomic<std::size_t>;
  [[nodiscard]] std::size_t used(Amount Shard::*amount) const {
    std::size_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.*amount;
    return sum;
  }
  Shard& largest(Amount Shard::*amount) {
    return *std::max_element(shards_.begin(), shards_.end(), [amount](const Shard& a, const Shard& b) {
      return (a.*amount).load() < (b.*amount).load();
    });
  }
  static void drop(Shard& shard, typename Entries::iterator entry) {
    const auto values = shard.studies.find(entry->study_key);
    values->second.erase(entry->key);
    if (values->second.empty()) shard.studies.erase(values);
    shard.bytes -= entry->cost.bytes;
    shard.open_files -= entry->cost.open_files;
    if (entry->cost.open_files > 0) shard.open.erase(entry->open);
    shard.entries.erase(entry);
  }
  void close_files(Shard& shard, Entry& entry) {
    entry.value = close_(*entry.value);
    shard.open.erase(entry.open);
    shard.open_files -= std::exchange(entry.cost.open_files, 0);
  }

  const StudyCacheLimits limits_;
  const Close close_;
  std::array<Shard, kShards> shards_;
};

}  // namespace gantry::archive

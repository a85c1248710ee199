#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace gantry::archive {

/// Immutable values by key, the least recently used ones dropped when they are more than `bytes` together. Thread-safe;
/// quick enough for io threads.
template <class Value>
class ByteCache {
 public:
  using Pointer = std::shared_ptr<const Value>;
  struct Counters {
    std::uint64_t hits = 0, misses = 0;
    std::size_t values = 0, bytes = 0;
  };

  explicit ByteCache(std::size_t bytes) : limit_(bytes) {}

  /// Null when it is not there.
  [[nodiscard]] Pointer find(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      ++counters_.misses;
      return nullptr;
    }
    ++counters_.hits;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  /// What would take more than an eighth of the cache is not kept.
  void put(const std::string& key, Pointer value, std::size_t bytes) {
    if (bytes > limit_ / 8) return;
    const std::scoped_lock lock(mutex_);
    if (by_key_.contains(key)) return;
    entries_.push_front({key, std::move(value), bytes + key.size() + kFixed});
    by_key_[key] = entries_.begin();
    counters_.bytes += entries_.front().bytes;
    while (counters_.bytes > limit_) {
      counters_.bytes -= entries_.back().bytes;
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
    }
    counters_.values = entries_.size();
  }

  [[nodiscard]] Counters counters() const {
    const std::scoped_lock lock(mutex_);
    return counters_;
  }

 private:
  static constexpr std::size_t kFixed = 256;  // list and map nodes, roughly
  struct Entry {
    std::string key;
    Pointer value;
    std::size_t bytes;
  };

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;
  std::unordered_map<std::string, typename std::list<Entry>::iterator> by_key_;
  Counters counters_;
};

}  // namespace gantry::archive

#include "gantry/auth/token_cache.hpp"

#include <cstring>

namespace gantry::auth {

std::size_t TokenCache::Hash::operator()(const Sha256& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data() + 8, sizeof hash);
  return hash;
}

TokenCache::TokenCache(std::size_t entries) : per_shard_(entries / shards_.size() + (entries % shards_.size() ? 1 : 0)) {}

std::shared_ptr<const TokenCache::Entry> TokenCache::find(const Sha256& digest,
                                                          std::chrono::system_clock::time_point now) {
  Shard& shard = shard_of(digest);
  const std::scoped_lock lock(shard.mutex);
  const auto place = shard.places.find(digest);
  if (place == shard.places.end()) return nullptr;
  if (place->second->second->identity.expires <= now) {
    shard.order.erase(place->second);
    shard.places.erase(place);
    return nullptr;
  }
  shard.order.splice(shard.order.begin(), shard.order, place->second);
  return place->second->second;
}

void TokenCache::keep(const Sha256& digest, std::shared_ptr<const Entry> entry) {
  if (per_shard_ == 0) return;
  Shard& shard = shard_of(digest);
  const std::scoped_lock lock(shard.mutex);
  if (const auto place = shard.places.find(digest); place != shard.places.end()) {
    place->second->second = std::move(entry);
    return;
  }
  if (shard.order.size() >= per_shard_) {
    shard.places.erase(shard.order.back().first);
    shard.order.pop_back();
  }
  shard.order.emplace_front(digest, std::move(entry));
  shard.places.emplace(digest, shard.order.begin());
}

std::size_t TokenCache::size() const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    sum += shard.order.size();
  }
  return sum;
}

}  // namespace gantry::auth

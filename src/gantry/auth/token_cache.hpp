#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "gantry/auth/identity.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::auth {

/// Tokens that were verified, by their SHA-256: a token itself is kept nowhere. Bounded in number, the least recently
/// used goes first. Thread-safe; never blocks for longer than a look-up.
class TokenCache {
 public:
  struct Entry {
    Identity identity;
    std::size_t issuer = 0;        ///< whose keys verified it
    std::uint64_t generation = 0;  ///< of these keys
  };

  explicit TokenCache(std::size_t entries);

  /// Null when it is not there, or its token ended.
  [[nodiscard]] std::shared_ptr<const Entry> find(const Sha256& digest, std::chrono::system_clock::time_point now);
  void keep(const Sha256& digest, std::shared_ptr<const Entry> entry);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const Sha256& digest) const noexcept;
  };
  using Order = std::list<std::pair<Sha256, std::shared_ptr<const Entry>>>;  ///< the most recently used first
  struct Shard {
    mutable std::mutex mutex;
    Order order;
    std::unordered_map<Sha256, Order::iterator, Hash> places;
  };
  Shard& shard_of(const Sha256& digest) { return shards_[digest[0] % shards_.size()]; }

  std::array<Shard, 16> shards_;
  const std::size_t per_shard_;
};

}  // namespace gantry::auth

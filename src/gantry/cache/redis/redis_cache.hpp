#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "gantry/cache/redis/redis_settings.hpp"
#include "gantry/cache/shared_cache.hpp"

namespace gantry::cache {

/// The cache in a Redis from 6.0 on: one server, or the primary that sentinels name, not a cluster. Each call is one
/// write and one read on a connection of a pool. After failures in a row it is left alone for a while (CircuitBreaker),
/// so that its being away costs nothing.
class RedisCache final : public SharedCache {
 public:
  /// Connects to nobody yet: a Redis that is away may come. kInvalid: settings that never work.
  static Result<std::unique_ptr<RedisCache>> open(RedisSettings settings);
  ~RedisCache() override;

  Result<std::vector<std::optional<Entry>>> get(const RequestContext& ctx, std::span<const std::string> keys) override;
  Result<std::vector<bool>> put(const RequestContext& ctx, std::span<const Entry> entries) override;
  Result<bool> acquire(const RequestContext& ctx, const std::string& key, std::string_view token,
                       std::chrono::milliseconds life) override;
  Result<bool> renew(const RequestContext& ctx, const std::string& key, std::string_view token,
                     std::chrono::milliseconds life) override;
  Result<bool> release(const RequestContext& ctx, const std::string& key, std::string_view token) override;
  Result<std::optional<std::string>> holder(const RequestContext& ctx, const std::string& key) override;
  Result<std::optional<std::string>> get_text(const RequestContext& ctx, const std::string& key) override;
  Result<void> put_text(const RequestContext& ctx, const std::string& key, std::string_view text,
                        std::chrono::milliseconds life) override;
  Result<std::uint64_t> remove_prefixes(const RequestContext& ctx, std::span<const std::string> prefixes) override;
  [[nodiscard]] Counters counters() const override;
  Result<void> check(const RequestContext& ctx) override;

 private:
  class Impl;
  explicit RedisCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::cache

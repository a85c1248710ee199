#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "gantry/cache/shared_cache.hpp"

namespace gantry::cache {

/// The cache as a map behind one mutex: for tests, and the reference that the Redis one is compared with.
class MemoryCache final : public SharedCache {
 public:
  using Now = std::function<Clock::time_point()>;
  explicit MemoryCache(Now now = [] { return Clock::now(); }) : now_(std::move(now)) {}

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
  struct Value {
    std::string text;
    Clock::time_point until;
  };
  /// nullptr: nothing, or its life is over.
  Value* find(const std::string& key);

  const Now now_;
  mutable std::mutex mutex_;
  std::map<std::string, Value> values_;
  Counters counters_;
};

}  // namespace gantry::cache

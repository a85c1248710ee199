#include "gantry/cache/memory/memory_cache.hpp"

#include <algorithm>

#include <utility>

namespace gantry::cache {

MemoryCache::Value* MemoryCache::find(const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  if (found->second.until > now_()) return &found->second;
  values_.erase(found);
  return nullptr;
}

Result<std::vector<std::optional<SharedCache::Entry>>> MemoryCache::get(const RequestContext& /*ctx*/,
                                                                        std::span<const std::string> keys) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::optional<Entry>> entries(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Value* const value = find(keys[i]);
    const auto version = value == nullptr ? std::nullopt : version_of_text(value->text);
    if (version) entries[i] = Entry{keys[i], *version, value->text, {}};
    ++(version ? counters_.hits : counters_.misses);
    if (version) counters_.bytes_in += value->text.size();
  }
  return entries;
}

Result<std::vector<bool>> MemoryCache::put(const RequestContext& /*ctx*/, std::span<const Entry> entries) {
  const std::scoped_lock lock(mutex_);
  std::vector<bool> kept;
  for (const Entry& entry : entries) {
    const Value* const value = find(entry.key);
    const auto version = value == nullptr ? std::nullopt : version_of_text(value->text);
    kept.push_back(!version || *version < entry.version || (*version == entry.version && !is_tombstone(entry.text)));
    ++(kept.back() ? counters_.fills : counters_.fills_refused);
    if (!kept.back()) continue;
    counters_.bytes_out += entry.text.size();
    values_[entry.key] = {entry.text, now_() + entry.life};
  }
  return kept;
}

Result<bool> MemoryCache::acquire(const RequestContext& /*ctx*/, const std::string& key, std::string_view token,
                                  std::chrono::milliseconds life) {
  const std::scoped_lock lock(mutex_);
  if (find(key) != nullptr) return false;
  values_[key] = {std::string(token), now_() + life};
  return true;
}

Result<bool> MemoryCache::renew(const RequestContext& /*ctx*/, const std::string& key, std::string_view token,
                                std::chrono::milliseconds life) {
  const std::scoped_lock lock(mutex_);
  Value* const value = find(key);
  if (value == nullptr || value->text != token) return false;
  value->until = now_() + life;
  return true;
}

Result<bool> MemoryCache::release(const RequestContext& /*ctx*/, const std::string& key, std::string_view token) {
  const std::scoped_lock lock(mutex_);
  const Value* const value = find(key);
  if (value == nullptr || value->text != token) return false;
  values_.erase(key);
  return true;
}

Result<std::optional<std::string>> MemoryCache::holder(const RequestContext& ctx, const std::string& key) {
  return get_text(ctx, key);
}

Result<std::optional<std::string>> MemoryCache::get_text(const RequestContext& /*ctx*/, const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const Value* const value = find(key);
  return value == nullptr ? std::nullopt : std::optional(value->text);
}

Result<void> MemoryCache::put_text(const RequestContext& /*ctx*/, const std::string& key, std::string_view text,
                                   std::chrono::milliseconds life) {
  const std::scoped_lock lock(mutex_);
  values_[key] = {std::string(text), now_() + life};
  return {};
}

Result<std::uint64_t> MemoryCache::remove_prefixes(const RequestContext& /*ctx*/,
                                                   std::span<const std::string> prefixes) {
  const std::scoped_lock lock(mutex_);
  return std::uint64_t{std::erase_if(values_, [prefixes](const auto& value) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&value](const std::string& prefix) { return value.first.starts_with(prefix); });
  })};
}

SharedCache::Counters MemoryCache::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

Result<void> MemoryCache::check(const RequestContext& /*ctx*/) { return {}; }

}  // namespace gantry::cache

#include "gantry/server/admission.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace gantry::server {
namespace {

double seconds_of(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void Admission::Tenant::fill(const TenantLimits& limits, Clock::time_point now) {
  const auto rate = static_cast<double>(limits.requests_per_s);
  if (most == 0) {
    tokens = rate;
  } else {
    tokens += per_second * std::max(0.0, seconds_of(now - filled));
  }
  // Limits may have changed since.
  per_second = most = rate;
  tokens = std::min(tokens, most);
  filled = now;
}

bool Admission::Tenant::is_idle(Clock::time_point now) const {
  return running == 0 && tokens + per_second * std::max(0.0, seconds_of(now - filled)) >= most;
}

Admission::Shard& Admission::shard_of(const std::string& tenant) const {
  return shards_[std::hash<std::string>()(tenant) % shards_.size()];
}

void Admission::sweep(Shard& shard, Clock::time_point now) {
  std::erase_if(shard.tenants, [now](const auto& entry) { return entry.second.is_idle(now); });
  shard.sweep_at = std::max<std::size_t>(64, 2 * shard.tenants.size());
}

std::variant<Admission::Admitted, Admission::Refusal> Admission::enter(const TenantId& tenant, const TenantLimits& limits,
                                                                       Clock::time_point now) {
  Shard& shard = shard_of(tenant.str());
  const std::scoped_lock lock(shard.mutex);
  if (shard.tenants.size() >= shard.sweep_at) sweep(shard, now);
  Tenant& entry = shard.tenants[tenant.str()];
  if (limits.concurrent != 0 && entry.running >= limits.concurrent) return Refusal{Reason::kConcurrency, std::chrono::seconds(1)};
  if (limits.requests_per_s != 0) {
    entry.fill(limits, now);
    if (entry.tokens < 1) {
      const double wait = (1 - entry.tokens) / entry.per_second;
      return Refusal{Reason::kRate, std::chrono::seconds(std::max<std::int64_t>(1, std::llround(std::ceil(wait))))};
    }
    entry.tokens -= 1;
  } else {
    entry.most = entry.per_second = entry.tokens = 0;
  }
  ++entry.running;
  return Admitted(&entry, [&shard](Tenant* admitted) {
    // A tenant with requests in work is never swept, so the entry is where it was.
    const std::scoped_lock leaving(shard.mutex);
    --admitted->running;
  });
}

std::uint64_t Admission::running(const TenantId& tenant) const {
  const Shard& shard = shard_of(tenant.str());
  const std::scoped_lock lock(shard.mutex);
  const auto entry = shard.tenants.find(tenant.str());
  return entry == shard.tenants.end() ? 0 : entry->second.running;
}

}  // namespace gantry::server

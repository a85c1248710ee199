#include "gantry/archive/version_reader.hpp"

#include <cassert>
#include <utility>

#include <pthread.h>

namespace gantry::archive {
namespace {

/// A statement's most; a provider's own limit is mostly shorter.
constexpr std::chrono::seconds kStatementMost{5};
/// A tenant that changed within it is busy.
constexpr std::chrono::milliseconds kBusy{500};
constexpr std::chrono::microseconds kPatience{100};
constexpr std::size_t kKnownMost = 65'536, kTenantsMost = 4'096;

std::string name_of(const index::VersionKey& key) {
  return key.tenant.str() + '/' + key.study.str() + '/' + key.series.str() + '/' + key.sop.str();
}

}  // namespace

/// Waiters that one statement answers.
struct VersionReader::Round {
  std::vector<Waiter> waiters;
  std::vector<index::VersionKey> keys;
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> places;        ///< by name
  std::unordered_map<std::string, std::uint64_t> own_writes;  ///< of the tenants, before the statement
  Clock::time_point began;

  /// False: there is no room for the waiter's keys.
  bool take(Waiter& waiter) {
    std::size_t fresh = 0;
    for (const auto& name : waiter.names) fresh += places.contains(name) ? 0 : 1;
    if (keys.size() + fresh > index::kVersionKeysMost) return false;
    for (std::size_t i = 0; i < waiter.keys.size(); ++i) {
      if (!places.try_emplace(waiter.names[i], keys.size()).second) continue;
      keys.push_back(waiter.keys[i]);
      names.push_back(waiter.names[i]);
    }
    waiters.push_back(std::move(waiter));
    return true;
  }
};

VersionReader::VersionReader(index::InstanceIndex& index, std::chrono::milliseconds staleness_most)
    : index_(index), staleness_most_(staleness_most), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "version-reader");
}

VersionReader::~VersionReader() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Task<VersionReader::Versions> VersionReader::read(std::vector<index::VersionKey> keys) {
  assert(keys.size() <= kKeysMost);
  std::vector<std::string> names;
  for (const auto& key : keys) names.push_back(name_of(key));
  OneShot<Versions> shot;
  {
    const std::scoped_lock lock(mutex_);
    ++counters_.reads;
    if (staleness_most_.count() > 0) {
      if (auto versions = known(names)) co_return *std::move(versions);
    }
    waiting_.push_back({std::move(keys), std::move(names), shot});
  }
  wake_.notify_one();
  co_return co_await shot.take();
}

bool VersionReader::is_busy(const TenantId& tenant) const {
  const std::scoped_lock lock(mutex_);
  const auto found = tenants_.find(tenant.str());
  return found != tenants_.end() && Clock::now() - found->second.changed < kBusy;
}

void VersionReader::changed(const TenantId& tenant) {
  const std::scoped_lock lock(mutex_);
  Tenant& known_tenant = tenants_[tenant.str()];
  ++known_tenant.own_writes;
  known_tenant.changed = Clock::now();
  const std::string prefix = tenant.str() + '/';
  if (!known_.empty()) {
    std::erase_if(by_age_, [&](const std::string& name) { return name.starts_with(prefix) && known_.erase(name) > 0; });
  }
}

VersionReader::Counters VersionReader::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

std::optional<std::vector<std::uint64_t>> VersionReader::known(const std::vector<std::string>& names) const {
  std::vector<std::uint64_t> versions;
  const auto oldest = Clock::now() - staleness_most_;
  for (const auto& name : names) {
    const auto found = known_.find(name);
    if (found == known_.end() || found->second.read < oldest) return std::nullopt;
    versions.push_back(found->second.version);
  }
  return versions;
}

void VersionReader::run() {
  std::size_t last = 0;  // how many the round before answered
  for (;;) {
    Round round;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;  // stopping, and nobody waits
      // Whoever was answered just now mostly comes back at once: a moment's patience makes one statement of several.
      if (last > 1) wake_.wait_for(lock, kPatience, [&] { return stopping_ || waiting_.size() >= last; });
      while (!waiting_.empty() && round.take(waiting_.front())) waiting_.pop_front();
      for (const auto& key : round.keys)
        round.own_writes.try_emplace(key.tenant.str(), tenants_[key.tenant.str()].own_writes);
    }
    last = round.waiters.size();
    answer(round);
  }
}

void VersionReader::answer(Round& round) {
  round.began = Clock::now();
  RequestContext ctx;
  ctx.principal = "version-reader";
  ctx.deadline = round.began + kStatementMost;
  const auto versions = index_.versions(ctx, round.keys);
  {
    const std::scoped_lock lock(mutex_);
    ++counters_.statements;
    counters_.keys += round.keys.size();
    if (versions) {
      remember(round, *versions);
    } else {
      ++counters_.failures;
    }
  }
  for (auto& waiter : round.waiters) {
    if (!versions) {
      waiter.shot.set(versions.error());
      continue;
    }
    std::vector<std::uint64_t> own;
    own.reserve(waiter.names.size());
    for (const auto& name : waiter.names) own.push_back((*versions)[round.places.at(name)]);
    waiter.shot.set(std::move(own));
  }
}

void VersionReader::remember(const Round& round, const std::vector<std::uint64_t>& versions) {
  // Nothing is lost but haste when the tenants are forgotten.
  if (tenants_.size() > kTenantsMost)
    std::erase_if(tenants_, [](const auto& each) { return each.second.own_writes == 0; });
  for (std::size_t i = 0; i < round.keys.size(); ++i) {
    Tenant& tenant = tenants_[round.keys[i].tenant.str()];
    if (round.keys[i].study.empty() && versions[i] != tenant.change_no) {
      if (tenant.change_no != 0) tenant.changed = round.began;
      tenant.change_no = versions[i];
    }
    // What this process wrote meanwhile, the statement may have missed.
    if (staleness_most_.count() == 0 || tenant.own_writes != round.own_writes.at(round.keys[i].tenant.str())) continue;
    const auto [at, is_new] = known_.try_emplace(round.names[i]);
    if (is_new) {
      at->second.age = by_age_.insert(by_age_.end(), round.names[i]);
    } else {
      by_age_.splice(by_age_.end(), by_age_, at->second.age);
    }
    at->second.version = versions[i];
    at->second.read = round.began;
  }
  while (known_.size() > kKnownMost) {
    known_.erase(by_age_.front());
    by_age_.pop_front();
  }
}

}  // namespace gantry::archive

#include "gantry/tenant/directory.hpp"

#include <utility>

namespace gantry::tenant {

Error no_such_tenant() { return Error::denied("this server has no such tenant for you"); }

TenantDirectory::TenantDirectory(WorkerPool& pool, Read read, Settings settings)
    : pool_(pool), read_(std::move(read)), settings_(settings) {}

Task<Result<TenantInfo>> TenantDirectory::find(TenantId tenant) {
  OneShot<Answer> shot;
  {
    const std::scoped_lock lock(mutex_);
    Entry& entry = entry_of(tenant);
    const auto age = Clock::now() - entry.read;
    const bool fresh = entry.known && age < settings_.age_most;
    // From half of its time on it is read again while it is still good; what the pool refuses, the next one tries.
    if ((!fresh || age >= settings_.age_most / 2) && !entry.reading && !begin_reading(tenant, entry) && !fresh) {
      co_return Error::unavailable("the server is at its limit of queued work");
    }
    if (fresh) {
      if (!entry.info) co_return no_such_tenant();
      co_return *entry.info;
    }
    entry.waiting.push_back(shot);
  }
  const Answer answer = co_await shot.take();
  if (!answer) co_return answer.error();
  if (!*answer) co_return no_such_tenant();
  co_return **answer;
}

void TenantDirectory::forget(const TenantId& tenant) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(tenant.str());
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.known = false;
  // Who waits came before the change; who comes now must not be told what a reading found that began before it.
  if (!entry.waiting.empty()) {
    entry.reading = false;
    if (begin_reading(tenant, entry)) return;
    for (const auto& shot : std::exchange(entry.waiting, {})) {
      shot.set(Error::unavailable("the server is at its limit of queued work"));
    }
  }
  entry.reading = false;
}

TenantDirectory::Counters TenantDirectory::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

TenantDirectory::Entry& TenantDirectory::entry_of(const TenantId& tenant) {
  const auto [found, is_new] = entries_.try_emplace(tenant.str());
  if (is_new) {
    found->second.age = by_age_.insert(by_age_.end(), tenant.str());
    if (entries_.size() > settings_.tenants_most) {
      // One that somebody waits for stays for its reading to find.
      for (auto oldest = by_age_.begin(); oldest != by_age_.end(); ++oldest) {
        const auto victim = entries_.find(*oldest);
        if (victim == found || victim->second.reading) continue;
        by_age_.erase(oldest);
        entries_.erase(victim);
        break;
      }
    }
  } else {
    by_age_.splice(by_age_.end(), by_age_, found->second.age);
  }
  return found->second;
}

bool TenantDirectory::begin_reading(const TenantId& tenant, Entry& entry) {
  const std::uint64_t number = ++readings_;
  if (!pool_.try_submit([this, tenant, number] { read(tenant, number); })) return false;
  entry.reading = true;
  entry.number = number;
  ++counters_.reads;
  return true;
}

void TenantDirectory::read(const TenantId& tenant, std::uint64_t number) {
  const auto began = Clock::now();
  const Answer answer = read_(tenant);
  const bool is_gone =
      answer && (!*answer || (*answer)->state == TenantState::kDeleting || (*answer)->state == TenantState::kDeleted);
  std::vector<OneShot<Answer>> waiting;
  bool was_there = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!answer) ++counters_.failures;
    const auto found = entries_.find(tenant.str());
    if (found == entries_.end() || found->second.number != number) return;  // forgotten, and read anew
    Entry& entry = found->second;
    const bool forgotten = !entry.reading;
    entry.reading = false;
    if (answer && !forgotten) {
      was_there = std::exchange(entry.there, !is_gone);
      entry.info = *answer;
      entry.read = began;
      entry.known = true;
    }
    waiting = std::move(entry.waiting);
    entry.waiting.clear();
  }
  for (const auto& shot : waiting) shot.set(answer);
  if (is_gone && was_there && settings_.gone) settings_.gone(tenant);
}

}  // namespace gantry::tenant

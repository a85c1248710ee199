#include "gantry/archive/outbox.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <pthread.h>

#include "gantry/cache/keys.hpp"

namespace gantry::archive {
namespace {

constexpr std::chrono::seconds kRoundMost{5};
constexpr std::chrono::seconds kPauseAfterFailure{1};
constexpr std::size_t kChangesMost = 1000;
/// A cursor that nobody moved for so long is not missed: what it would repeat is gone, too.
constexpr std::chrono::hours kCursorLife{24};

}  // namespace

Outbox::Outbox(index::InstanceIndex& index, cache::SharedCache& cache, TenantId first, Settings settings)
    : index_(index), cache_(cache), settings_(settings), tenants_{{std::move(first), true}}, thread_([this] {
        run();
      }) {
  pthread_setname_np(thread_.native_handle(), "cache-outbox");
}

Outbox::~Outbox() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Outbox::changed(const TenantId& tenant) {
  {
    const std::scoped_lock lock(mutex_);
    tenants_[tenant] = true;
    if (std::exchange(woken_, true)) return;
  }
  wake_.notify_all();
}

Outbox::Counters Outbox::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

Result<std::uint64_t> Outbox::told_up_to(const RequestContext& ctx) {
  const std::string key = cache::outbox_key(ctx.tenant);
  GANTRY_LET(const auto found, cache_.get(ctx, std::span(&key, 1)));
  const auto ours = cursors_.find(ctx.tenant);
  const std::uint64_t known = ours == cursors_.end() ? 0 : ours->second;
  if (found[0]) return std::max(found[0]->version, known);
  if (ours != cursors_.end()) return known;
  // Nobody told anything yet, or the cache lost it with all that it held: there is nothing to be forgotten.
  GANTRY_LET(const index::TenantTotals totals, index_.totals(ctx));
  return totals.change_no;
}

Result<bool> Outbox::tell(const TenantId& tenant) {
  RequestContext ctx;
  ctx.tenant = tenant;
  ctx.principal = "outbox";
  ctx.deadline = Clock::now() + kRoundMost;
  GANTRY_LET(const std::uint64_t from, told_up_to(ctx));
  GANTRY_LET(const auto changes, index_.changes(ctx, from, kChangesMost));
  std::map<std::string, std::uint64_t> studies;
  std::uint64_t last = from;
  for (const auto& change : changes) {
    last = std::max(last, change.version);
    auto& version = studies[cache::study_rows_key(tenant, change.study)];
    version = std::max(version, change.version);
  }
  std::vector<cache::SharedCache::Entry> entries;
  for (const auto& [key, version] : studies) {
    entries.push_back({key, version, cache::versioned_text(version), settings_.study_life});
  }
  // More than a version, so that a cursor of the same version is not taken for a tombstone: its life begins anew.
  entries.push_back({cache::outbox_key(tenant), last, cache::versioned_text(last, R"("told":true)"), kCursorLife});
  GANTRY_TRY(cache_.put(ctx, entries));
  cursors_[tenant] = last;
  const std::scoped_lock lock(mutex_);
  counters_.told += studies.size();
  return changes.size() == kChangesMost;
}

void Outbox::run() {
  std::chrono::milliseconds pause = settings_.pause;
  for (;;) {
    std::vector<TenantId> tenants;
    {
      std::unique_lock lock(mutex_);
      // Commits that follow each other closely are told together.
      if (wake_.wait_for(lock, pause, [this] { return stopping_; })) return;
      const bool woken = wake_.wait_for(lock, settings_.look_again, [this] { return stopping_ || woken_; });
      if (stopping_) return;
      woken_ = false;
      for (auto& [tenant, has_changes] : tenants_) {
        if (!woken || has_changes) tenants.push_back(tenant);
        has_changes = false;
      }
    }
    pause = settings_.pause;
    for (const TenantId& tenant : tenants) {
      const auto more = tell(tenant);
      if (more && !*more) continue;
      if (!more) pause = kPauseAfterFailure;
      const std::scoped_lock lock(mutex_);
      counters_.failures += more ? 0 : 1;
      tenants_[tenant] = woken_ = true;
    }
  }
}

}  // namespace gantry::archive

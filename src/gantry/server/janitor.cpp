#include "gantry/server/janitor.hpp"

#include <algorithm>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gantry/index/record_store.hpp"

namespace gantry::server {
namespace {

constexpr int kNiceness = 10;
constexpr std::chrono::seconds kStepLimit{600};  ///< a step that takes longer goes on in the next round

constexpr std::chrono::hours kExpiredKept{30 * 24};
constexpr std::size_t kExpiredPage = 500;

RequestContext housekeeping() {
  RequestContext ctx;
  ctx.principal = "janitor";
  ctx.deadline = Clock::now() + kStepLimit;
  return ctx;
}

}  // namespace

Janitor::Janitor(index::InstanceIndex& index, storage::ObjectStore& objects, archive::RenditionStore* renditions,
                 JanitorSettings settings, Told told)
    : index_(index), objects_(objects), renditions_(renditions), settings_(settings), told_(std::move(told)), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "janitor");
}

Janitor::~Janitor() { stop(); }

void Janitor::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Janitor::run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
  auto next_unlink = Clock::now();
  auto next_sweep = Clock::now() + std::min<std::chrono::seconds>(settings_.sweep_every, settings_.unlink_every);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto now = Clock::now();
    if (now >= next_unlink || now >= next_sweep) {
      lock.unlock();
      if (now >= next_unlink) {
        unlink();
        make_room();
        next_unlink = Clock::now() + settings_.unlink_every;
      }
      if (now >= next_sweep) {
        sweep();
        drop_expired();
        next_sweep = Clock::now() + settings_.sweep_every;
      }
      lock.lock();
      continue;
    }
    wake_.wait_until(lock, std::min(next_unlink, next_sweep), [this] { return stopping_; });
  }
}

void Janitor::unlink() {
  const auto done = archive::unlink_due(housekeeping(), index_, objects_);
  if (!done) {
    told_(true, "removing deleted objects: " + done.error().detail());
  } else if (done->deleted > 0) {
    told_(false, "removed " + std::to_string(done->deleted) + " deleted objects");
  }
  if (done) tell_put_off(*done);
}

void Janitor::sweep() {
  archive::RenditionCensus census(renditions_ != nullptr ? renditions_->settings() : archive::RenditionSettings());
  const auto done = archive::sweep_unheld(housekeeping(), index_, objects_, settings_.litter_age,
                                          [&census](const storage::ObjectInfo& info) { census.note(info); });
  if (!done) {
    told_(true, "sweeping litter: " + done.error().detail());
  } else if (done->unheld > 0) {
    told_(false, "swept " + std::to_string(done->unheld) + " objects that no row holds");
  }
  if (done) tell_put_off(*done);
  if (done && renditions_ != nullptr) make_room(census);
}

void Janitor::make_room() {
  if (renditions_ == nullptr || !renditions_->is_full()) return;
  archive::RenditionCensus census(renditions_->settings());
  const auto counted = objects_.list(housekeeping(), [&census](const storage::ObjectInfo& info) {
    census.note(info);
    return true;
  });
  if (!counted) return told_(true, "counting renditions: " + counted.error().detail());
  make_room(census);
}

void Janitor::make_room(const archive::RenditionCensus& census) {
  const auto went = renditions_->settle(housekeeping(), census);
  if (!went) {
    told_(true, "removing renditions: " + went.error().detail());
  } else if (*went > 0) {
    told_(false, "removed " + std::to_string(*went) + " renditions to make room for others");
  }
}

// Kept for a while, so that a list shows why something stopped working.
void Janitor::drop_expired() {
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (std::size_t gone = kExpiredPage; gone == kExpiredPage;) {
    const auto done = index_.records().remove_expired_records(housekeeping(), now - kExpiredKept, kExpiredPage);
    if (!done) return told_(true, "removing expired keys and shares: " + done.error().detail());
    gone = *done;
  }
}

void Janitor::tell_put_off(const archive::SweepReport& report) {
  if (report.put_off == 0) return;
  told_(true, std::to_string(report.put_off) + " objects could not be removed yet: " + report.why);
}

}  // namespace gantry::server

#include "gantry/server/series_workers.hpp"

#include <algorithm>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gantry::server {
namespace {

constexpr int kNiceness = 10;
/// How often the index is asked when nothing was due: soon enough for a short quiet period, and rare for a shared
/// index.
constexpr std::chrono::milliseconds kPauseLeast{100}, kPauseMost{2000};
constexpr std::chrono::seconds kPauseAfterFailure{5};
/// How often all series are counted; and a count that takes long must not take more than a hundredth of the time.
constexpr std::chrono::seconds kCountEvery{30}, kCountMost{30};
constexpr int kCountShare = 100;
/// Between two series on a busy machine: four a second and thread go on, so a backlog always shrinks.
constexpr std::chrono::milliseconds kPauseWhenBusy{250};

archive::PreparerSettings preparer_settings(const config::Settings::Worker& settings) {
  archive::PreparerSettings preparer;
  preparer.quiet_period = settings.quiet_period;
  preparer.lease = std::chrono::ceil<std::chrono::seconds>(settings.lease);
  preparer.batch = 1;  // between two series there is something to look at
  return preparer;
}

/// In percent; what no share is above when there is no threshold.
double threshold_of(std::uint64_t setting) { return setting == 0 ? 100.0 : static_cast<double>(setting); }

}  // namespace

SeriesWorkers::SeriesWorkers(index::InstanceIndex& index, storage::ObjectStore& objects,
                             const config::Settings::Worker& settings, Told told, GenerationMarks marks,
                             std::filesystem::path proc)
    : index_(index),
      objects_(objects),
      settings_(preparer_settings(settings)),
      cpu_threshold_(threshold_of(settings.cpu_threshold)),
      memory_threshold_(threshold_of(settings.memory_threshold)),
      proc_(std::move(proc)),
      told_(std::move(told)) {
  settings_.cache = marks.cache;
  settings_.generation = marks.lives;
  for (std::uint64_t i = 0; i < settings.threads; ++i) {
    threads_.emplace_back([this, counts = i == 0] { run(counts); });
    pthread_setname_np(threads_.back().native_handle(), "series-worker");
  }
}

SeriesWorkers::~SeriesWorkers() { stop(); }

void SeriesWorkers::drain(std::chrono::seconds finish_most) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    hand_back_at_ = Clock::now() + finish_most;
    stopping_ = true;
  }
  wake_.notify_all();
}

void SeriesWorkers::stop() {
  drain();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

SeriesWorkers::Counters SeriesWorkers::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

void SeriesWorkers::count(const archive::PreparedSeries& done) {
  const std::scoped_lock lock(mutex_);
  counters_.ready += done.ready;
  counters_.failed += done.failed;
  counters_.changed += done.changed;
  counters_.lost += done.lost;
  counters_.handed_back += done.handed_back;
  counters_.bytes += done.bytes;
}

bool SeriesWorkers::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_.load(); });
}

bool SeriesWorkers::slow_down(MachineWatch& machine) {
  const MachineLoad load = machine.look();
  if (load.cpu.value_or(0) <= cpu_threshold_ && load.memory.value_or(0) <= memory_threshold_) return true;
  {
    const std::scoped_lock lock(mutex_);
    ++counters_.slowed;
  }
  return pause(kPauseWhenBusy);
}

std::optional<index::JsonTotals> SeriesWorkers::totals() const {
  const std::scoped_lock lock(mutex_);
  return totals_;
}

void SeriesWorkers::count_totals(const RequestContext& ctx) {
  const auto start = Clock::now();
  if (start < count_next_) return;
  RequestContext within = ctx;
  within.deadline = std::min(ctx.deadline, start + kCountMost);
  const auto totals = index_.json_totals(within);
  count_next_ = start + std::max<Clock::duration>(kCountEvery, kCountShare * (Clock::now() - start));
  if (!totals) {
    told_("counting the series that are due: " + totals.error().detail());
    return;
  }
  const std::scoped_lock lock(mutex_);
  totals_ = *totals;
}

void SeriesWorkers::run(bool counts) {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
  archive::SeriesPreparer preparer(index_, objects_, settings_);
  const auto between = std::clamp(settings_.quiet_period / 4, kPauseLeast, kPauseMost);
  const archive::WorkerStop stop{[this] { return stopping_.load(); },
                                 [this] { return Clock::now() >= hand_back_at_.load(); }};
  MachineWatch machine(proc_);
  bool failing = false;
  while (!stopping_) {
    RequestContext ctx;
    ctx.principal = "worker";
    const auto done = preparer.work(ctx, stop);
    if (!done) {
      // Said once: an index that is away is seen by everybody.
      if (!failing) told_("preparing series: " + done.error().detail());
      failing = true;
      if (!pause(kPauseAfterFailure)) return;
      continue;
    }
    failing = false;
    count(*done);
    if (counts) count_totals(ctx);
    if (!done->why.empty()) told_("a series could not be prepared: " + done->why);
    if (done->claimed() == 0 ? !pause(between) : !slow_down(machine)) return;
  }
}

}  // namespace gantry::server

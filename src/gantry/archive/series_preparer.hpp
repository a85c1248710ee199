#pragma once

// Makes the prepared metadata of series that are due (DESIGN §7).

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "gantry/archive/generation.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct PreparerSettings {
  /// A series is left alone until nothing came for so long.
  std::chrono::milliseconds quiet_period = std::chrono::seconds(10);
  /// A worker that is not heard of for so long has lost its series.
  std::chrono::seconds lease = std::chrono::minutes(5);
  /// Series made in a round.
  std::size_t batch = 10;
  /// One that takes longer has failed.
  std::chrono::seconds series_most = std::chrono::hours(1);
  /// Where other nodes see what is being generated; may be null, and outlives the worker.
  cache::SharedCache* cache = nullptr;
  GenerationLives generation = {};
  /// Says when a lease is to be renewed; another one in tests.
  std::function<Clock::time_point()> clock = &Clock::now;
};

/// What a round did.
struct PreparedSeries {
  std::uint64_t ready = 0;        ///< whole
  std::uint64_t failed = 0;       ///< to be tried again, or given up
  std::uint64_t changed = 0;      ///< changed while they were made; due again
  std::uint64_t lost = 0;         ///< taken by others, as the lease was not renewed in time, or deleted
  std::uint64_t handed_back = 0;  ///< not finished when the worker had to stop; due again
  std::uint64_t bytes = 0;        ///< of the objects
  std::string why;                ///< of the first that failed: "" when none did

  [[nodiscard]] std::uint64_t claimed() const { return ready + failed + changed + lost + handed_back; }
};

/// How a worker is stopped.
struct WorkerStop {
  /// Asked between two series: those that are not begun stay claimed by nobody.
  std::function<bool()> soon = [] { return false; };
  /// Asked within a series: it is handed back.
  std::function<bool()> now = [] { return false; };
};

/// How long a series waits after the given try (from 1) failed: min(30 s x 2^(try - 1), 30 min) ± 20 %.
[[nodiscard]] std::chrono::seconds retry_after(int tries);

/// One worker. Blocking; one thread at a time.
class SeriesPreparer {
 public:
  /// Ports outlive it.
  SeriesPreparer(index::InstanceIndex& index, storage::ObjectStore& objects, PreparerSettings settings);

  /// Claims due series and makes their documents, each under a lease that is renewed as long as it takes. A series that
  /// fails harms no other. An error: the index can't be asked.
  Result<PreparedSeries> work(const RequestContext& ctx, const WorkerStop& stop);

 private:
  class Lease;
  struct Made {
    enum class End { kMade, kChanged, kLost, kStopped } end = End::kMade;
    ObjectKey key;
    std::uint64_t bytes = 0;
    std::uint32_t damaged = 0;
  };
  Result<Made> make(const RequestContext& ctx, const index::JsonClaim& claim, const WorkerStop& stop,
                    Generation& generation);
  Result<void> end(const RequestContext& ctx, const index::JsonClaim& claim, const Result<Made>& made,
                   PreparedSeries& done);

  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  const PreparerSettings settings_;
  const std::string owner_;
};

}  // namespace gantry::archive

#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/archive/rendition_store.hpp"
#include "gantry/archive/sweep.hpp"

namespace gantry::server {

struct JanitorSettings {
  std::chrono::seconds unlink_every{30};   ///< how often the delete queue is looked at
  std::chrono::seconds sweep_every{3600};  ///< how often litter is looked for; once soon after the start, too
  std::chrono::seconds litter_age{24 * 3600};
};

/// One thread at low priority that removes deleted objects when they are due, what a crash left behind, renditions beyond
/// their limit, and API keys and shares that expired 30 days ago.
class Janitor {
 public:
  /// What it did or could not do: `failed` or not, in words.
  using Told = std::function<void(bool failed, const std::string& words)>;

  /// All outlive it. `renditions` may be null.
  Janitor(index::InstanceIndex& index, storage::ObjectStore& objects, archive::RenditionStore* renditions,
          JanitorSettings settings, Told told);
  ~Janitor();
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

  /// Ends after the step that is running. Idempotent.
  void stop();

 private:
  void run();
  void unlink();
  void sweep();
  void drop_expired();
  /// Renditions that are more than may be kept.
  void make_room();
  void make_room(const archive::RenditionCensus& census);
  void tell_put_off(const archive::SweepReport& report);

  index::InstanceIndex& index_;
  storage::ObjectStore& objects_;
  archive::RenditionStore* const renditions_;
  const JanitorSettings settings_;
  const Told told_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gantry::server

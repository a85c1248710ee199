#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/store_service.hpp"

namespace gantry::server {

/// One thread at low priority that makes an HTJ2K rendition with RPCL of every image that is kept without loss: of those
/// that are stored from now on, told by commits, and after a start of those that have none yet.
class RenditionMaker final : public archive::StoreService::Listener {
 public:
  /// What could not be done, in words.
  using Told = std::function<void(const std::string& words)>;
  struct Counters {
    std::uint64_t made = 0, failed = 0, waiting = 0;
  };

  /// All outlive it.
  RenditionMaker(archive::RetrieveService& retrieves, storage::ObjectStore& objects, archive::PixelService& pixels,
                 Told told);
  ~RenditionMaker() override;

  /// Passes it on to the RetrieveService first.
  void committed(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series, const SopUid& sop) override;
  /// Ends after the image that is being made. Idempotent.
  void stop();
  [[nodiscard]] Counters counters() const;

 private:
  struct Job {
    TenantId tenant;
    StudyUid study;
    SeriesUid series;
    SopUid sop;
  };

  void run();
  /// Does the jobs that wait. False: it is over.
  bool work();
  void make(const Job& job);
  void make(const archive::InstancePtr& instance);
  /// Every image of the store that has none.
  void look_through();
  void look_at(const ObjectKey& original);

  archive::RetrieveService& retrieves_;
  storage::ObjectStore& objects_;
  archive::PixelService& pixels_;
  const Told told_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool missed_ = true;  ///< some image may have none: the store is looked through
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> made_{0}, failed_{0};
  std::thread thread_;
};

}  // namespace gantry::server

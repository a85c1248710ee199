#pragma once

#include <cstddef>
#include <memory>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/archive/rendition_store.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/worker_pool.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"
#include "gantry/server/rendition_maker.hpp"

namespace gantry::server {

/// Codec processes, the threads that wait for them, and what they made.
class PixelParts {
 public:
  /// All outlive it; `metrics` gets its counters, and is not read when it is gone.
  PixelParts(const config::Settings& settings, storage::ObjectStore& objects, archive::RetrieveService& retrieves,
             observe::Metrics& metrics, RenditionMaker::Told told);
  [[nodiscard]] archive::PixelService* service() noexcept { return &service_; }
  [[nodiscard]] archive::RenditionStore& renditions() noexcept { return renditions_; }
  /// Whom commits are told.
  [[nodiscard]] archive::StoreService::Listener& listener() noexcept;
  /// Begins nothing more of its own accord.
  void stop();

 private:
  void publish(observe::Metrics& metrics) const;

  archive::RetrieveService& retrieves_;
  const std::size_t processes_;
  pixels::SandboxedCodec codec_;
  archive::RenditionStore renditions_;
  archive::PixelService service_;
  WorkerPool pool_;                       ///< its threads end before what they use
  std::unique_ptr<RenditionMaker> maker_;  ///< null: not configured
};

}  // namespace gantry::server

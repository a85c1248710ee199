#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gantry/base/worker_pool.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/router.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/server/fsck_stream.hpp"
#include "gantry/server/landing_page.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::server {

/// What the routes beside DICOMweb need: the page, health, metrics, administration. Outlives the http::Server.
struct Site {
  index::InstanceIndex& index;
  storage::ObjectStore& objects;
  WorkerPool& index_pool;
  WorkerPool& disk_pool;
  dicomweb::Settings dicomweb;
  PageFacts facts;                       ///< those that don't change
  std::string identity;                  ///< of the archive, told at /healthz
  std::function<std::string()> metrics;  ///< Prometheus text; cheap, never blocks
  bool open = true;                      ///< nobody has to say who they are
  bool open_metrics = true;              ///< nor for /metrics, as this machine alone is served
  std::string route_table{};             ///< JSON, for /admin/routes
  Clock::time_point started = Clock::now();
  std::atomic<bool> draining{false};

  std::mutex mutex{};
  std::weak_ptr<FsckStream> check{};  ///< the check that runs, when one does

  /// Not ready any more; ends a running check, which nobody would wait for.
  void drain();
};

/// `/`, `/gantry.css`, `/healthz`, `/readyz`, `/metrics`, `/admin/fsck`, `/admin/routes`, worker_routes(), and nothing below `/tenants/`
/// of another tenant.
[[nodiscard]] std::vector<http::Route> site_routes(Site& site);

/// [{"method","path","permission","summary"}…] of what a server serves.
[[nodiscard]] std::string describe_routes(const std::vector<http::Route>& routes);

}  // namespace gantry::server

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/server/series_workers.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::server {

/// A node that serves nobody and prepares series' metadata for the others of its index and object store.
class WorkerApp {
 public:
  /// kInvalid for the embedded index, which is the serving process's alone. A database server that does not answer yet
  /// is waited for. `ready` hears once, on any thread, that it works.
  static Result<std::unique_ptr<WorkerApp>> start(const config::Settings& settings, observe::Log& log,
                                                  std::function<void(const std::string& line)> ready);
  /// Ends after the series that are being made, or hands them back. Idempotent.
  void stop() { workers_.stop(); }
  [[nodiscard]] SeriesWorkers::Counters counters() const { return workers_.counters(); }

 private:
  WorkerApp(std::unique_ptr<index::InstanceIndex> index, std::unique_ptr<storage::ObjectStore> objects,
            std::unique_ptr<cache::SharedCache> cache, const config::Settings& settings,
            const config::Settings::Worker& worker, observe::Log& log);

  std::unique_ptr<index::InstanceIndex> index_;
  std::unique_ptr<storage::ObjectStore> objects_;
  std::unique_ptr<cache::SharedCache> cache_;  ///< null: none is configured
  SeriesWorkers workers_;
};

}  // namespace gantry::server

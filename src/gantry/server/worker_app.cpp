#include "gantry/server/worker_app.hpp"

#include <algorithm>

#include "gantry/config/urls.hpp"
#include "gantry/server/app.hpp"
#include "gantry/server/providers.hpp"
#include "gantry/server/readiness.hpp"

namespace gantry::server {

Result<std::unique_ptr<WorkerApp>> WorkerApp::start(const config::Settings& settings, observe::Log& log,
                                                    std::function<void(const std::string& line)> ready) {
  GANTRY_LET(const bool embedded, is_embedded(settings));
  if (embedded) {
    return Error::invalid("index.url = \"" + config::redact_url(settings.index.url) +
                          "\" is the index of one process: the `gantry serve` that has it prepares series by itself. A "
                          "worker of its own needs an index on a database server");
  }
  const auto readiness = std::make_shared<Readiness>(std::move(ready));
  GANTRY_LET(auto index, open_index_or_wait(settings, log, readiness));
  GANTRY_LET(auto objects, open_objects(settings));
  GANTRY_LET(auto cache, open_cache(settings));
  auto worker = settings.worker;
  worker.threads = std::max<std::uint64_t>(worker.threads, 1);
  std::unique_ptr<WorkerApp> app(
      new WorkerApp(std::move(index), std::move(objects), std::move(cache), settings, worker, log));
  const std::string line = "Gantry " + std::string(version()) + " prepares series: " + std::to_string(worker.threads) +
                           " threads, index " + config::redact_url(settings.index.url) + ", storage " +
                           config::redact_url(settings.storage.url);
  if (!readiness->starts(line)) log.warn("nothing is prepared until the index is there");
  return app;
}

WorkerApp::WorkerApp(std::unique_ptr<index::InstanceIndex> index, std::unique_ptr<storage::ObjectStore> objects,
                     std::unique_ptr<cache::SharedCache> cache, const config::Settings& settings,
                     const config::Settings::Worker& worker, observe::Log& log)
    : index_(std::move(index)),
      objects_(std::move(objects)),
      cache_(std::move(cache)),
      workers_(*index_, *objects_, worker, [&log](const std::string& words) { log.warn(words); },
               {cache_.get(), {settings.cache.generating_life, settings.cache.generating_most}}) {}

}  // namespace gantry::server

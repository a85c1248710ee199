#include "gantry/cli/serve_command.hpp"

#include <chrono>
#include <memory>

#include "gantry/cli/service_process.hpp"
#include "gantry/server/app.hpp"
#include "gantry/server/worker_app.hpp"

namespace gantry::cli {
namespace {

constexpr std::chrono::seconds kGrace{25};  ///< for requests that run

}  // namespace

int run_serve(const config::Settings& settings) {
  return run_service("serve", settings, [&settings](observe::Log& log) -> Result<Service> {
    GANTRY_LET(auto started, server::App::start(settings, log, print_ready));
    const std::shared_ptr<server::App> app(std::move(started));
    Service service;
    service.reload = [running = std::weak_ptr(app)] {
      if (const auto serving = running.lock()) serving->reload();
    };
    service.stop = [owned = app]() mutable {
      owned->stop(kGrace);
      owned.reset();
    };
    return service;
  });
}

int run_worker(const config::Settings& settings) {
  return run_service("worker", settings, [&settings](observe::Log& log) -> Result<Service> {
    GANTRY_LET(auto started, server::WorkerApp::start(settings, log, print_ready));
    Service service;
    service.stop = [app = std::shared_ptr(std::move(started)), &log]() mutable {
      app->stop();
      const auto done = app->counters();
      log.info("series prepared", {{"ready", done.ready},
                                   {"failed", done.failed},
                                   {"changed", done.changed},
                                   {"lost", done.lost},
                                   {"handed_back", done.handed_back}});
      app.reset();
    };
    return service;
  });
}

}  // namespace gantry::cli

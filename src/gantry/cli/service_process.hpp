#pragma once

#include <functional>

#include "gantry/base/result.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/observe/log.hpp"

namespace gantry::cli {

/// What is to be done when a signal comes.
struct Service {
  std::function<void()> stop;
  std::function<void()> reload;  ///< SIGHUP; nothing: that signal ends the process, as the system has it
};

/// A command that runs until SIGTERM or SIGINT, then ends what runs and gives 0 within 30 s; a second signal ends the
/// process at once (nothing acknowledged is lost by that). `start` gives the service, or why it could not start: 2.
[[nodiscard]] int run_service(const char* command, const config::Settings& settings,
                              const std::function<Result<Service>(observe::Log&)>& start);

/// Prints a line that scripts wait for.
void print_ready(const std::string& line);

}  // namespace gantry::cli

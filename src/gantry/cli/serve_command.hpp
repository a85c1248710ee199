#pragma once

#include "gantry/config/settings.hpp"

namespace gantry::cli {

/// `gantry serve`: serves until SIGTERM or SIGINT, then finishes what runs and gives 0 within 30 s; a second signal
/// ends the process at once (nothing acknowledged is lost by that). 2: it could not start.
[[nodiscard]] int run_serve(const config::Settings& settings);

}  // namespace gantry::cli

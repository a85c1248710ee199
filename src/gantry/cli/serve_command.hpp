#pragma once

#include "gantry/config/settings.hpp"

namespace gantry::cli {

/// `gantry serve`, see run_service().
[[nodiscard]] int run_serve(const config::Settings& settings);
/// `gantry worker`: prepares series for the nodes that serve.
[[nodiscard]] int run_worker(const config::Settings& settings);

}  // namespace gantry::cli

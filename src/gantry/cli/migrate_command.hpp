#pragma once

#include "gantry/config/settings.hpp"

namespace gantry::cli {

struct MigrateOptions {
  bool status = false;   ///< only say how things are
  bool dry_run = false;  ///< print the statements instead of running them
};

/// `gantry migrate`: brings the schema of the index up to date. 0: it is; 1: `status` and `dry_run` found something to
/// do; 2: it could not work.
[[nodiscard]] int run_migrate(const config::Settings& settings, const MigrateOptions& options);

}  // namespace gantry::cli

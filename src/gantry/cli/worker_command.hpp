#pragma once

#include <cstddef>
#include <string>

#include "gantry/config/settings.hpp"
#include "gantry/server/worker_admin.hpp"

namespace gantry::cli {

struct WorkerStatusOptions {
  bool json = false;          ///< as it is, for scripts
  std::size_t failures = 20;  ///< series named at most
};

/// Both ask the process that serves the data folder, through its Unix socket, when the index is the embedded one and a
/// process does; else they open the index.

/// Prints how the metadata of series stands. 0; 2 when it can't be told.
[[nodiscard]] int run_worker_status(const config::Settings& settings, const WorkerStatusOptions& options);
/// Makes failed series due again. 0, also when none had failed; 1: there is no such study or series; 2: it could not.
[[nodiscard]] int run_worker_retry(const config::Settings& settings, const server::WorkerRetry& asked);

/// The text of a status, from its JSON. kInternal: it is none.
[[nodiscard]] Result<std::string> worker_status_text(const std::string& json);

}  // namespace gantry::cli

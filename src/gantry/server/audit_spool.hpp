#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gantry/audit/spool.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/data_folder.hpp"

namespace gantry::server {

/// Where the audit of a data folder is.
[[nodiscard]] std::filesystem::path audit_folder(const std::filesystem::path& data);
/// The name by which this machine is known.
[[nodiscard]] std::string machine_name();

/// The spool of this node; null when the settings want none. What it has to tell goes to the log.
Result<std::unique_ptr<audit::Spool>> open_spool(const config::Settings& settings, const DataFolder& folder,
                                                 observe::Log& log);
/// Notes that the process stops in order; once.
void record_stop(audit::Spool& spool);
/// The spool outlives the metrics' use.
void publish_spool_metrics(const audit::Spool& spool, observe::Metrics& metrics);

}  // namespace gantry::server

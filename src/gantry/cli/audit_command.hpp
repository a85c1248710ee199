#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "gantry/audit/record_query.hpp"
#include "gantry/config/settings.hpp"

namespace gantry::cli {

struct AuditOptions {
  std::vector<std::string> tenants;  ///< empty: all
  std::string noted;                 ///< "N:HASH", a line that somebody noted elsewhere
  bool json = false;
  std::string format = "json";  ///< json, xml
  bool changes = false;
  audit::RecordQuery query;
};

/// The three subcommands of `gantry audit`.
struct AuditCommands {
  CLI::App& verify;
  CLI::App& exporting;
  CLI::App& status;
};
/// Adds them, with their options, below `command`, which takes the settings.
AuditCommands add_audit(CLI::App& command, AuditOptions& options);

/// Follows the chains of the spool and of each tenant's changes. 0: whole; 1: something was changed, dropped or moved,
/// and is named; 2: it could not be looked at.
[[nodiscard]] int run_audit_verify(const config::Settings& settings, const AuditOptions& options);
/// Prints records: as lines of JSON, or as PS3.15 audit messages, one a line; with `changes` those of the index.
[[nodiscard]] int run_audit_export(const config::Settings& settings, const AuditOptions& options);
/// Says how far the spool goes, and what is to be noted elsewhere.
[[nodiscard]] int run_audit_status(const config::Settings& settings, const AuditOptions& options);

}  // namespace gantry::cli

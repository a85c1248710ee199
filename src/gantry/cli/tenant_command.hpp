#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gantry/config/settings.hpp"

namespace gantry::cli {

/// What `gantry tenant` is to do. Quotas that are not given stay as they are; 0 is no limit.
struct TenantOptions {
  std::string tenant;
  std::optional<std::uint64_t> bytes, instances, requests_per_s, concurrent;
  bool json = false;   ///< print what was answered, for scripts
  bool yes = false;    ///< delete without asking
  bool quiet = false;  ///< no progress
};

/// Each asks the process that serves the data folder, through its Unix socket, when the index is the embedded one and a
/// process does; else it opens the index. 0: done; 1: there is no such tenant, or it is not as the command needs it; 2:
/// it could not work.
[[nodiscard]] int run_tenant_create(const config::Settings& settings, const TenantOptions& options);
[[nodiscard]] int run_tenant_list(const config::Settings& settings, const TenantOptions& options);
[[nodiscard]] int run_tenant_usage(const config::Settings& settings, const TenantOptions& options);
[[nodiscard]] int run_tenant_quota(const config::Settings& settings, const TenantOptions& options);
[[nodiscard]] int run_tenant_enable(const config::Settings& settings, const TenantOptions& options, bool enabled);
/// Shows how it goes, and reports what went. Ends early on a signal: the same command goes on.
[[nodiscard]] int run_tenant_delete(const config::Settings& settings, const TenantOptions& options);

/// The texts that people read, from JSON. kInternal: it is none of ours.
[[nodiscard]] Result<std::string> tenant_list_text(const std::string& json);
[[nodiscard]] Result<std::string> tenant_usage_text(const std::string& json);

}  // namespace gantry::cli

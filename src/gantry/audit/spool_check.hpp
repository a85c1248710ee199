#pragma once

// Looks for what was changed, dropped, added or moved in a spool.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gantry/audit/spool_reader.hpp"
#include "gantry/base/result.hpp"

namespace gantry::audit {

struct SpoolFinding {
  std::string file;     ///< its name; empty: of the folder
  std::uint64_t n = 0;  ///< the line's number; 0: none
  std::string what;     ///< a sentence
};

struct SpoolCheck {
  std::uint64_t files = 0, lines = 0, bytes = 0;
  std::uint64_t first_n = 0, last_n = 0;
  Sha256 last_hash{};
  std::uint64_t torn = 0;  ///< lines that were cut off when a process or machine ended; no findings
  std::vector<SpoolFinding> findings;
  std::uint64_t findings_left_off = 0;
  [[nodiscard]] bool whole() const noexcept { return findings.empty(); }
};

/// Reads every file in `folder` and follows the chain from its first line to its last, and on to head.json. Files may
/// be missing only where retention says that it removed them. May run while the spool is written. `expected`: a line
/// that somebody noted elsewhere (a syslog receiver, a paper): it must be there with that hash. Names at most 1,000
/// findings. kNotFound: there is no such folder, or no file in it; kUnavailable, kInternal: the disk.
[[nodiscard]] Result<SpoolCheck> check_spool(const std::filesystem::path& folder,
                                             const std::optional<SpoolHead>& expected = std::nullopt);

}  // namespace gantry::audit

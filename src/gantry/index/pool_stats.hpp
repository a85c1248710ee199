#pragma once

#include <cstdint>

namespace gantry::index {

/// What a provider's pool of connections holds, and did since it was made: for metrics.
struct PoolStats {
  std::uint64_t open = 0, in_use = 0;
  std::uint64_t opened = 0;         ///< connections made
  std::uint64_t open_failures = 0;  ///< and not made
  std::uint64_t broken = 0;         ///< given up after an error, at a deadline, or found ended by the server
  std::uint64_t waits = 0;          ///< callers that waited for a free one
  std::uint64_t wait_timeouts = 0;  ///< and got none
  std::uint64_t round_trips = 0;
};

}  // namespace gantry::index

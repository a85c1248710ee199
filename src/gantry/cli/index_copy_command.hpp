#pragma once

#include <string>

namespace gantry::cli {

struct IndexCopyOptions {
  std::string from, to;  ///< index URLs
  bool quiet = false;
};

/// `gantry index copy`: moves an archive's index from one database to another. 0: all of it is there and was compared; 1:
/// it is not (the reason is said; most can be gone on with by the same command); 2: it could not work.
[[nodiscard]] int run_index_copy(const IndexCopyOptions& options);

}  // namespace gantry::cli

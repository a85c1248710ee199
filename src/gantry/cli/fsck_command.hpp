#pragma once

#include <string>
#include <string_view>

#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::cli {

struct FsckCommandOptions {
  bool hashes = true;  ///< read every object; false compares sizes only
  unsigned threads = 4;
  bool quiet = false;  ///< no progress
};

/// Prints what a check says, line by line (NDJSON as server::FsckStream writes it): findings and the end to stdout,
/// progress to stderr.
class FsckPrinter {
 public:
  explicit FsckPrinter(bool progress) : progress_(progress) {}
  void line(std::string_view json);
  /// 0: everything is whole; 1: there are problems; 2: the check did not come to its end.
  [[nodiscard]] int exit_status() const noexcept { return exit_status_; }

 private:
  const bool progress_;
  bool shown_ = false;  ///< a line of progress stands on the terminal
  int exit_status_ = 2;
};

/// Asks the process that serves the folder to check it, through its Unix socket. Exit status as above.
[[nodiscard]] int run_fsck_over_socket(const std::string& socket, const FsckCommandOptions& options);

/// Checks here, when nobody serves. Exit status as above.
[[nodiscard]] int run_fsck_here(index::InstanceIndex& index, storage::ObjectStore& objects,
                                const FsckCommandOptions& options);

}  // namespace gantry::cli

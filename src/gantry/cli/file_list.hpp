#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::cli {

/// A file to send: its path as a person would write it, and what tells whether it has changed.
struct LocalFile {
  std::string path;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
};

/// The files of `paths`, folders walked in the order of their names, so that two runs send in the same order. Links to
/// folders are not followed (no cycles); sockets, pipes and devices are left out. Folders that can't be read are named
/// in `unreadable`. kNotFound when one of `paths` is not there.
[[nodiscard]] Result<std::vector<LocalFile>> list_files(const std::vector<std::string>& paths,
                                                        std::vector<std::string>& unreadable);

}  // namespace gantry::cli

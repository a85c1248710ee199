#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct FsckOptions {
  bool hashes = true;  ///< read every object and compare its SHA-256; false compares sizes only
  unsigned threads = 4;
  std::chrono::seconds unheld_age{3600};  ///< younger objects without a row may belong to a store that is running
};
struct FsckProblem {
  std::string kind;    ///< "missing", "damaged", "unreadable", "unheld", "count"
  std::string object;  ///< object key, when it is about one
  std::string detail;
};
struct FsckReport {
  std::uint64_t rows = 0, objects = 0, bytes = 0, problems = 0;
};

/// Every row has its object with the right size and hash, every object its row, every count is right. Calls `problem`
/// for each finding and `progress` (rows done, bytes read) now and then, both from one thread at a time. Blocking.
Result<FsckReport> fsck(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                        const FsckOptions& options, const std::function<void(const FsckProblem&)>& problem,
                        const std::function<void(const FsckReport&)>& progress);

}  // namespace gantry::archive

#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::storage {

/// Walks `objects/` with one open directory per level, so in bounded memory. What is no object by its name, and what is
/// no regular file, is passed over; what vanishes meanwhile is not there.
class ObjectTree {
 public:
  using EmptyDirectory = std::function<void(const std::string& path, std::chrono::system_clock::time_point modified)>;

  /// `objects` stays the caller's. `file` (may be empty) gives false to stop.
  ObjectTree(int objects, std::function<bool(const ObjectInfo&)> file, EmptyDirectory empty_directory)
      : objects_(objects), file_(std::move(file)), empty_directory_(std::move(empty_directory)) {}

  /// Errors: kUnavailable.
  Result<void> walk();
  /// The objects of one tenant alone, a valid id.
  Result<void> walk(const TenantId& tenant);

 private:
  /// False: stopped.
  Result<bool> walk_directory(const std::string& path, int level);
  Result<bool> visit_file(int directory, const std::string& path, const char* name);

  const int objects_;
  const std::function<bool(const ObjectInfo&)> file_;
  const EmptyDirectory empty_directory_;
};

}  // namespace gantry::storage

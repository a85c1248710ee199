#pragma once

#include <filesystem>
#include <string>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"

namespace gantry::server {

/// The folder that holds everything of one Gantry, locked for this process: the embedded index has one owner.
class DataFolder {
 public:
  /// Makes the folder (only its owner may enter it) and takes its lock. kConflict when another process has it; the detail
  /// names that process. The lock goes with the process, however it ends.
  static Result<DataFolder> open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// 32 random bytes in hex, made when the folder was, readable by its owner alone. Keys multipart boundaries.
  [[nodiscard]] const std::string& secret() const noexcept { return secret_; }
  /// Tells this archive from every other one, also from a new one at the same address; not secret.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

 private:
  DataFolder() = default;
  std::filesystem::path path_;
  UniqueFd lock_;
  std::string secret_, identity_;
};

/// Where the process that serves this folder listens for administration.
[[nodiscard]] std::filesystem::path admin_socket_of(const std::filesystem::path& data);
/// True when a process holds the lock of the folder. kNotFound when there is no such folder.
[[nodiscard]] Result<bool> is_served(const std::filesystem::path& data);

}  // namespace gantry::server

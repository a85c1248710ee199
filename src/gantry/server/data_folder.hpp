#pragma once

#include <filesystem>
#include <string>

#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"

namespace gantry::server {

/// The folder that holds everything of one Gantry, locked for this process: the embedded index has one owner.
class DataFolder {
 public:
  /// Makes the folder (only its owner may enter it) and takes its lock. Sets the process's umask to 0077. kConflict
  /// when another process has it; the detail names that process. The lock goes with the process, however it ends.
  static Result<DataFolder> open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// 32 random bytes in hex, made when the folder was, readable by its owner alone. Keys multipart boundaries.
  [[nodiscard]] const std::string& secret() const noexcept { return secret_; }
  /// Tells this archive from every other one, also from a new one at the same address; not secret.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }
  /// Where this process listens for administration.
  [[nodiscard]] const std::string& admin_socket() const noexcept { return socket_; }

 private:
  DataFolder() = default;
  std::filesystem::path path_;
  UniqueFd directory_;
  std::string socket_;
  UniqueFd lock_;
  std::string secret_, identity_;
};

/// The way to the socket of the process that serves a folder, however long the folder's path is: an address of a Unix
/// socket has room for 107 characters, so longer paths go by way of an open descriptor of the folder.
class AdminSocket {
 public:
  static Result<AdminSocket> in(const std::filesystem::path& data);
  /// Valid as long as this object.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  UniqueFd directory_;
  std::string path_;
};

/// True when a process holds the lock of the folder. kNotFound when there is no such folder.
[[nodiscard]] Result<bool> is_served(const std::filesystem::path& data);

}  // namespace gantry::server

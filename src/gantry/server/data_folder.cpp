#include "gantry/server/data_folder.hpp"

#include <cerrno>
#include <span>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "gantry/base/sha256.hpp"

namespace gantry::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSecretBytes = 32;

Result<std::string> read_small(int fd, const std::string& what) {
  char buffer[256];
  const ssize_t got = ::pread(fd, buffer, sizeof buffer, 0);
  if (got < 0) return Error::from_errno(errno, "reading " + what);
  std::string_view text(buffer, static_cast<std::size_t>(got));
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

Result<void> write_whole(int fd, std::string_view text, const std::string& what) {
  if (::ftruncate(fd, 0) != 0) return Error::from_errno(errno, "writing " + what);
  const ssize_t wrote = ::pwrite(fd, text.data(), text.size(), 0);
  if (wrote != static_cast<ssize_t>(text.size()))
    return Error::from_errno(wrote < 0 ? errno : ENOSPC, "writing " + what);
  return {};
}

Result<UniqueFd> take_lock(const fs::path& path) {
  const std::string file = (path / "lock").string();
  UniqueFd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Error::from_errno(errno, "opening " + file);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "locking " + file);
    GANTRY_LET(const std::string holder, read_small(lock.get(), file));
    return Error::conflict("the data folder " + path.string() + " is already in use by process " +
                           (holder.empty() ? "(unknown)" : holder) +
                           ", which holds its lock: stop that one, or name another "
                           "folder with --data");
  }
  GANTRY_TRY(write_whole(lock.get(), std::to_string(::getpid()) + "\n", file));
  return lock;
}

/// Reads the secret, or makes it under a name of its own first: a crash leaves no half of one.
Result<std::string> secret_in(const fs::path& path) {
  const std::string file = (path / "secret").string();
  if (const UniqueFd existing(::open(file.c_str(), O_RDONLY | O_CLOEXEC)); existing) {
    GANTRY_LET(std::string secret, read_small(existing.get(), file));
    if (secret.size() != 2 * kSecretBytes) return Error::internal(file + " is damaged: it must hold 64 hex digits");
    return secret;
  }
  if (errno != ENOENT) return Error::from_errno(errno, "opening " + file);
  const std::string fresh = file + ".new";
  std::string secret = random_hex(kSecretBytes);
  const UniqueFd out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) return Error::from_errno(errno, "making " + fresh);
  GANTRY_TRY(write_whole(out.get(), secret + "\n", fresh));
  if (::fsync(out.get()) != 0) return Error::from_errno(errno, "syncing " + fresh);
  if (::rename(fresh.c_str(), file.c_str()) != 0) return Error::from_errno(errno, "naming " + file);
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return Error::from_errno(errno, "syncing " + path.string());
  return secret;
}

std::string socket_path(const fs::path& data, int directory) {
  constexpr std::size_t kRoom = sizeof(sockaddr_un::sun_path) - 1;
  constexpr const char* kName = "admin.sock";
  std::string plain = (data / kName).string();
  return plain.size() <= kRoom ? plain : "/proc/self/fd/" + std::to_string(directory) + "/" + kName;
}

}  // namespace

Result<DataFolder> DataFolder::open(const fs::path& path) {
  ::umask(0077);  // whatever this process makes from here on (the index, its log) is its owner's alone
  std::error_code error;
  const auto whole = fs::absolute(path, error).lexically_normal();
  if (error) return Error::invalid("the data folder " + path.string() + ": " + error.message());
  const bool made = fs::create_directories(whole, error);
  if (error) return Error::unavailable("making the data folder " + whole.string() + ": " + error.message());
  if (made && ::chmod(whole.c_str(), 0700) != 0) return Error::from_errno(errno, "protecting " + whole.string());

  DataFolder folder;
  folder.path_ = whole;
  GANTRY_LET(folder.lock_, take_lock(whole));
  GANTRY_LET(folder.secret_, secret_in(whole));
  folder.directory_ = UniqueFd(::open(whole.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.directory_) return Error::from_errno(errno, "opening " + whole.string());
  folder.socket_ = socket_path(whole, folder.directory_.get());
  const std::string named = "archive identity of " + folder.secret_;
  const auto digest = sha256(std::as_bytes(std::span(named.data(), named.size())));
  folder.identity_ = to_hex(std::span(digest).first(8));
  return folder;
}

Result<AdminSocket> AdminSocket::in(const fs::path& data) {
  AdminSocket socket;
  socket.directory_ = UniqueFd(::open(data.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!socket.directory_) return Error::from_errno(errno, "opening " + data.string());
  socket.path_ = socket_path(data, socket.directory_.get());
  return socket;
}

Result<bool> is_served(const fs::path& data) {
  std::error_code error;
  if (!fs::is_directory(data, error)) return Error::not_found("there is no data folder " + data.string());
  const UniqueFd lock(::open((data / "lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!lock && errno == ENOENT) return false;
  if (!lock) return Error::from_errno(errno, "opening " + (data / "lock").string());
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return true;
    return Error::from_errno(errno, "asking for the lock of " + data.string());
  }
  return false;
}

}  // namespace gantry::server

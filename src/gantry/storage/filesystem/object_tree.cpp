#include "gantry/storage/filesystem/object_tree.hpp"

#include <cerrno>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "gantry/base/handle.hpp"
#include "gantry/storage/filesystem/disk_error.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::storage {
namespace {

constexpr int kSeriesLevel = 3;  // objects 0, tenant 1, study 2, series 3

std::chrono::system_clock::time_point modified_of(const struct stat& status) {
  using std::chrono::duration_cast;
  using Clock = std::chrono::system_clock;
  return Clock::from_time_t(status.st_mtim.tv_sec) +
         duration_cast<Clock::duration>(std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

/// By the name alone: a directory that we may have made.
bool is_ours(std::string_view name, int level) {
  if (level == 1) return is_valid_tenant(name);
  return name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<void> ObjectTree::walk() {
  GANTRY_TRY(walk_directory("", 0));
  return {};
}

Result<void> ObjectTree::walk(const TenantId& tenant) {
  GANTRY_TRY(walk_directory(tenant.str(), 1));
  return {};
}

Result<bool> ObjectTree::walk_directory(const std::string& path, int level) {
  UniqueFd directory(
      ::openat(objects_, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return true;  // gone, or none of ours
    return disk_error(errno, "listing objects/" + path);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(directory.get()), &::closedir);
  if (!entries) return disk_error(errno, "listing objects/" + path);
  const int fd = directory.release();
  struct stat status {};
  if (::fstat(fd, &status) != 0) return disk_error(errno, "listing objects/" + path);
  bool empty = true;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    empty = false;
    if (level == kSeriesLevel) {
      GANTRY_LET(const bool go_on, visit_file(fd, path, entry->d_name));
      if (!go_on) return false;
    } else if (is_ours(name, level + 1)) {
      GANTRY_LET(const bool go_on,
                 walk_directory(path.empty() ? std::string(name) : path + "/" + std::string(name), level + 1));
      if (!go_on) return false;
    }
  }
  if (errno != 0) return disk_error(errno, "listing objects/" + path);
  // A directory whose last child went during this walk is found empty by the next one, unless nothing may be younger.
  if (level > 0 && empty_directory_) {
    if (!empty && level < kSeriesLevel) {
      ::rewinddir(entries.get());
      empty = true;
      for (const dirent* entry = nullptr; (entry = ::readdir(entries.get())) != nullptr && empty;) {
        const std::string_view name = entry->d_name;
        empty = name == "." || name == "..";
      }
      if (empty && ::fstat(fd, &status) != 0) return disk_error(errno, "listing objects/" + path);
    }
    if (empty) empty_directory_(path, modified_of(status));
  }
  return true;
}

Result<bool> ObjectTree::visit_file(int directory, const std::string& path, const char* name) {
  if (!file_) return true;
  ObjectInfo info{ObjectKey(path + "/" + name), 0, {}};
  if (!is_valid_object_key(info.key.view())) return true;
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return true;
    return disk_error(errno, "listing objects/" + info.key.str());
  }
  if (!S_ISREG(status.st_mode)) return true;
  info.size = static_cast<std::uint64_t>(status.st_size);
  info.modified = modified_of(status);
  return file_(info);
}

}  // namespace gantry::storage

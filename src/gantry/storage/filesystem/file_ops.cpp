#include "gantry/storage/filesystem/file_ops.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace gantry::storage {

int FileOps::create(int directory, const char* name) {
  return ::openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

ssize_t FileOps::write(int file, const void* bytes, std::size_t count) { return ::write(file, bytes, count); }

int FileOps::begin_writeback(int file, std::uint64_t offset, std::uint64_t count) {
  return ::sync_file_range(file, static_cast<off64_t>(offset), static_cast<off64_t>(count), SYNC_FILE_RANGE_WRITE);
}

int FileOps::sync_file(int file) { return ::fdatasync(file); }

int FileOps::sync_directory(int directory, const char* /*path*/) { return ::fsync(directory); }

int FileOps::make_directory(int parent, const char* path) { return ::mkdirat(parent, path, 0700); }

int FileOps::rename_new(int from_directory, const char* from, int to_directory, const char* to) {
  if (::renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (::linkat(from_directory, from, to_directory, to, 0) != 0) return -1;
  // The second name lies among the temporary files, where a later sweep would find it.
  ::unlinkat(from_directory, from, 0);
  return 0;
}

int FileOps::unlink(int directory, const char* path) { return ::unlinkat(directory, path, 0); }

int FileOps::remove_directory(int parent, const char* path) { return ::unlinkat(parent, path, AT_REMOVEDIR); }

int FileOps::space(int directory, std::uint64_t& free, std::uint64_t& all) {
  struct statvfs status {};
  if (::fstatvfs(directory, &status) != 0) return -1;
  free = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  all = static_cast<std::uint64_t>(status.f_blocks) * status.f_frsize;
  return 0;
}

}  // namespace gantry::storage

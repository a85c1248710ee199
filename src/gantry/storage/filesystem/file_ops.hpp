#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

namespace gantry::storage {

/// The system calls that change or sync something, as one seam: tests record their order and make them fail. Each is
/// the call of its name (-1 and errno); the defaults go straight to the kernel. Thread-safe.
class FileOps {
 public:
  virtual ~FileOps() = default;
  /// openat(2) with O_CREAT | O_EXCL, mode 0600, for reading and writing.
  virtual int create(int directory, const char* name);
  virtual ssize_t write(int file, const void* bytes, std::size_t count);
  /// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: begins to write back, waits for nothing.
  virtual int begin_writeback(int file, std::uint64_t offset, std::uint64_t count);
  virtual int sync_file(int file);                              ///< fdatasync(2)
  virtual int sync_directory(int directory, const char* path);  ///< fsync(2); `path` is for the record
  virtual int make_directory(int parent, const char* path);     ///< mkdirat(2), mode 0700
  /// renameat2(2) with RENAME_NOREPLACE; linkat(2) and unlinkat(2) where the file system does not know that flag.
  virtual int rename_new(int from_directory, const char* from, int to_directory, const char* to);
  virtual int unlink(int directory, const char* path);         ///< unlinkat(2)
  virtual int remove_directory(int parent, const char* path);  ///< unlinkat(2) with AT_REMOVEDIR
  /// Bytes in the file system of `directory` (fstatvfs(2)): those that this process may still write, and all.
  virtual int space(int directory, std::uint64_t& free, std::uint64_t& all);
};

}  // namespace gantry::storage

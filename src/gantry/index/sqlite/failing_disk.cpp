#include "gantry/index/sqlite/failing_disk.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

namespace gantry::index::testing {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

/// SQLite allocates it; the file of the real file system lies behind it.
struct FailingDisk::File {
  sqlite3_file base;
  FailingDisk* disk;
  std::string* path;  ///< null: a temporary file
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static sqlite3_file* real_of(sqlite3_file* file) { return of(file).real(); }
};

// Version 2: with shared memory for the write-ahead log, without memory-mapped pages.
const sqlite3_io_methods FailingDisk::kMethods = {
    2,
    &FailingDisk::close,
    &FailingDisk::read,
    &FailingDisk::write,
    &FailingDisk::truncate,
    &FailingDisk::sync,
    [](sqlite3_file* file, sqlite3_int64* size) {
      return File::real_of(file)->pMethods->xFileSize(File::real_of(file), size);
    },
    [](sqlite3_file* file, int level) { return File::real_of(file)->pMethods->xLock(File::real_of(file), level); },
    [](sqlite3_file* file, int level) { return File::real_of(file)->pMethods->xUnlock(File::real_of(file), level); },
    [](sqlite3_file* file, int* out) {
      return File::real_of(file)->pMethods->xCheckReservedLock(File::real_of(file), out);
    },
    [](sqlite3_file* file, int op, void* arg) {
      return File::real_of(file)->pMethods->xFileControl(File::real_of(file), op, arg);
    },
    [](sqlite3_file* file) { return File::real_of(file)->pMethods->xSectorSize(File::real_of(file)); },
    [](sqlite3_file* file) { return File::real_of(file)->pMethods->xDeviceCharacteristics(File::real_of(file)); },
    [](sqlite3_file* file, int page, int size, int extend, void volatile** out) {
      return File::real_of(file)->pMethods->xShmMap(File::real_of(file), page, size, extend, out);
    },
    [](sqlite3_file* file, int offset, int count, int flags) {
      return File::real_of(file)->pMethods->xShmLock(File::real_of(file), offset, count, flags);
    },
    [](sqlite3_file* file) { File::real_of(file)->pMethods->xShmBarrier(File::real_of(file)); },
    [](sqlite3_file* file, int remove) {
      return File::real_of(file)->pMethods->xShmUnmap(File::real_of(file), remove);
    },
    nullptr,
    nullptr,
};

FailingDisk::FailingDisk() : below_(sqlite3_vfs_find(nullptr)) {
  vfs_ = *below_;
  vfs_.zName = "failing-disk";
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
  vfs_.pNext = nullptr;
  vfs_.xOpen = &FailingDisk::open;
  vfs_.xDelete = &FailingDisk::remove;
  // The others are told the file system that they belong to.
  vfs_.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    return of(vfs).below_->xAccess(of(vfs).below_, name, flags, out);
  };
  vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
    return of(vfs).below_->xFullPathname(of(vfs).below_, name, size, out);
  };
  sqlite3_vfs_register(&vfs_, 1);
}

FailingDisk::~FailingDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(below_, 1);
}

void FailingDisk::arm(int step, bool forever) {
  failing_ = step;
  forever_ = forever;
  steps_ = 0;
  armed_ = true;
}

void FailingDisk::disarm() { armed_ = false; }

bool FailingDisk::step_fails() {
  if (!armed_) return false;
  const int number = steps_++;
  return forever_ ? number >= failing_ : number == failing_;
}

void FailingDisk::lose_power() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [path, bytes] : synced_) {
    if (!std::filesystem::exists(path)) continue;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    std::filesystem::remove(path + "-shm");
  }
}

int FailingDisk::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  FailingDisk& disk = of(vfs);
  File& opened = *new (file) File{{nullptr}, &disk, nullptr};
  const int code = disk.below_->xOpen(disk.below_, name, opened.real(), flags, out_flags);
  if (opened.real()->pMethods == nullptr) return code;
  opened.base.pMethods = &kMethods;
  if (name == nullptr) return code;
  opened.path = new std::string(name);
  const std::scoped_lock lock(disk.mutex_);
  disk.synced_.try_emplace(name);
  return code;
}

int FailingDisk::remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  FailingDisk& disk = of(vfs);
  if (disk.step_fails()) return SQLITE_IOERR_DELETE;
  const int code = disk.below_->xDelete(disk.below_, name, sync_directory);
  const std::scoped_lock lock(disk.mutex_);
  if (code == SQLITE_OK) disk.synced_.erase(name);
  return code;
}

int FailingDisk::close(sqlite3_file* file) {
  File& closing = File::of(file);
  delete closing.path;
  return closing.real()->pMethods->xClose(closing.real());
}

int FailingDisk::read(sqlite3_file* file, void* into, int count, sqlite3_int64 offset) {
  return File::real_of(file)->pMethods->xRead(File::real_of(file), into, count, offset);
}

int FailingDisk::write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
  File& to = File::of(file);
  if (to.disk->step_fails()) {
    // What a full disk does: a part of it is written.
    if (count > 1) (void)to.real()->pMethods->xWrite(to.real(), bytes, count / 2, offset);
    return SQLITE_FULL;
  }
  return to.real()->pMethods->xWrite(to.real(), bytes, count, offset);
}

int FailingDisk::truncate(sqlite3_file* file, sqlite3_int64 size) {
  File& to = File::of(file);
  if (to.disk->step_fails()) return SQLITE_IOERR_TRUNCATE;
  return to.real()->pMethods->xTruncate(to.real(), size);
}

int FailingDisk::sync(sqlite3_file* file, int flags) {
  File& of = File::of(file);
  if (of.disk->step_fails()) return SQLITE_IOERR_FSYNC;
  // The real one is not needed: whether a file was synced is what this disk remembers.
  (void)flags;
  if (of.path == nullptr) return SQLITE_OK;
  const std::scoped_lock lock(of.disk->mutex_);
  of.disk->synced_[*of.path] = contents(*of.path);
  return SQLITE_OK;
}

}  // namespace gantry::index::testing

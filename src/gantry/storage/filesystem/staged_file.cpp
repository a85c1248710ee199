#include "gantry/storage/filesystem/staged_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "gantry/base/sha256.hpp"
#include "gantry/storage/filesystem/disk_error.hpp"

namespace gantry::storage {
namespace {

// Large objects begin to reach the disk while they arrive, so that the sync at their end has little left to do.
constexpr std::uint64_t kWritebackBytes = 8U << 20;
constexpr std::string_view kEnding = ".part";
constexpr std::array<const char*, 8> kFolders{"0", "1", "2", "3", "4", "5", "6", "7"};
constexpr int kTriesMost = 100;  // a sweep of files of any age may be quicker many times
constexpr std::uint64_t kReserveBytesMost = 256U << 20;
constexpr std::uint64_t kReserveShare = 20;

bool lock(int file) {
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
  // A file system without locks: then age alone tells what is left over.
  return errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS;
}

}  // namespace

bool StagingFolder::make_folder(const char* name) {
  return ops_.make_directory(directory_.get(), name) == 0 || errno == EEXIST;
}

Result<void> StagingFolder::prepare() {
  for (const char* const folder : kFolders)
    if (!make_folder(folder)) return disk_error(errno, "making a folder for temporary files");
  return {};
}

Result<StagingFolder::Created> StagingFolder::create() {
  const char* const folder = kFolders[turn_.fetch_add(1, std::memory_order_relaxed) % kFolders.size()];
  for (int i = 0; i < kTriesMost; ++i) {
    Created created{{}, folder + ("/" + random_hex(16)) + std::string(kEnding)};
    created.file = UniqueFd(ops_.create(directory_.get(), created.name.c_str()));
    if (!created.file) {
      if (errno == EEXIST) continue;
      if (errno == ENOENT && make_folder(folder)) continue;  // somebody tidied up
      return disk_error(errno, "making a temporary file");
    }
    struct stat status {};
    // A sweep may have found it before it was locked: then it has no name any more, or will have none soon.
    if (lock(created.file.get()) && ::fstat(created.file.get(), &status) == 0 && status.st_nlink > 0) return created;
    ops_.unlink(directory_.get(), created.name.c_str());
  }
  return Error::unavailable("temporary files are removed as often as they are made");
}

Result<void> StagingFolder::check_room() const {
  std::uint64_t free = 0, all = 0;
  // A file system that does not say is believed to have room: a write that fails tells, too.
  if (ops_.space(directory_.get(), free, all) != 0) return {};
  const auto reserve = std::min(kReserveBytesMost, all / kReserveShare);
  if (free >= reserve) return {};
  return Error::unavailable("the disk is full: its last " + std::to_string(reserve >> 20) +
                            " MB are kept for the index and for deleting");
}

bool StagingFolder::sweep_one(int folder, const char* name, std::chrono::seconds age) {
  const UniqueFd file(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const auto modified = std::chrono::system_clock::from_time_t(status.st_mtime);
  if (std::chrono::system_clock::now() - modified < age || !lock(file.get())) return false;
  return ops_.unlink(folder, name) == 0;
}

Result<void> StagingFolder::sweep(std::chrono::seconds age) {
  GANTRY_TRY(sweep_folder(".", age));  // older releases made them here
  for (const char* const folder : kFolders) GANTRY_TRY(sweep_folder(folder, age));
  return {};
}

Result<void> StagingFolder::sweep_folder(const char* path, std::chrono::seconds age) {
  UniqueFd again(::openat(directory_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!again && errno == ENOENT) return {};
  if (!again) return disk_error(errno, "reading the temporary files");
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(again.get()), &::closedir);
  if (!entries) return disk_error(errno, "reading the temporary files");
  (void)again.release();
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    // What has another name is not ours.
    if (std::string_view(entry->d_name).ends_with(kEnding)) sweep_one(::dirfd(entries.get()), entry->d_name, age);
  }
  if (errno != 0) return disk_error(errno, "reading the temporary files");
  return {};
}

Result<std::unique_ptr<StagedFile>> StagedFile::create(std::shared_ptr<StagingFolder> folder) {
  GANTRY_TRY(folder->check_room());
  GANTRY_LET(auto created, folder->create());
  return std::unique_ptr<StagedFile>(new StagedFile(std::move(folder), std::move(created)));
}

StagedFile::StagedFile(std::shared_ptr<StagingFolder> folder, StagingFolder::Created created)
    : folder_(std::move(folder)), file_(std::move(created.file)), name_(std::move(created.name)) {}

// What can't be unlinked now is what a crash leaves, too: the sweep takes it.
StagedFile::~StagedFile() {
  if (!named_) folder_->ops().unlink(folder_->directory(), name_.c_str());
}

Error StagedFile::fail(int error_number, const char* what) {
  error_ = disk_error(error_number, what);
  return *error_;
}

Result<void> StagedFile::write(std::span<const std::byte> bytes) {
  if (error_) return *error_;
  while (!bytes.empty()) {
    const ssize_t count = folder_->ops().write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno, "writing a temporary file");
    if (count == 0) return fail(EIO, "writing a temporary file");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    size_ += static_cast<std::uint64_t>(count);
  }
  if (size_ - writing_back_ >= kWritebackBytes) {
    const auto begin = std::exchange(writing_back_, size_);
    if (folder_->ops().begin_writeback(file_.get(), begin, size_ - begin) != 0 && errno != ENOSYS && errno != EINVAL &&
        errno != EOPNOTSUPP) {
      return fail(errno, "writing a temporary file back");
    }
    if (auto room = folder_->check_room(); !room) {
      error_ = room.error();
      return room;
    }
  }
  return {};
}

Result<void> StagedFile::sync() {
  if (error_) return *error_;
  // The object's age counts from here: a sweep must not take one whose commit may still come.
  if (::futimens(file_.get(), nullptr) != 0) return fail(errno, "dating a temporary file");
  if (folder_->ops().sync_file(file_.get()) != 0) return fail(errno, "syncing a temporary file");
  return {};
}

Result<UniqueFd> StagedFile::open() const {
  if (error_) return *error_;
  UniqueFd file(::openat(folder_->directory(), name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return disk_error(errno, "opening a temporary file");
  return file;
}

int StagedFile::rename_to(int directory, const char* name) {
  if (folder_->ops().rename_new(folder_->directory(), name_.c_str(), directory, name) != 0) return -1;
  named_ = true;
  return 0;
}

}  // namespace gantry::storage

#include "gantry/storage/filesystem/filesystem_store.hpp"

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/storage/filesystem/directories.hpp"
#include "gantry/storage/filesystem/disk_error.hpp"
#include "gantry/storage/filesystem/file_ops.hpp"
#include "gantry/storage/filesystem/object_tree.hpp"
#include "gantry/storage/filesystem/staged_file.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::storage {
namespace {

constexpr int kTriesMost = 8;

class ObjectFile final : public OpenFile {
 public:
  ObjectFile(UniqueFd file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] int fd() const noexcept override { return file_.get(); }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    std::size_t filled = 0;
    if (offset >= size_) return filled;
    while (filled < into.size()) {
      const ssize_t count =
          ::pread(file_.get(), into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return disk_error(errno, "reading an object");
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

 private:
  const UniqueFd file_;
  const std::uint64_t size_;
};

UniqueFd open_directory(int at, const char* path) {
  return UniqueFd(::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/// Opens a file below `directory`; the kernel sees to it that no link leads out, where it can (Linux 5.6).
int open_beneath(int directory, const char* path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (int i = 0; i < kTriesMost; ++i) {
    const long file = ::syscall(SYS_openat2, directory, path, &how, sizeof(how));
    if (file >= 0) return static_cast<int>(file);
    if (errno == ENOSYS || errno == EPERM) break;  // an old kernel, or a sandbox that does not know the call
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return ::openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/// Makes `path` and what is missing above it; what it made is durable on return.
Result<void> make_root(const std::filesystem::path& path, FileOps& ops) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) return {};
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (parent != path) GANTRY_TRY(make_root(parent, ops));
  const auto above = open_directory(AT_FDCWD, parent.c_str());
  if (!above) return disk_error(errno, "opening " + parent.string());
  if (ops.make_directory(AT_FDCWD, path.c_str()) != 0 && errno != EEXIST)
    return disk_error(errno, "making " + path.string());
  if (ops.sync_directory(above.get(), parent.c_str()) != 0) return disk_error(errno, "syncing " + parent.string());
  return {};
}

Result<UniqueFd> make_folder(int root, const char* name, FileOps& ops) {
  if (ops.make_directory(root, name) != 0 && errno != EEXIST) return disk_error(errno, std::string("making ") + name);
  auto folder = open_directory(root, name);
  if (!folder) return disk_error(errno, std::string("opening ") + name);
  return folder;
}

}  // namespace

class FilesystemStore::Impl {
 public:
  Impl(UniqueFd objects, UniqueFd temporary, FileOps& calls)
      : directories(std::move(objects), calls),
        staging(std::make_shared<StagingFolder>(std::move(temporary), calls)),
        ops(calls) {}

  /// Renames and syncs; `file` is durable already.
  Result<void> give_name(StagedFile& file, const ObjectKey& key) {
    const auto slash = key.str().rfind('/');
    const std::string name = key.str().substr(slash + 1);
    const Directories::Hold hold(directories, key.str().substr(0, slash));
    for (int i = 0; i < kTriesMost; ++i) {
      GANTRY_LET(const UniqueFd directory, directories.open(hold));
      if (file.rename_to(directory.get(), name.c_str()) == 0) {
        auto synced = directories.sync(hold.path(), directory.get());
        // The name may or may not survive; nobody will hold it. What can't be removed either is the sweep's.
        if (!synced) ops.unlink(directory.get(), name.c_str());
        return synced;
      }
      if (errno == EEXIST) return Error::conflict("the name " + key.str() + " is taken");
      if (errno != ENOENT) return disk_error(errno, "naming " + key.str());
      directories.forget(hold.path());  // another process swept the directory after we opened it
    }
    return Error::unavailable("the directory of " + key.str() + " is removed as often as it is made");
  }

  Directories directories;
  const std::shared_ptr<StagingFolder> staging;
  FileOps& ops;
};

Result<std::unique_ptr<FilesystemStore>> FilesystemStore::open(const std::string& root) {
  static FileOps ops;  // without state
  return open(root, ops);
}

Result<std::unique_ptr<FilesystemStore>> FilesystemStore::open(const std::string& root, FileOps& ops) {
  // Without a slash at the end, which would be an empty last component.
  auto path = std::filesystem::path(root).lexically_normal();
  if (!path.has_filename() && path.has_relative_path()) path = path.parent_path();
  if (path.empty()) return Error::invalid("the object store has no folder");
  GANTRY_TRY(make_root(path, ops));
  const auto folder = open_directory(AT_FDCWD, path.c_str());
  if (!folder) return disk_error(errno, "opening " + path.string());
  GANTRY_LET(auto objects, make_folder(folder.get(), "objects", ops));
  GANTRY_LET(auto staging, make_folder(folder.get(), "tmp", ops));
  struct stat one {
  }, other{};
  if (::fstat(objects.get(), &one) != 0 || ::fstat(staging.get(), &other) != 0)
    return disk_error(errno, "reading " + root);
  if (one.st_dev != other.st_dev) {
    return Error::invalid("objects and tmp in " + root +
                          " are on two file systems; a file can't be renamed between them");
  }
  if (ops.sync_directory(folder.get(), path.c_str()) != 0) return disk_error(errno, "syncing " + root);
  auto impl = std::make_shared<Impl>(std::move(objects), std::move(staging), ops);
  GANTRY_TRY(impl->staging->prepare());
  return std::unique_ptr<FilesystemStore>(new FilesystemStore(std::move(impl)));
}

FilesystemStore::FilesystemStore(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
FilesystemStore::~FilesystemStore() = default;

Result<std::unique_ptr<StagedObject>> FilesystemStore::stage(const RequestContext& /*ctx*/) {
  GANTRY_LET(auto staged, StagedFile::create(impl_->staging));
  return std::unique_ptr<StagedObject>(std::move(staged));
}

Result<void> FilesystemStore::persist(const RequestContext& /*ctx*/, std::unique_ptr<StagedObject> staged,
                                      const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  auto* const file = dynamic_cast<StagedFile*>(staged.get());
  if (file == nullptr || !file->belongs_to(*impl_->staging)) return Error::internal("another store staged this object");
  GANTRY_TRY(file->sync());
  return impl_->give_name(*file, key);
}

Result<std::shared_ptr<const OpenFile>> FilesystemStore::open_staged(const RequestContext& /*ctx*/,
                                                                     std::unique_ptr<StagedObject> staged) {
  auto* const ours = dynamic_cast<StagedFile*>(staged.get());
  if (ours == nullptr || !ours->belongs_to(*impl_->staging)) return Error::internal("another store staged this object");
  GANTRY_LET(UniqueFd file, ours->open());
  return std::shared_ptr<const OpenFile>(std::make_shared<ObjectFile>(std::move(file), ours->size()));
}

Result<std::shared_ptr<const OpenFile>> FilesystemStore::open(const RequestContext& /*ctx*/, const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  UniqueFd file(open_beneath(impl_->directories.objects(), key.str().c_str()));
  if (!file) {
    if (errno == ENOENT) return Error::not_found("no object " + key.str());
    return disk_error(errno, "opening " + key.str());
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return disk_error(errno, "opening " + key.str());
  if (!S_ISREG(status.st_mode)) return Error::internal("the object " + key.str() + " is no regular file");
  return std::shared_ptr<const OpenFile>(
      std::make_shared<ObjectFile>(std::move(file), static_cast<std::uint64_t>(status.st_size)));
}

// Not synced: an object that comes back with a power cut is held by no row, and swept.
Result<void> FilesystemStore::remove(const RequestContext& /*ctx*/, const ObjectKey& key) {
  GANTRY_TRY(check_object_key(key));
  if (impl_->ops.unlink(impl_->directories.objects(), key.str().c_str()) != 0 && errno != ENOENT) {
    return disk_error(errno, "removing " + key.str());
  }
  return {};
}

Result<void> FilesystemStore::list(const RequestContext& /*ctx*/, const std::function<bool(const ObjectInfo&)>& visit) {
  return ObjectTree(impl_->directories.objects(), visit, {}).walk();
}

Result<void> FilesystemStore::list_tenant(const RequestContext& ctx,
                                          const std::function<bool(const ObjectInfo&)>& visit) {
  if (!is_valid_tenant(ctx.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  return ObjectTree(impl_->directories.objects(), visit, {}).walk(ctx.tenant);
}

Result<void> FilesystemStore::sweep(const RequestContext& /*ctx*/, std::chrono::seconds age) {
  GANTRY_TRY(impl_->staging->sweep(age));
  const auto remove = [this, age](const std::string& path, std::chrono::system_clock::time_point modified) {
    if (std::chrono::system_clock::now() - modified >= age) impl_->directories.remove_empty(path);
  };
  return ObjectTree(impl_->directories.objects(), {}, remove).walk();
}

Result<void> FilesystemStore::check(const RequestContext& /*ctx*/) {
  GANTRY_TRY(impl_->directories.check());
  GANTRY_LET(const auto probe, StagedFile::create(impl_->staging));
  static constexpr std::array<std::byte, 4096> kPage{};
  return probe->write(kPage);  // discarded with `probe`
}

}  // namespace gantry::storage

#include "gantry/storage/filesystem/directories.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>

#include "gantry/storage/filesystem/disk_error.hpp"

namespace gantry::storage {
namespace {

// Forgetting costs a sync of a directory that is clean; remembering a million series would cost 100 MB.
constexpr std::size_t kAnchoredMost = 65'536;
// How often a directory may vanish under us before we call it a fault.
constexpr int kTriesMost = 8;

/// Calls `each` for "a", "a/b", "a/b/c", the uppermost first, until it gives false.
template <class Each>
bool from_the_top(const std::string& path, Each each) {
  for (std::size_t end = 0; end < path.size();) {
    end = path.find('/', end + 1);
    if (end == std::string::npos) end = path.size();
    if (!each(path.substr(0, end))) return false;
  }
  return true;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string shown(const std::string& path) { return path.empty() ? "objects" : "objects/" + path; }

Error distrust(const std::string& path) {
  return Error::unavailable("syncing the directory " + shown(path) +
                            " has failed before; check the disk, then restart");
}

}  // namespace

Directories::Directories(UniqueFd objects, FileOps& ops) : objects_(std::move(objects)), ops_(ops) {}

Directories::Hold::Hold(Directories& directories, std::string path)
    : directories_(directories), path_(std::move(path)) {
  const std::scoped_lock lock(directories_.mutex_);
  from_the_top(path_, [this](std::string each) { return ++directories_.held_[std::move(each)] > 0; });
}

Directories::Hold::~Hold() {
  const std::scoped_lock lock(directories_.mutex_);
  from_the_top(path_, [this](const std::string& each) {
    const auto found = directories_.held_.find(each);
    if (--found->second == 0) directories_.held_.erase(found);
    return true;
  });
}

Result<UniqueFd> Directories::open_one(const std::string& path) const {
  UniqueFd directory(
      ::openat(objects_.get(), path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory) {
    if (errno == ENOENT) return Error::not_found("no directory " + shown(path));
    return disk_error(errno, "opening " + shown(path));
  }
  return directory;
}

Result<UniqueFd> Directories::open(const Hold& directory) {
  for (int i = 0; i < kTriesMost; ++i) {
    std::optional<Error> error;
    const bool complete = from_the_top(directory.path(), [this, &error](const std::string& each) {
      {
        const std::scoped_lock lock(mutex_);
        if (anchored_.contains(each)) return true;
      }
      auto made = make_one(each);
      if (!made) error = std::move(made).error();
      return made && *made;
    });
    if (error) return *std::move(error);
    if (complete) {
      auto opened = open_one(directory.path());
      if (opened || opened.error().kind() != ErrorKind::kNotFound) return opened;
    }
    // Another process swept it. What we know of those above may be as old.
    forget(directory.path());
  }
  return Error::unavailable("the directory " + shown(directory.path()) + " is removed as often as it is made");
}

Result<bool> Directories::make_one(const std::string& path) {
  const std::string parent = parent_of(path);
  auto above = open_one(parent);
  if (!above) {
    if (above.error().kind() == ErrorKind::kNotFound) return false;
    return std::move(above).error();
  }
  if (ops_.make_directory(objects_.get(), path.c_str()) != 0 && errno != EEXIST) {
    if (errno == ENOENT) return false;
    return disk_error(errno, "making " + shown(path));
  }
  // Also when it was there: whoever made it may have crashed, or be about to sync it.
  GANTRY_TRY(sync(parent, above->get()));
  const std::scoped_lock lock(mutex_);
  if (anchored_.size() >= kAnchoredMost) anchored_.clear();
  anchored_.insert(path);
  return true;
}

Result<void> Directories::sync(const std::string& path, int directory) {
  std::unique_lock lock(mutex_);
  if (distrusted_.contains(path)) return distrust(path);
  Syncing& syncing = syncing_[path];
  ++syncing.users;
  if (!syncing.next) syncing.next = std::make_shared<Round>();
  const auto round = syncing.next;
  changed_.wait(lock, [&] { return round->done || !syncing.running; });
  if (!round->done) {
    syncing.running = true;
    syncing.next.reset();
    lock.unlock();
    const int error = ops_.sync_directory(directory, path.c_str()) == 0 ? 0 : errno;
    lock.lock();
    round->done = true;
    round->error = error;
    syncing.running = false;
    if (error != 0) distrusted_.insert(path);
    changed_.notify_all();
  }
  if (--syncing.users == 0) syncing_.erase(path);
  if (round->error != 0) return disk_error(round->error, "syncing " + shown(path));
  // A sync that failed between our change and our round may have lost it.
  if (distrusted_.contains(path)) return distrust(path);
  return {};
}

void Directories::forget(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  from_the_top(path, [this](const std::string& each) {
    anchored_.erase(each);
    return true;
  });
}

bool Directories::remove_empty(const std::string& path) {
  // Under the lock: between looking and removing nobody may take hold of it.
  const std::scoped_lock lock(mutex_);
  if (held_.contains(path) || ops_.remove_directory(objects_.get(), path.c_str()) != 0) return false;
  anchored_.erase(path);
  return true;
}

Result<void> Directories::check() const {
  const std::scoped_lock lock(mutex_);
  if (!distrusted_.empty()) return distrust(*distrusted_.begin());
  return {};
}

}  // namespace gantry::storage

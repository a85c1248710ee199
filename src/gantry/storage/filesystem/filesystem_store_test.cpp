#include "gantry/storage/filesystem/filesystem_store.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/storage/filesystem/file_ops.hpp"

namespace gantry::storage {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// Does what the kernel does, writes it down, and fails what it was told to fail.
class RecordingOps final : public FileOps {
 public:
  int create(int directory, const char* name) override {
    return at("create", [&] { return FileOps::create(directory, name); });
  }
  ssize_t write(int file, const void* bytes, std::size_t count) override {
    if (short_writes) count = std::min<std::size_t>(count, 7);
    return at("write", [&] { return FileOps::write(file, bytes, count); });
  }
  int begin_writeback(int file, std::uint64_t offset, std::uint64_t count) override {
    return at("begin_writeback", [&] { return FileOps::begin_writeback(file, offset, count); });
  }
  int sync_file(int file) override {
    return at("sync_file", [&] { return FileOps::sync_file(file); });
  }
  int sync_directory(int directory, const char* path) override {
    return at(std::string("sync_directory ") + path, [&] { return FileOps::sync_directory(directory, path); });
  }
  int make_directory(int parent, const char* path) override {
    return at(std::string("make_directory ") + path, [&] { return FileOps::make_directory(parent, path); });
  }
  int rename_new(int from_directory, const char* from, int to_directory, const char* to) override {
    return at("rename", [&] { return FileOps::rename_new(from_directory, from, to_directory, to); });
  }
  int unlink(int directory, const char* path) override {
    return at("unlink", [&] { return FileOps::unlink(directory, path); });
  }
  int remove_directory(int parent, const char* path) override {
    return at(std::string("remove_directory ") + path, [&] { return FileOps::remove_directory(parent, path); });
  }

  int space(int /*directory*/, std::uint64_t& free, std::uint64_t& all) override {
    if (!knows_space) {
      errno = ENOSYS;
      return -1;
    }
    free = free_bytes;
    all = all_bytes;
    return 0;
  }

  /// The next call of that name fails once.
  void fail_next(std::string name, int error) {
    const std::scoped_lock lock(mutex_);
    failing_ = std::move(name);
    error_ = error;
  }
  std::vector<std::string> take_calls() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(calls_, {});
  }
  std::function<void()> before_rename;  ///< once
  bool short_writes = false;
  bool knows_space = true;
  std::uint64_t free_bytes = 1ULL << 40, all_bytes = 1ULL << 41;

 private:
  template <class Call>
  auto at(const std::string& name, Call call) -> decltype(call()) {
    if (name == "rename" && before_rename) std::exchange(before_rename, nullptr)();
    {
      const std::scoped_lock lock(mutex_);
      if (name == failing_) {
        failing_.clear();
        calls_.push_back(name + " fails");
        errno = error_;
        return -1;
      }
    }
    const auto result = call();
    const int error = errno;
    {
      // Written down when it has returned: what follows in the record began later than what it stands behind ended.
      const std::scoped_lock lock(mutex_);
      calls_.push_back(name);
    }
    errno = error;
    return result;
  }

  std::mutex mutex_;
  std::vector<std::string> calls_;
  std::string failing_;
  int error_ = 0;
};

class FilesystemStoreTest : public testing::Test {
 protected:
  FilesystemStoreTest() {
    std::string folder = (fs::temp_directory_path() / "gantry-store-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) std::abort();
    root = folder;
    store = open_store();
    ops.take_calls();
  }
  ~FilesystemStoreTest() override { fs::remove_all(root); }

  std::unique_ptr<FilesystemStore> open_store() {
    auto opened = FilesystemStore::open(root.string(), ops);
    if (opened) return *std::move(opened);
    ADD_FAILURE() << opened.error().detail();
    return nullptr;
  }
  ObjectKey new_key(std::string_view uid = "1.2.3") const {
    return ObjectKey(series(uid) + "/" + std::string(64, 'a') + "-" + random_hex(16) + ".dcm");
  }
  static std::string tenant() { return "clinic-a"; }
  static std::string study() { return tenant() + "/" + uid_hash("1.2"); }
  static std::string series(std::string_view uid = "1.2.3") { return study() + "/" + uid_hash(uid); }
  Result<void> put(const ObjectKey& key, std::string_view bytes = "bytes") {
    GANTRY_LET(auto staged, store->stage(ctx));
    GANTRY_TRY(staged->write(std::as_bytes(std::span(bytes))));
    return store->persist(ctx, std::move(staged), key);
  }
  std::size_t files_in(const fs::path& folder) const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  static std::vector<std::string> without_writes(std::vector<std::string> calls) {
    std::erase(calls, "write");
    return calls;
  }

  const RequestContext ctx{TenantId("clinic-a"), {}, "test", Deadline::max()};
  fs::path root;
  RecordingOps ops;
  std::unique_ptr<FilesystemStore> store;
};

TEST_F(FilesystemStoreTest, SyncsTheFileBeforeItsNameAndEveryDirectoryAboveBeforeItReturns) {
  ASSERT_TRUE(put(new_key()));
  EXPECT_THAT(without_writes(ops.take_calls()),
              ElementsAre("create", "sync_file", "make_directory " + tenant(), "sync_directory ",
                          "make_directory " + study(), "sync_directory " + tenant(), "make_directory " + series(),
                          "sync_directory " + study(), "rename", "sync_directory " + series()));
}

TEST_F(FilesystemStoreTest, SyncsDirectoriesAboveOnceInItsLife) {
  ASSERT_TRUE(put(new_key()));
  ops.take_calls();
  ASSERT_TRUE(put(new_key()));
  EXPECT_THAT(without_writes(ops.take_calls()),
              ElementsAre("create", "sync_file", "rename", "sync_directory " + series()));
  ASSERT_TRUE(put(new_key("9.9")));
  EXPECT_THAT(without_writes(ops.take_calls()),
              ElementsAre("create", "sync_file", "make_directory " + series("9.9"), "sync_directory " + study(),
                          "rename", "sync_directory " + series("9.9")));
}

TEST_F(FilesystemStoreTest, SyncsDirectoriesThatAnEarlierProcessMadeAndPerhapsNeverSynced) {
  fs::create_directories(root / "objects" / series());
  ASSERT_TRUE(put(new_key()));
  EXPECT_THAT(ops.take_calls(), testing::IsSupersetOf({std::string("sync_directory "), "sync_directory " + tenant(),
                                                       "sync_directory " + study(), "sync_directory " + series()}));
}

TEST_F(FilesystemStoreTest, SyncsTheFoldersThatItMadeForItself) {
  auto made = FilesystemStore::open((root / "a" / "b").string(), ops);
  ASSERT_TRUE(made);
  auto calls = ops.take_calls();
  ASSERT_GT(calls.size(), 7U);
  calls.resize(7);  // then come the folders below tmp, which nobody needs after a power cut
  EXPECT_THAT(
      calls,
      ElementsAre("make_directory " + (root / "a").string(), "sync_directory " + root.string(),
                  "make_directory " + (root / "a" / "b").string(), "sync_directory " + (root / "a").string(),
                  "make_directory objects", "make_directory tmp", "sync_directory " + (root / "a" / "b").string()));
}

TEST_F(FilesystemStoreTest, KeepsFilesAndFoldersFromOtherUsers) {
  const auto key = new_key();
  ASSERT_TRUE(put(key));
  struct stat status {};
  ASSERT_EQ(::stat((root / "objects" / key.str()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((root / "objects" / series()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(FilesystemStoreTest, FailsAnObjectForGoodWhenItsSyncFailed) {
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write(std::as_bytes(std::span("bytes"))));
  ops.fail_next("sync_file", EIO);
  const auto done = store->persist(ctx, *std::move(staged), new_key());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable);
  const auto calls = ops.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "sync_file"), 0);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "rename"), 0);
  EXPECT_EQ(files_in("objects") + files_in("tmp"), 0U);
  EXPECT_TRUE(put(new_key())) << "another object is another file";
}

TEST_F(FilesystemStoreTest, LeavesNoNameWhenTheDirectoryCouldNotBeSyncedAndTrustsItNoMore) {
  ASSERT_TRUE(put(new_key("9.9")));
  ops.fail_next("sync_directory " + series(), EIO);
  const auto done = put(new_key());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(files_in("objects"), 1U);
  EXPECT_EQ(files_in("tmp"), 0U);
  const auto ready = store->check(ctx);
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().detail(), HasSubstr("restart"));
  EXPECT_FALSE(put(new_key())) << "a second sync may claim success for what the first one lost";
  EXPECT_TRUE(put(new_key("9.9"))) << "other directories go on";
  store = open_store();
  EXPECT_TRUE(put(new_key()));
  EXPECT_TRUE(store->check(ctx));
}

TEST_F(FilesystemStoreTest, NamesNothingWhenADirectoryAboveCouldNotBeSynced) {
  ops.fail_next("sync_directory " + tenant(), EIO);
  ASSERT_FALSE(put(new_key()));
  const auto calls = ops.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "rename"), 0);
  EXPECT_FALSE(put(new_key()));
}

TEST_F(FilesystemStoreTest, SaysThatTheDiskIsFull) {
  for (const char* call : {"create", "write", "sync_file", "rename"}) {
    ops.fail_next(call, ENOSPC);
    const auto done = put(new_key());
    ASSERT_FALSE(done) << call;
    EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable) << call;
    EXPECT_THAT(done.error().detail(), HasSubstr("the disk is full")) << call;
    EXPECT_EQ(files_in("objects") + files_in("tmp"), 0U) << call;
    EXPECT_TRUE(put(new_key())) << "after " << call;
    fs::remove_all(root / "objects" / tenant());
  }
  ops.fail_next("write", ENOSPC);
  EXPECT_FALSE(store->check(ctx));
  EXPECT_TRUE(store->check(ctx));
}

TEST_F(FilesystemStoreTest, KeepsTheLastOfTheDiskForTheIndexAndForDeleting) {
  const auto key = new_key();
  ASSERT_TRUE(put(key));
  auto large = store->stage(ctx);
  ASSERT_TRUE(large);
  for (const std::uint64_t all : {std::uint64_t{1} << 41, std::uint64_t{1'000'000'000}}) {
    const std::uint64_t reserve = std::min<std::uint64_t>(256 << 20, all / 20);
    ops.all_bytes = all;
    ops.free_bytes = reserve;
    EXPECT_TRUE(put(new_key()));
    EXPECT_TRUE(store->check(ctx));
    ops.free_bytes = reserve - 1;
    const auto refused = put(new_key());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
    EXPECT_THAT(refused.error().detail(), HasSubstr("the disk is full"));
    EXPECT_FALSE(store->check(ctx)) << "not ready: it takes nothing";
    EXPECT_TRUE(store->open(ctx, key)) << "but gives";
  }
  // One that was on its way in stops, too, and does not take the rest of the disk.
  const std::vector<std::byte> bytes(8 << 20);
  EXPECT_FALSE((*large)->write(bytes));
  EXPECT_FALSE((*large)->write(std::span(bytes).first(1)));
  EXPECT_FALSE(store->persist(ctx, *std::move(large), new_key()));
  EXPECT_TRUE(store->remove(ctx, key));
  ops.knows_space = false;
  EXPECT_TRUE(put(new_key())) << "where nobody says how much there is, a failing write tells";
}

TEST_F(FilesystemStoreTest, KeepsARefusedWriteInMind) {
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  ops.fail_next("write", ENOSPC);
  EXPECT_FALSE((*staged)->write(std::as_bytes(std::span("lost"))));
  EXPECT_FALSE((*staged)->write(std::as_bytes(std::span("kept"))));
  EXPECT_FALSE(store->persist(ctx, *std::move(staged), new_key()));
  EXPECT_EQ(files_in("objects") + files_in("tmp"), 0U);
}

TEST_F(FilesystemStoreTest, WritesAllOfItWhenTheKernelTakesALittleAtATime) {
  ops.short_writes = true;
  ops.fail_next("write", EINTR);
  const auto key = new_key();
  const std::string bytes = "more than seven bytes, all of which are to be kept";
  ASSERT_TRUE(put(key, bytes));
  std::ifstream file(root / "objects" / key.str());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), bytes);
}

TEST_F(FilesystemStoreTest, BeginsToWriteBackLargeObjectsWhileTheyArrive) {
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  const std::vector<std::byte> piece(1U << 20);
  for (int i = 0; i < 33; ++i) ASSERT_TRUE((*staged)->write(piece));
  const auto calls = ops.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "begin_writeback"), 4);
  ops.fail_next("begin_writeback", EIO);
  bool written = true;
  for (int i = 0; i < 8; ++i) written = (*staged)->write(piece) && written;
  EXPECT_FALSE(written);
  EXPECT_FALSE(store->persist(ctx, *std::move(staged), new_key()));
}

TEST_F(FilesystemStoreTest, TriesAgainWhenAnotherProcessSweepsTheDirectoryAway) {
  ASSERT_TRUE(put(new_key()));
  ops.before_rename = [this] { fs::remove_all(root / "objects" / tenant()); };
  const auto key = new_key();
  ops.take_calls();
  ASSERT_TRUE(put(key));
  EXPECT_TRUE(fs::exists(root / "objects" / key.str()));
  // The new directories are synced as if this process had never seen them.
  const auto calls = ops.take_calls();
  for (const auto& above : {std::string(), tenant(), study()}) {
    EXPECT_EQ(std::count(calls.begin(), calls.end(), "sync_directory " + above), 1) << above;
  }
}

TEST_F(FilesystemStoreTest, ForgetsADirectoryThatItSwept) {
  const auto key = new_key();
  ASSERT_TRUE(put(key));
  ASSERT_TRUE(store->remove(ctx, key));
  ASSERT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  EXPECT_FALSE(fs::exists(root / "objects" / tenant()));
  ops.take_calls();
  ASSERT_TRUE(put(new_key()));
  const auto calls = ops.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "sync_directory "), 1);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "sync_directory " + study()), 1);
}

TEST_F(FilesystemStoreTest, NeverSweepsADirectoryThatAStoreIsAboutToUse) {
  bool swept_in_between = false;
  ops.before_rename = [&] { swept_in_between = store->sweep(ctx, std::chrono::seconds(0)).ok(); };
  ASSERT_TRUE(put(new_key()));
  EXPECT_TRUE(swept_in_between);
  const auto calls = ops.take_calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "remove_directory " + series()), 0);
}

TEST_F(FilesystemStoreTest, SweepsWhatACrashLeftAndNothingElse) {
  const auto make = [&](const fs::path& path) { std::ofstream(root / path) << "litter"; };
  fs::create_directories(root / "tmp/3");
  make("tmp/0123.part");  // as an older release left it
  make("tmp/3/0123.part");
  make("tmp/young.part");
  make("tmp/not-ours");
  make("tmp/locked.part");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(48);
  for (const char* name : {"0123.part", "3/0123.part", "not-ours", "locked.part"}) fs::last_write_time(root / "tmp" / name, old);
  const UniqueFd other_process(::open((root / "tmp/locked.part").c_str(), O_RDONLY));
  ASSERT_EQ(::flock(other_process.get(), LOCK_EX), 0);
  ASSERT_TRUE(store->sweep(ctx, std::chrono::hours(24)));
  EXPECT_FALSE(fs::exists(root / "tmp/0123.part"));
  EXPECT_FALSE(fs::exists(root / "tmp/3/0123.part"));
  EXPECT_TRUE(fs::exists(root / "tmp/young.part"));
  EXPECT_TRUE(fs::exists(root / "tmp/not-ours"));
  EXPECT_TRUE(fs::exists(root / "tmp/locked.part"));
}

TEST_F(FilesystemStoreTest, SweepsEmptyDirectoriesOnlyWhenTheyAreOld) {
  fs::create_directories(root / "objects" / series());
  fs::create_directories(root / "objects" / "Lost+Found");
  ASSERT_TRUE(store->sweep(ctx, std::chrono::hours(24)));
  EXPECT_TRUE(fs::exists(root / "objects" / series()));
  ASSERT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  EXPECT_FALSE(fs::exists(root / "objects" / tenant()));
  EXPECT_TRUE(fs::exists(root / "objects" / "Lost+Found")) << "it has no name of ours";
}

TEST_F(FilesystemStoreTest, FollowsNoLinkOutOfItsFolder) {
  const auto key = new_key();
  const auto inner = new_key("9.9");
  ASSERT_TRUE(put(key));
  std::ofstream(root / "secret") << "not an object";
  const ObjectKey linked(series() + "/" + std::string(64, 'b') + "-" + std::string(32, '0') + ".dcm");
  fs::create_symlink(root / "secret", root / "objects" / linked.str());
  EXPECT_FALSE(store->open(ctx, linked));
  // A link in the middle of the path, too: reading and writing.
  fs::create_directories(root / "elsewhere");
  fs::create_directory_symlink(root / "elsewhere", root / "objects" / series("9.9"));
  std::ofstream(root / "elsewhere" / inner.str().substr(inner.str().rfind('/') + 1)) << "not an object";
  EXPECT_FALSE(store->open(ctx, inner));
  EXPECT_FALSE(put(new_key("9.9")));
  EXPECT_EQ(files_in("elsewhere"), 1U);
  std::size_t listed = 0;
  ASSERT_TRUE(store->list(ctx, [&listed](const ObjectInfo&) { return ++listed > 0; }));
  EXPECT_EQ(listed, 1U);
}

TEST_F(FilesystemStoreTest, ListsNoStrayFiles) {
  const auto key = new_key();
  ASSERT_TRUE(put(key));
  std::ofstream(root / "objects" / "README") << "x";
  std::ofstream(root / "objects" / series() / "notes.txt") << "x";
  fs::create_directories(root / "objects" / series() / (std::string(64, 'b') + "-" + std::string(32, '0') + ".dcm"));
  std::vector<std::string> keys;
  ASSERT_TRUE(store->list(ctx, [&keys](const ObjectInfo& info) {
    keys.push_back(info.key.str());
    return true;
  }));
  EXPECT_THAT(keys, ElementsAre(key.str()));
}

TEST_F(FilesystemStoreTest, AWaitingSyncIsSharedByThoseWhoCameMeanwhile) {
  ASSERT_TRUE(put(new_key()));
  ops.take_calls();
  constexpr std::size_t kThreads = 8, kEach = 25;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (std::size_t i = 0; i < kEach; ++i) EXPECT_TRUE(put(new_key()));
    });
  }
  for (auto& thread : threads) thread.join();
  const auto calls = ops.take_calls();
  const auto syncs = std::count(calls.begin(), calls.end(), "sync_directory " + series());
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "rename"), static_cast<long>(kThreads * kEach));
  EXPECT_GE(syncs, static_cast<long>(kEach));  // a thread's own objects never share one
  EXPECT_LE(syncs, static_cast<long>(kThreads * kEach));
  // Every rename has a sync of its directory behind it.
  const auto last_rename = std::find(calls.rbegin(), calls.rend(), "rename");
  EXPECT_NE(std::find(calls.rbegin(), last_rename, "sync_directory " + series()), last_rename);
}

TEST_F(FilesystemStoreTest, RefusesARootThatIsNoFolder) {
  std::ofstream(root / "file") << "x";
  EXPECT_FALSE(FilesystemStore::open((root / "file").string()));
  EXPECT_FALSE(FilesystemStore::open((root / "file" / "below").string()));
  EXPECT_FALSE(FilesystemStore::open(""));
}

TEST_F(FilesystemStoreTest, OpensARelativeRootAndOneWithASlashAtItsEnd) {
  EXPECT_TRUE(FilesystemStore::open((root / "slash").string() + "/"));
  EXPECT_TRUE(fs::exists(root / "slash" / "objects"));
}

}  // namespace
}  // namespace gantry::storage

// Something fails at the n-th step of a short life of an archive, for every n: once, or from then on (a crash).
// Whatever it is, what was acknowledged is there with its bytes, what was not is not (or whole, where its answer alone
// was lost), a sweep leaves nothing over, and everything can be sent again at once.

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/delete_service.hpp"
#include "gantry/archive/store_test_support.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"
#include "gantry/storage/filesystem/file_ops.hpp"
#include "gantry/storage/filesystem/filesystem_store.hpp"

namespace gantry::archive {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using testing::Faults;
using ::testing::IsEmpty;
using testing::Made;
using testing::part10_file;
using When = Faults::When;

/// Fails at one step, or from it on.
struct Plan {
  int step = 0;
  When when = When::kBefore;
  bool forever = false;

  [[nodiscard]] bool hits(int number) const { return forever ? number >= step : number == step; }
};

void PrintTo(const Plan& plan, std::ostream* out) {
  *out << "step " << plan.step << (plan.when == When::kBefore ? ", not done" : ", done")
       << (plan.forever ? ", and all after it" : "");
}

Made instance(const std::string& study, int number) {
  Made made;
  made.study = study;
  made.series = study + ".1";
  made.sop = made.series + "." + std::to_string(number);
  return made;
}

enum class Known { kAbsent, kPresent, kEither };
struct Expected {
  Made made;
  Known known = Known::kAbsent;
};
using Expectations = std::map<std::string, Expected>;

/// `strict`: no answer is lost, so a call that failed did nothing. The short life: stores, one again, one with other
/// bytes, a deletion, a store into the deleted study, unlinking. One after the other, so that steps have numbers.
Expectations live(index::InstanceIndex& index, storage::ObjectStore& objects, bool strict) {
  const auto ctx = testing::context_for();
  WorkerPool disk("disk", 1, 64);
  StoreService service(index, objects, disk, StoreSettings{});
  DeleteService deletes(index, std::chrono::seconds(0));
  Expectations expected;
  const auto store = [&](const Made& made) {
    const auto outcome = testing::store(service, ctx, part10_file(made));
    auto& each = expected[made.sop];
    each.made = made;
    if (outcome.stored()) {
      each.known = Known::kPresent;
    } else {
      EXPECT_THAT(outcome.failure_reason, AnyOf(failure::kResources, failure::kProcessing)) << outcome.detail;
      EXPECT_TRUE(outcome.try_later) << outcome.detail;
      EXPECT_FALSE(outcome.detail.empty());
      if (each.known == Known::kAbsent) each.known = Known::kEither;
    }
    return outcome.stored();
  };
  const Made first = instance("1.1", 1);
  store(first);
  store(instance("1.1", 2));
  store(first);
  if (expected[first.sop].known == Known::kPresent) {
    Made other = first;
    other.station = "SCANNER8";
    const auto outcome = testing::store(service, ctx, part10_file(other));
    EXPECT_FALSE(outcome.stored());
    EXPECT_TRUE(outcome.try_later || outcome.failure_reason == failure::kDuplicate) << outcome.detail;
  }
  store(instance("1.2", 1));
  const auto removed = deletes.remove(ctx, StudyUid("1.2"), std::nullopt, std::nullopt);
  auto& going = expected["1.2.1.1"].known;
  if (removed || removed.error().kind() == ErrorKind::kNotFound) {
    going = Known::kAbsent;
  } else if (going == Known::kPresent && !strict) {
    going = Known::kEither;
  }
  store(instance("1.2", 2));
  // A failed round of unlinking is followed by another one.
  (void)unlink_due(ctx, index, objects);
  store(instance("1.3", 1));
  return expected;
}

/// What must hold after any life, seen through ports that work again.
void expect_sound(Expectations expected, bool strict, index::InstanceIndex& index, storage::ObjectStore& objects,
                  const std::function<void()>& let_time_pass) {
  const auto ctx = testing::context_for();
  EXPECT_THAT(testing::fsck_findings(ctx, index, objects, std::chrono::hours(1000)), IsEmpty());
  for (const auto& [sop, each] : expected) {
    const auto bytes = testing::read_back(ctx, index, objects, each.made);
    if (each.known == Known::kPresent) {
      EXPECT_EQ(bytes, part10_file(each.made)) << sop << " was acknowledged";
    } else if (each.known == Known::kAbsent || strict) {
      EXPECT_EQ(bytes, "") << sop << " was not acknowledged";
    } else {
      EXPECT_THAT(bytes, AnyOf("", part10_file(each.made))) << sop;
    }
  }
  let_time_pass();
  EXPECT_TRUE(unlink_due(ctx, index, objects));
  EXPECT_TRUE(sweep_unheld(ctx, index, objects, std::chrono::hours(24)));
  EXPECT_THAT(testing::fsck_findings(ctx, index, objects, std::chrono::seconds(0)), IsEmpty());

  WorkerPool disk("disk", 1, 64);
  StoreService service(index, objects, disk, StoreSettings{});
  for (const auto& [sop, each] : expected) {
    const auto outcome = testing::store(service, ctx, part10_file(each.made));
    EXPECT_TRUE(outcome.stored()) << outcome.detail;
    EXPECT_EQ(testing::read_back(ctx, index, objects, each.made), part10_file(each.made));
  }
  EXPECT_EQ(index.totals(ctx)->instances, expected.size());
  // Deletions that were put off are in the queue until they are due again.
  EXPECT_GE(testing::count_objects(ctx, objects), expected.size());
  EXPECT_THAT(testing::fsck_findings(ctx, index, objects, std::chrono::seconds(0)), IsEmpty());
}

/// Runs `one` with a plan for each step, until one life has fewer steps. `one` says how many steps there were.
void at_every_step(const std::function<int(const Plan&)>& one) {
  for (const bool forever : {false, true}) {
    for (const When when : {When::kBefore, When::kAfter}) {
      int steps = 1;
      for (Plan plan{0, when, forever}; plan.step < steps; ++plan.step) {
        SCOPED_TRACE(::testing::PrintToString(plan));
        steps = one(plan);
        if (::testing::Test::HasFailure()) return;  // one is enough to look at
      }
      EXPECT_GT(steps, 20);
    }
  }
}

TEST(StoreFaults, NothingIsLostOrTornWhateverPortCallFails) {
  at_every_step([](const Plan& plan) {
    const auto ctx = testing::context_for();
    index::MemoryIndex index;
    storage::MemoryStore objects(testing::two_days_ago());
    EXPECT_TRUE(index.ensure_tenant(ctx));
    Faults faults;
    std::atomic<int> before{0}, after{0};
    faults.set([&](std::string_view call, When when) -> std::optional<Error> {
      const int number = when == When::kBefore ? before++ : after++;
      if (when != plan.when || !plan.hits(number)) return std::nullopt;
      return Error::unavailable(std::string(call) + " fails");
    });
    testing::FaultyIndex faulty_index(index, faults);
    testing::FaultyStore faulty_objects(objects, faults);
    const bool strict = plan.when == When::kBefore;
    auto expected = live(faulty_index, faulty_objects, strict);
    expect_sound(std::move(expected), strict, index, objects, [] {});
    return plan.when == When::kBefore ? before.load() : after.load();
  });
}

/// System calls that fail by plan: a full disk, or a broken one.
class FailingOps final : public storage::FileOps {
 public:
  explicit FailingOps(const Plan& plan) : plan_(plan) {}

  int create(int directory, const char* name) override {
    return run([&] { return FileOps::create(directory, name); });
  }
  ssize_t write(int file, const void* bytes, std::size_t count) override {
    return run([&] { return FileOps::write(file, bytes, count); });
  }
  int sync_file(int file) override {
    return run([&] { return FileOps::sync_file(file); });
  }
  int sync_directory(int directory, const char* path) override {
    return run([&] { return FileOps::sync_directory(directory, path); });
  }
  int make_directory(int parent, const char* path) override {
    return run([&] { return FileOps::make_directory(parent, path); });
  }
  int rename_new(int from_directory, const char* from, int to_directory, const char* to) override {
    return run([&] { return FileOps::rename_new(from_directory, from, to_directory, to); });
  }
  int unlink(int directory, const char* path) override {
    return run([&] { return FileOps::unlink(directory, path); });
  }
  void arm() { armed_ = true; }
  [[nodiscard]] int steps() const { return steps_; }

 private:
  template <class Call>
  auto run(Call call) -> decltype(call()) {
    if (!armed_) return call();
    const bool fails = plan_.hits(steps_++);
    if (!fails) return call();
    if (plan_.when == When::kAfter) (void)call();
    errno = plan_.step % 2 == 0 ? ENOSPC : EIO;
    return -1;
  }

  const Plan plan_;
  std::atomic<bool> armed_{false};
  std::atomic<int> steps_{0};
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // In memory where that is possible: some hundred archives sync all that they do.
    const fs::path memory("/dev/shm");
    std::error_code ignored;
    const auto above = fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path();
    std::string name = (above / "gantry-faults-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(StoreFaults, NothingIsLostOrTornOnFilesAndSqliteWhateverSystemCallFails) {
  const auto ctx = testing::context_for();
  at_every_step([&](const Plan& plan) {
    const TemporaryFolder folder;
    index::SqliteSettings settings;
    settings.path = folder.path() / "index.db";
    settings.readers = 2;
    const auto root = folder.path() / "store";
    const auto open_index = [&] {
      auto index = index::SqliteIndex::open(settings);
      EXPECT_TRUE(index) << index.error().detail();
      EXPECT_TRUE((*index)->ensure_tenant(ctx));
      return *std::move(index);
    };
    Expectations expected;
    FailingOps ops(plan);
    {
      const auto index = open_index();
      const auto objects = storage::FilesystemStore::open(root, ops);
      EXPECT_TRUE(objects);
      ops.arm();
      expected = live(*index, **objects, true);
    }
    // As after a restart. No call to the index failed, so every answer is known.
    const auto index = open_index();
    const auto objects = storage::FilesystemStore::open(root);
    EXPECT_TRUE(objects);
    expect_sound(std::move(expected), true, *index, **objects, [&] {
      for (const auto& entry : fs::recursive_directory_iterator(root)) {
        fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(48));
      }
    });
    for (const auto& left : fs::recursive_directory_iterator(root / "tmp")) EXPECT_TRUE(left.is_directory()) << left;
    return ops.steps();
  });
}

}  // namespace
}  // namespace gantry::archive

// The disk below the embedded index fails, or loses power, at the n-th write, sync or truncation, for every n.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/index_samples.hpp"
#include "gantry/index/sqlite/failing_disk.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"

namespace gantry::index {
namespace {

using contract::context_for;
using contract::instance;
using ::testing::AnyOf;
using ::testing::IsEmpty;

constexpr int kBatches = 6;
constexpr int kInBatch = 3;

class SqliteDiskFaults : public ::testing::Test {
 protected:
  SqliteDiskFaults() : folder_(std::filesystem::temp_directory_path() / ("gantry-disk-" + random_hex(8))) {}
  ~SqliteDiskFaults() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SqliteIndex> open() {
    SqliteSettings settings;
    settings.path = folder_ / "index.db";
    settings.readers = 1;
    auto opened = SqliteIndex::open(settings);
    EXPECT_TRUE(opened) << opened.error().detail();
    return opened ? *std::move(opened) : nullptr;
  }
  static std::string study_of(int batch) { return "1." + std::to_string(batch); }
  /// How many of a batch's instances are there.
  int count(SqliteIndex& index, int batch) {
    int there = 0;
    for (int i = 0; i < kInBatch; ++i) {
      const std::string study = study_of(batch);
      const auto located =
          index.locate(ctx_, StudyUid(study), SeriesUid(study + ".1"), SopUid(study + ".1." + std::to_string(i)));
      EXPECT_TRUE(located) << located.error().detail();
      there += located && *located ? 1 : 0;
    }
    return there;
  }
  Result<std::vector<Committed>> commit(SqliteIndex& index, int batch) {
    const std::string study = study_of(batch);
    std::vector<InstanceRecord> records;
    for (int i = 0; i < kInBatch; ++i) {
      records.push_back(instance(study, study + ".1", study + ".1." + std::to_string(i)));
      records.back().attributes_zstd = std::string(5000, 'z');  // over a page
    }
    return index.commit(ctx_, records, ConflictPolicy::kReject);
  }

  /// One life of an index on a disk that fails at `step`. Says how many steps there were.
  int live(int step, bool power_cut) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    testing::FailingDisk disk;
    std::set<int> acknowledged;
    bool removed = false;
    {
      const auto index = open();
      EXPECT_TRUE(index->ensure_tenant(ctx_));
      disk.arm(step, power_cut);
      for (int batch = 0; batch < kBatches; ++batch) {
        const auto committed = commit(*index, batch);
        if (committed) {
          acknowledged.insert(batch);
          EXPECT_EQ(count(*index, batch), kInBatch);
        } else {
          EXPECT_EQ(committed.error().kind(), ErrorKind::kUnavailable) << committed.error().detail();
          EXPECT_EQ(count(*index, batch), 0) << "a commit that failed is not seen";
        }
        if (batch == 2 && acknowledged.contains(1)) {
          const auto gone =
              index->remove(ctx_, StudyUid(study_of(1)), std::nullopt, std::nullopt, std::chrono::seconds(0));
          removed = gone.ok();
          EXPECT_EQ(count(*index, 1), removed ? 0 : kInBatch);
        }
      }
      EXPECT_GE(acknowledged.size(), power_cut ? 0U : kBatches - 1U) << "one failed step harms one commit";
    }
    const int steps = disk.steps();
    disk.disarm();
    if (power_cut) disk.lose_power();

    const auto index = open();
    if (index == nullptr) return steps;
    for (int batch = 0; batch < kBatches; ++batch) {
      const int there = count(*index, batch);
      if (batch == 1 && removed) {
        EXPECT_EQ(there, 0) << "it was deleted";
      } else if (acknowledged.contains(batch) && batch != 1) {
        EXPECT_EQ(there, kInBatch) << "batch " << batch << " was acknowledged";
      } else {
        EXPECT_THAT(there, AnyOf(0, kInBatch)) << "batch " << batch << " is torn";
      }
    }
    const auto differences = index->verify_counts(ctx_);
    EXPECT_TRUE(differences);
    EXPECT_THAT(*differences, IsEmpty());
    EXPECT_TRUE(commit(*index, kBatches)) << "it works again";
    return steps;
  }

  const std::filesystem::path folder_;
  const RequestContext ctx_ = context_for("clinic-a");
};

TEST_F(SqliteDiskFaults, AStepThatFailsHarmsOneCommitAndLosesNothing) {
  int steps = 1;
  for (int step = 0; step < steps && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    steps = live(step, false);
  }
  EXPECT_GT(steps, 30);
}

TEST_F(SqliteDiskFaults, APowerCutTakesNothingThatWasAcknowledged) {
  int steps = 1;
  for (int step = 0; step < steps && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    // Where the cut makes the life shorter, the number of steps still grows with the step: the last life has no cut.
    steps = std::max(steps, live(step, true));
  }
  EXPECT_GT(steps, 30);
}

}  // namespace
}  // namespace gantry::index

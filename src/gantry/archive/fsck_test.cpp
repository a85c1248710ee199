#include "gantry/archive/fsck.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"

namespace gantry::archive {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Faults;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Made;
using ::testing::SizeIs;
using ::testing::StartsWith;
using When = Faults::When;

class FsckTest : public ::testing::Test {
 protected:
  /// Stores an instance and gives its object's key.
  ObjectKey store(int number = 0) {
    Made made;
    made.sop += "." + std::to_string(number);
    archive.store(made);
    const auto located = archive.index.locate(ctx, StudyUid(made.study), SeriesUid(made.series), SopUid(made.sop));
    return (*located)->instance.location->object_key;
  }
  std::string bytes_of(const ObjectKey& key) {
    const auto file = archive.objects.open(ctx, key);
    std::string bytes((*file)->size(), '\0');
    EXPECT_TRUE((*file)->read_at(0, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  }
  void put(const ObjectKey& key, const std::string& bytes) {
    ASSERT_TRUE(archive.objects.remove(ctx, key));
    auto staged = archive.objects.stage(ctx);
    ASSERT_TRUE(staged);
    ASSERT_TRUE((*staged)->write(std::as_bytes(std::span(bytes))));
    ASSERT_TRUE(archive.objects.persist(ctx, *std::move(staged), key));
  }
  std::vector<std::string> findings(seconds unheld_age = seconds(0)) {
    return testing::fsck_findings(ctx, index, objects, unheld_age);
  }

  const RequestContext ctx = testing::context_for();
  testing::TestArchive archive;
  Faults faults;
  testing::FaultyIndex index{archive.index, faults};
  testing::FaultyStore objects{archive.objects, faults};
};

TEST_F(FsckTest, ASoundArchiveHasNoFindingsAndIsReadWhole) {
  std::uint64_t bytes = 0;
  for (int i = 0; i < 300; ++i) bytes += bytes_of(store(i)).size();
  std::vector<FsckReport> heard;
  const auto report = fsck(
      ctx, index, objects, {}, [](const FsckProblem& found) { ADD_FAILURE() << found.detail; },
      [&](const FsckReport& so_far) { heard.push_back(so_far); });
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 300U);
  EXPECT_EQ(report->objects, 300U);
  EXPECT_EQ(report->bytes, bytes);
  EXPECT_EQ(report->problems, 0U);
  ASSERT_GE(heard.size(), 2U);
  EXPECT_EQ(heard.back().rows, 300U);
}

TEST_F(FsckTest, AnEmptyArchiveIsSound) { EXPECT_THAT(findings(), IsEmpty()); }

TEST_F(FsckTest, FindsWhatIsMissingDamagedTruncatedAndUnheld) {
  store(0);
  const auto missing = store(1), flipped = store(2), cut = store(3);
  ASSERT_TRUE(archive.objects.remove(ctx, missing));
  auto bytes = bytes_of(flipped);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  put(flipped, bytes);
  put(cut, bytes_of(cut).substr(1));
  const ObjectKey orphan(flipped.str().substr(0, flipped.str().size() - 36) + std::string(32, '0') + ".dcm");
  put(orphan, "nobody's");

  auto found = findings();
  std::sort(found.begin(), found.end());
  ASSERT_THAT(found, SizeIs(4));
  auto damaged = std::vector{found[0], found[1]};
  EXPECT_THAT(damaged, ::testing::UnorderedElementsAre(
                           AllOf(StartsWith("damaged " + flipped.str()), HasSubstr("SHA-256"), HasSubstr("clinic-a")),
                           AllOf(StartsWith("damaged " + cut.str()), HasSubstr("bytes, stored were"))));
  EXPECT_THAT(found[2], AllOf(StartsWith("missing " + missing.str()), HasSubstr("instance 1.2.1.1.1.1:")));
  EXPECT_THAT(found[3], StartsWith("unheld " + orphan.str()));
  EXPECT_THAT(findings(hours(1)), SizeIs(3)) << "a young orphan may be on its way to its row";
}

TEST_F(FsckTest, WithoutHashesOnlySizesAreCompared) {
  const auto flipped = store();
  auto bytes = bytes_of(flipped);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(flipped, bytes);
  FsckOptions options;
  options.hashes = false;
  const auto report = fsck(ctx, index, objects, options, {}, {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->problems, 0U);
  EXPECT_EQ(report->bytes, 0U);
  EXPECT_THAT(findings(), SizeIs(1));
}

TEST_F(FsckTest, WhatCannotBeReadIsNotCalledMissing) {
  const auto key = store();
  faults.fail("open", When::kBefore, Error::unavailable("bad sector"));
  EXPECT_THAT(findings(hours(1)), ElementsAre(AllOf(StartsWith("unreadable " + key.str()), HasSubstr("bad sector"))));
}

TEST_F(FsckTest, WhatIsDeletedWhileItLooksIsNoProblem) {
  const auto key = store();
  std::atomic<bool> first{true};
  faults.set([&](std::string_view call, When when) -> std::optional<Error> {
    if (call != "open" || when != When::kBefore || !first.exchange(false)) return std::nullopt;
    EXPECT_TRUE(archive.index.remove(ctx, StudyUid("1.2.1"), std::nullopt, std::nullopt, seconds(0)));
    EXPECT_TRUE(archive.objects.remove(ctx, key));
    return std::nullopt;
  });
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(FsckTest, WhatIsReplacedWhileItLooksIsNoProblem) {
  const auto key = store();
  Made other;
  other.sop += ".0";
  other.station = "SCANNER8";
  std::atomic<bool> first{true};
  faults.set([&](std::string_view call, When when) -> std::optional<Error> {
    if (call != "open" || when != When::kBefore || !first.exchange(false)) return std::nullopt;
    archive.store(testing::part10_file(other), "clinic-a", index::ConflictPolicy::kReplace);
    EXPECT_TRUE(archive.objects.remove(ctx, key));
    return std::nullopt;
  });
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(FsckTest, AnObjectInTheDeleteQueueIsHeld) {
  store();
  ASSERT_TRUE(archive.index.remove(ctx, StudyUid("1.2.1"), std::nullopt, std::nullopt, hours(1)));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(FsckTest, AnIndexOrAStoreThatFailsIsAnErrorAndNoCleanBill) {
  for (int i = 0; i < 3; ++i) store(i);
  for (const char* call : {"visit_objects", "list", "are_held", "verify_counts"}) {
    for (const When when : {When::kBefore, When::kAfter}) {
      faults.fail(call, when, Error::unavailable("gone"));
      EXPECT_THAT(findings(), ElementsAre("!gone")) << call;
    }
  }
}

TEST_F(FsckTest, ChecksAllTenants) {
  Made made;
  archive.store(made, "clinic-b");
  const auto located = archive.index.locate(testing::context_for("clinic-b"), StudyUid(made.study),
                                            SeriesUid(made.series), SopUid(made.sop));
  ASSERT_TRUE(archive.objects.remove(ctx, (*located)->instance.location->object_key));
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("tenant clinic-b")));
}

}  // namespace
}  // namespace gantry::archive

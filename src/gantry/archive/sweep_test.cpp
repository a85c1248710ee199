#include "gantry/archive/sweep.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"

namespace gantry::archive {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Faults;
using ::testing::HasSubstr;
using testing::Made;
using When = Faults::When;

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() { EXPECT_TRUE(memory_index.ensure_tenant(ctx)); }

  ObjectKey key(int number = 0) const {
    return ObjectKey("clinic-a/" + uid_hash("1.2") + "/" + uid_hash("1.2." + std::to_string(number % 7)) + "/" +
                     std::string(64, 'a') + "-" + random_hex(16) + ".dcm");
  }
  /// An object, with a row or not.
  ObjectKey put(bool row, int number = 0) {
    auto staged = memory_objects.stage(ctx);
    EXPECT_TRUE(staged);
    const auto name = key(number);
    EXPECT_TRUE(memory_objects.persist(ctx, *std::move(staged), name));
    if (!row) return name;
    index::InstanceRecord record;
    record.study = StudyUid("1.2");
    record.series = SeriesUid("1.2.3");
    record.sop = SopUid("1.2.3." + std::to_string(number));
    record.transfer_syntax = std::string(dicom::kExplicitLittleEndian);
    record.object_key = name;
    record.persist_began = Clock::now();
    const auto committed = memory_index.commit(ctx, {&record, 1}, index::ConflictPolicy::kReject);
    EXPECT_TRUE(committed && (*committed)[0].outcome == index::Committed::Outcome::kStored);
    return name;
  }
  bool is_there(const ObjectKey& object) { return memory_objects.open(ctx, object).ok(); }
  SweepReport sweep(seconds oldest = hours(24)) {
    const auto report = sweep_unheld(ctx, index, objects, oldest);
    EXPECT_TRUE(report) << report.error().detail();
    return report ? *report : SweepReport{};
  }

  const RequestContext ctx = testing::context_for();
  std::chrono::system_clock::duration age = hours(48);  ///< of objects that are put
  index::MemoryIndex memory_index;
  storage::MemoryStore memory_objects{[this] { return std::chrono::system_clock::now() - age; }};
  Faults faults;
  testing::FaultyIndex index{memory_index, faults};
  testing::FaultyStore objects{memory_objects, faults};
};

TEST_F(SweepTest, RemovesWhatIsOldAndHeldByNothing) {
  const auto held = put(true), litter = put(false);
  age = hours(1);
  const auto young = put(false);
  const auto report = sweep();
  EXPECT_EQ(report.unheld, 1U);
  EXPECT_TRUE(is_there(held));
  EXPECT_FALSE(is_there(litter));
  EXPECT_TRUE(is_there(young));
}

TEST_F(SweepTest, NeverTakesAnObjectWhoseCommitMayStillCome) {
  age = minutes(70);  // a commit may come for an hour, and other machines' clocks differ
  const auto soon = put(false);
  age = minutes(80);
  const auto never = put(false);
  EXPECT_EQ(sweep(seconds(0)).unheld, 1U) << "however short an age is asked for";
  EXPECT_TRUE(is_there(soon));
  EXPECT_FALSE(is_there(never));
  age = -minutes(10);
  const auto future = put(false);
  EXPECT_EQ(sweep(seconds(0)).unheld, 0U) << "by another machine's clock";
  EXPECT_TRUE(is_there(future));
}

TEST_F(SweepTest, WhatTheDeleteQueueHoldsIsLeftToIt) {
  const auto object = put(true);
  ASSERT_TRUE(memory_index.remove(ctx, StudyUid("1.2"), std::nullopt, std::nullopt, hours(1)));
  EXPECT_EQ(sweep().unheld, 0U);
  EXPECT_TRUE(is_there(object)) << "readers have time to finish";
}

TEST_F(SweepTest, WorksThroughMoreThanABatch) {
  for (int i = 0; i < 600; ++i) put(i % 3 == 0, i);
  EXPECT_EQ(sweep().unheld, 400U);
  EXPECT_EQ(testing::count_objects(ctx, memory_objects), 200U);
  EXPECT_EQ(sweep().unheld, 0U);
}

TEST_F(SweepTest, AnIndexThatDoesNotAnswerRemovesNothing) {
  for (int i = 0; i < 300; ++i) put(false, i);
  for (const int first : {0, 1}) {
    faults.fail("are_held", When::kBefore, Error::unavailable("gone"), first);
    const auto report = sweep_unheld(ctx, index, objects, hours(24));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind(), ErrorKind::kUnavailable);
    EXPECT_EQ(testing::count_objects(ctx, memory_objects), first == 0 ? 300U : 44U);
  }
}

TEST_F(SweepTest, AListThatFailsIsAnError) {
  put(false);
  for (const char* call : {"list", "sweep"}) {
    faults.fail(call, When::kBefore, Error::unavailable("bad sector"));
    EXPECT_FALSE(sweep_unheld(ctx, index, objects, hours(24)));
  }
}

TEST_F(SweepTest, WhatCannotBeRemovedIsSaidAndTriedAgain) {
  put(false);
  put(false);
  faults.fail("unlink", When::kBefore, Error::unavailable("read-only"));
  const auto report = sweep();
  EXPECT_EQ(report.unheld, 1U);
  EXPECT_EQ(report.put_off, 1U);
  EXPECT_EQ(report.why, "read-only");
  EXPECT_EQ(sweep().unheld, 1U);
}

TEST_F(SweepTest, UnlinksWhatIsDueAndPutsOffWhatItCannot) {
  for (int i = 0; i < 300; ++i) put(true, i);
  ASSERT_TRUE(memory_index.remove(ctx, StudyUid("1.2"), std::nullopt, std::nullopt, seconds(0)));
  const auto kept = put(true, 300);
  faults.fail("unlink", When::kBefore, Error::unavailable("busy"), 7, 2);
  const auto report = unlink_due(ctx, index, objects);
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->deleted, 298U);
  EXPECT_EQ(report->put_off, 2U);
  EXPECT_EQ(report->why, "busy");
  EXPECT_TRUE(is_there(kept));
  EXPECT_EQ(testing::count_objects(ctx, memory_objects), 3U);
  EXPECT_TRUE(memory_index.due_deletions(ctx, 10)->empty()) << "not at once again";
  EXPECT_EQ(sweep().unheld, 0U) << "the queue holds them still";
}

TEST_F(SweepTest, AQueueThatIsNotToldRepeatsItself) {
  put(true);
  ASSERT_TRUE(memory_index.remove(ctx, StudyUid("1.2"), std::nullopt, std::nullopt, seconds(0)));
  faults.fail("deletion_done", When::kBefore, Error::unavailable("gone"));
  EXPECT_FALSE(unlink_due(ctx, index, objects));
  const auto again = unlink_due(ctx, index, objects);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->deleted, 1U) << "removing what is gone is success";
}

}  // namespace
}  // namespace gantry::archive

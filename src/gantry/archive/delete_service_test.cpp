#include "gantry/archive/delete_service.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"

namespace gantry::archive {
namespace {

using ::testing::ElementsAre;
using testing::Faults;
using ::testing::IsEmpty;
using testing::Made;
using When = Faults::When;

class DeleteServiceTest : public ::testing::Test, public StoreService::Listener {
 protected:
  void committed(const RequestContext& told_ctx, const StudyUid& study, const SeriesUid& series,
                 const SopUid& sop) override {
    told.push_back(told_ctx.tenant.str() + ":" + study.str() + ":" + series.str() + ":" + sop.str());
  }
  Result<std::uint64_t> remove(const std::string& study, const std::string& series = "", const std::string& sop = "") {
    return service.remove(ctx, StudyUid(study), series.empty() ? std::nullopt : std::optional<SeriesUid>(series),
                          sop.empty() ? std::nullopt : std::optional<SopUid>(sop));
  }
  /// Two series of two instances each.
  void fill(const std::string& tenant = "clinic-a") {
    for (const char* series : {"1.2.1.1", "1.2.1.2"}) {
      for (const char* number : {".1", ".2"}) {
        Made made;
        made.series = series;
        made.sop = series + std::string(number);
        archive.store(made, tenant);
      }
    }
  }
  std::uint64_t held(const std::string& tenant = "clinic-a") {
    return archive.index.totals(testing::context_for(tenant))->instances;
  }
  static ErrorKind kind_of(const Result<std::uint64_t>& result) {
    EXPECT_FALSE(result);
    return result ? ErrorKind::kInternal : result.error().kind();
  }

  const RequestContext ctx = testing::context_for();
  testing::TestArchive archive;
  Faults faults;
  testing::FaultyIndex index{archive.index, faults};
  DeleteService service{index, std::chrono::seconds(0), this};
  std::vector<std::string> told;
};

TEST_F(DeleteServiceTest, DeletesAnInstanceASeriesAndAStudyAndSaysHowMany) {
  fill();
  EXPECT_EQ(*remove("1.2.1", "1.2.1.1", "1.2.1.1.1"), 1U);
  EXPECT_EQ(*remove("1.2.1", "1.2.1.2"), 2U);
  EXPECT_EQ(*remove("1.2.1"), 1U);
  EXPECT_EQ(held(), 0U);
  EXPECT_THAT(told, ElementsAre("clinic-a:1.2.1:1.2.1.1:1.2.1.1.1", "clinic-a:1.2.1:1.2.1.2:", "clinic-a:1.2.1::"));
}

TEST_F(DeleteServiceTest, TheRowsGoFirstAndTheObjectsWhenTheyAreDue) {
  fill();
  DeleteService later(index, std::chrono::hours(1));
  EXPECT_EQ(*later.remove(ctx, StudyUid("1.2.1"), SeriesUid("1.2.1.1"), std::nullopt), 2U);
  EXPECT_EQ(*remove("1.2.1", "1.2.1.2"), 2U);
  EXPECT_EQ(testing::count_objects(ctx, archive.objects), 4U);
  const auto report = unlink_due(ctx, archive.index, archive.objects);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->deleted, 2U);
  EXPECT_EQ(testing::count_objects(ctx, archive.objects), 2U) << "readers may still be at the others";
}

TEST_F(DeleteServiceTest, WhatIsNotThereIsNotFoundAndNoCacheIsTroubled) {
  fill();
  EXPECT_EQ(kind_of(remove("1.2.9")), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(remove("1.2.1", "1.2.9")), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(remove("1.2.1", "1.2.1.2", "1.2.1.1.1")), ErrorKind::kNotFound) << "it is in another series";
  EXPECT_EQ(held(), 4U);
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(DeleteServiceTest, AnInstanceWithoutItsSeriesOrNothingAtAllIsInvalid) {
  fill();
  EXPECT_EQ(kind_of(remove("1.2.1", "", "1.2.1.1.1")), ErrorKind::kInvalid);
  EXPECT_EQ(kind_of(remove("")), ErrorKind::kInvalid);
  EXPECT_EQ(held(), 4U);
}

TEST_F(DeleteServiceTest, ReachesNoOtherTenant) {
  fill();
  fill("clinic-b");
  EXPECT_EQ(*remove("1.2.1"), 4U);
  EXPECT_EQ(held("clinic-b"), 4U);
}

TEST_F(DeleteServiceTest, AFailureIsToldToCachesBecauseTheRowsMayBeGone) {
  fill();
  faults.fail("remove", When::kAfter, Error::timeout("late"));
  EXPECT_EQ(kind_of(remove("1.2.1")), ErrorKind::kTimeout);
  EXPECT_THAT(told, ElementsAre("clinic-a:1.2.1::"));
  EXPECT_EQ(held(), 0U);
}

TEST_F(DeleteServiceTest, AStudyThatWasDeletedCanBeStoredAgain) {
  fill();
  ASSERT_TRUE(remove("1.2.1"));
  fill();
  EXPECT_EQ(held(), 4U);
  ASSERT_TRUE(unlink_due(ctx, archive.index, archive.objects));
  EXPECT_EQ(testing::count_objects(ctx, archive.objects), 4U) << "only the old objects are unlinked";
  EXPECT_THAT(testing::fsck_findings(ctx, archive.index, archive.objects, std::chrono::seconds(0)), IsEmpty());
}

}  // namespace
}  // namespace gantry::archive

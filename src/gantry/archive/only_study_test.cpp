// Who may see one study alone (RequestContext::only_study), in every use case.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/delete_service.hpp"
#include "gantry/archive/json_slice.hpp"
#include "gantry/archive/read_test_support.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/base/task_test_support.hpp"

namespace gantry::archive {
namespace {

using namespace gantry::archive::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using index::Level;

class OnlyStudy : public ::testing::Test {
 protected:
  OnlyStudy() {
    Made made;
    archive_.store(made);
    made.sop = "1.2.1.1.2", made.instance_number = "2";
    archive_.store(made);
    made.study = "1.2.2", made.series = "1.2.2.1", made.sop = "1.2.2.1.1", made.patient_name = "Other^Patient";
    archive_.store(made);
    ctx_.only_study = mine_;
  }

  /// The studies of the hits, and what the search says of their number.
  std::vector<std::string> studies(SearchRequest request) {
    auto found = archive_.queries.search(ctx_, request, {}, *archive_.queries.state(ctx_));
    EXPECT_TRUE(found) << found.error().detail();
    std::vector<std::string> all;
    while (const auto row = *found->hits->next()) {
      const auto value = json::member(*row, "0020000D");
      EXPECT_TRUE(value) << *row;
      json::Walker walker(*json::member(*value, "Value"));
      EXPECT_TRUE(walker.next());
      all.push_back(json::text_of(walker.value()));
    }
    EXPECT_EQ(found->total, all.size() + request.offset) << "a number tells as much as a hit";
    return all;
  }
  static SearchRequest by(Level level, std::vector<SearchKey> keys = {}) {
    SearchRequest request;
    request.level = level;
    request.keys = std::move(keys);
    return request;
  }
  template <class T>
  static bool is_absent(const Result<T>& result) {
    return !result && result.error().kind() == ErrorKind::kNotFound;
  }

  const StudyUid mine_{"1.2.1"}, other_{"1.2.2"};
  const SeriesUid series_{"1.2.2.1"};
  const SopUid sop_{"1.2.2.1.1"};
  TestArchive archive_;
  RequestContext ctx_ = context_for();
  WorkerPool pool_{"index", 1, 8};
};

TEST_F(OnlyStudy, SearchesFindNothingElseAndCountNothingElse) {
  EXPECT_THAT(studies(by(Level::kStudy)), ElementsAre("1.2.1"));
  EXPECT_THAT(studies(by(Level::kSeries)), ElementsAre("1.2.1"));
  EXPECT_THAT(studies(by(Level::kInstance)), ElementsAre("1.2.1", "1.2.1"));
  EXPECT_THAT(studies(by(Level::kStudy, {{"PatientName", "Other*"}})), IsEmpty());
  EXPECT_THAT(studies(by(Level::kStudy, {{"PatientID", "P-1"}})), ElementsAre("1.2.1"));
  EXPECT_THAT(studies(by(Level::kStudy, {{"StudyInstanceUID", "1.2.2"}})), IsEmpty());
  EXPECT_THAT(studies(by(Level::kStudy, {{"StudyInstanceUID", "1.2.2,1.2.1"}})), ElementsAre("1.2.1"));
  auto below = by(Level::kSeries);
  below.study = other_;
  EXPECT_THAT(studies(below), IsEmpty());
  below.level = Level::kInstance;
  below.series = series_;
  EXPECT_THAT(studies(below), IsEmpty());
  auto second = by(Level::kInstance);
  second.offset = 1, second.limit = 1;
  EXPECT_THAT(studies(second), ElementsAre("1.2.1"));
  ctx_.only_study.reset();
  EXPECT_THAT(studies(by(Level::kStudy)), SizeIs(2)) << "and it left no wrong memory of what is absent";
  EXPECT_THAT(studies(by(Level::kStudy, {{"StudyInstanceUID", "1.2.2"}})), ElementsAre("1.2.2"));
}

TEST_F(OnlyStudy, NothingElseIsThereToRetrieve) {
  auto& retrieves = archive_.retrieves;
  const auto unscoped = context_for();
  ASSERT_TRUE(retrieves.locate(unscoped, other_, series_, sop_)) << "and it is in memory now";
  EXPECT_TRUE(is_absent(retrieves.locate(ctx_, other_, series_, sop_)));
  EXPECT_TRUE(is_absent(gantry::testing::await([&] { return retrieves.find(ctx_, other_, series_, sop_); })));
  EXPECT_TRUE(is_absent(retrieves.version(ctx_, other_, std::nullopt)));
  EXPECT_TRUE(is_absent(retrieves.instances(ctx_, other_, std::nullopt)));
  EXPECT_TRUE(is_absent(retrieves.metadata(ctx_, other_, series_, sop_)));
  EXPECT_TRUE(is_absent(retrieves.prepared(ctx_, other_, std::nullopt)));
  EXPECT_TRUE(is_absent(gantry::testing::await([&] { return retrieves.find_metadata(ctx_, other_, series_); })));
  EXPECT_TRUE(is_absent(gantry::testing::await(
      [&] { return retrieves.fetch_metadata(pool_, ctx_, other_, std::nullopt, std::nullopt); })));
  EXPECT_TRUE(retrieves.locate(ctx_, mine_, SeriesUid("1.2.1.1"), SopUid("1.2.1.1.1")));
  EXPECT_TRUE(retrieves.instances(ctx_, mine_, std::nullopt));
  EXPECT_TRUE(retrieves.metadata(ctx_, mine_, std::nullopt, std::nullopt));
}

TEST_F(OnlyStudy, NothingIsStoredOrDeleted) {
  WorkerPool disk("disk", 1, 8);
  StoreService store(archive_.index, archive_.objects, disk, {}, nullptr);
  const auto begun = store.begin(ctx_, std::nullopt);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().kind(), ErrorKind::kDenied);
  DeleteService deletes(archive_.index, std::chrono::seconds(0));
  for (const StudyUid& study : {mine_, other_}) {
    const auto removed = deletes.remove(ctx_, study, std::nullopt, std::nullopt);
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().kind(), ErrorKind::kDenied);
  }
  EXPECT_EQ(archive_.index.totals(context_for())->instances, 3U);
}

}  // namespace
}  // namespace gantry::archive

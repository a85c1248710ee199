#include "gantry/archive/shared_studies.hpp"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/generation.hpp"
#include "gantry/archive/outbox.hpp"
#include "gantry/archive/series_preparer.hpp"
#include "gantry/archive/store_test_support.hpp"
#include "gantry/base/task_test_support.hpp"
#include "gantry/cache/keys.hpp"
#include "gantry/cache/memory/memory_cache.hpp"

namespace gantry::archive {
namespace {

using cache::MemoryCache;
using ::testing::Contains;
using testing::context_for;
using ::testing::ElementsAre;
using testing::Faults;
using testing::FaultyIndex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Made;
using ::testing::Not;
using testing::TestArchive;

const StudyUid kStudy("1.2.1");
const SeriesUid kSeries("1.2.1.1");

/// Two nodes over one index, one store and one cache; the calls of the second are counted.
class SharedStudiesTest : public ::testing::Test {
 protected:
  const RequestContext ctx_ = context_for();
  TestArchive archive_;
  Clock::time_point now_ = Clock::now();
  MemoryCache cache_{[this] { return now_; }};
  Faults faults_;
  FaultyIndex index_{archive_.index, faults_};
  VersionReader versions_{index_};
  SharedStudies first_{&cache_}, second_{&cache_};
  WorkerPool pool_{"test", 2, 100};
  RetrieveService node_{index_, archive_.objects, {&versions_, &second_, &cache_, {}, &pool_}};

  std::string text(const std::string& key) { return (*cache_.get_text(ctx_, key)).value_or(""); }
  void put(const std::string& key, const std::string& text) {
    ASSERT_TRUE(cache_.put_text(ctx_, key, text, std::chrono::minutes(1)));
  }
  void prepare() {
    PreparerSettings settings;
    settings.quiet_period = std::chrono::milliseconds(0);
    SeriesPreparer preparer(archive_.index, archive_.objects, settings);
    ASSERT_TRUE(preparer.work(ctx_, {}));
  }
  Result<RetrieveService::KnownMetadata> find_metadata(const std::optional<SeriesUid>& series = std::nullopt) {
    return gantry::testing::await([&] { return node_.find_metadata(ctx_, kStudy, series); });
  }
  Result<PreparedPtr> fetch(std::optional<std::uint64_t> version,
                            const std::optional<SeriesUid>& series = std::nullopt) {
    return gantry::testing::await([&] { return node_.fetch_metadata(pool_, ctx_, kStudy, series, version); });
  }
};

TEST_F(SharedStudiesTest, TheRowsOfAStudyAreThoseOfItsVersion) {
  Made made;
  archive_.store(made);
  made.series = "1.2.1.2", made.sop = "1.2.1.2.1", made.series_number = "2", made.patient_name = "Quote\"^\\";
  archive_.store(made);
  const auto states = archive_.index.get_state_metaes(ctx_, kStudy);
  first_.remember_rows(ctx_, kStudy, 2, *states, {});
  const auto rows = second_.rows(ctx_, kStudy, 2);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[1].series.view(), "1.2.1.2");
  EXPECT_EQ((*rows)[1].version, 2U);
  EXPECT_TRUE((*rows)[1].object.empty());
  EXPECT_FALSE(second_.rows(ctx_, kStudy, 3)) << "of another version";
  EXPECT_FALSE(second_.rows(ctx_, StudyUid("1.2.2"), 2));
  EXPECT_FALSE(second_.rows(context_for("clinic-b"), kStudy, 2));
  const std::string value = text("wado:clinic-a:study:1.2.1:metadata");
  EXPECT_THAT(value, ::testing::StartsWith(R"({"version":2,"series":[{"tenant_id":"clinic-a",)"));
  EXPECT_THAT(value, HasSubstr(R"("patient_name":"Quote\"^\\",)"));
  now_ += std::chrono::hours(3);
  EXPECT_FALSE(second_.rows(ctx_, kStudy, 2)) << "its life is over";
}

TEST_F(SharedStudiesTest, ASlowReaderDoesNotPutBackAnOlderState) {
  archive_.store(Made{});
  const auto old = archive_.index.get_state_metaes(ctx_, kStudy);
  first_.remember_rows(ctx_, kStudy, 7, *old, {});
  second_.remember_rows(ctx_, kStudy, 6, *old, {});
  EXPECT_TRUE(second_.rows(ctx_, kStudy, 7));
  EXPECT_EQ(cache_.counters().fills_refused, 1U);
}

TEST_F(SharedStudiesTest, WhatIsNoStudysRowsIsNotBelieved) {
  const std::string key = cache::study_rows_key(ctx_.tenant, kStudy);
  for (const char* damaged :
       {"", "{", R"({"version":1})", R"({"version":1,"series":7})", R"({"version":1,"series":[{}]})",
        R"({"version":1,"series":[{"series_uid":"../x","version":1,"json_object":""}]})",
        R"({"version":1,"series":[{"series_uid":"1.2.1.1","version":-1,"json_object":""}]})",
        R"({"version":1,"series":[{"series_uid":"1.2.1.1","version":1,"json_object":"clinic-b/x/y/z.gsj"}]})"}) {
    put(key, damaged);
    EXPECT_FALSE(first_.rows(ctx_, kStudy, 1)) << damaged;
  }
}

TEST_F(SharedStudiesTest, APreparedStudyIsPutTogetherFromSharedRowsWithoutAskingTheIndexForThem) {
  archive_.store(Made{});
  prepare();
  const auto version = find_metadata()->version;
  ASSERT_TRUE(version);
  const auto first = fetch(version);
  ASSERT_TRUE(first && *first);
  EXPECT_THAT(text("wado:clinic-a:study:1.2.1:metadata"), HasSubstr(".gsj\""));
  // Another node, whose memory is empty.
  RetrieveService cold(index_, archive_.objects, {&versions_, &second_, &cache_, {}, &pool_});
  faults_.take_calls();
  const auto again = cold.prepared(ctx_, kStudy, std::nullopt, version);
  ASSERT_TRUE(again && *again);
  EXPECT_THAT(faults_.take_calls(), IsEmpty());
  EXPECT_EQ((*again)->series.size(), 1U);
}

TEST_F(SharedStudiesTest, AStudyThatDoesNotExistIsAskedForByTheTenantsNumberAloneUntilSomethingIsStored) {
  EXPECT_EQ(find_metadata().error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(second_.absent_at(ctx_.tenant, kStudy), 0U);
  const auto keys_before = versions_.counters().keys;
  EXPECT_EQ(find_metadata().error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(versions_.counters().keys, keys_before + 1);
  archive_.store(Made{});
  const auto found = find_metadata();
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ(found->version, 1U);
}

TEST_F(SharedStudiesTest, OtherNodesHearWhichStudiesDoNotExist) {
  ASSERT_FALSE(find_metadata());
  pool_.stop();  // which runs what is queued
  EXPECT_EQ(text("db:clinic-a:study:1.2.1:metadata"), R"({"version":0,"absent":true})");
  EXPECT_TRUE(first_.is_absent(ctx_, kStudy, 0));
  EXPECT_FALSE(first_.is_absent(ctx_, kStudy, 1)) << "something was stored since";
  EXPECT_FALSE(first_.is_absent(context_for("clinic-b"), kStudy, 0));
}

TEST_F(SharedStudiesTest, AnIndexThatFailsIsNoAbsence) {
  faults_.fail("versions", Faults::When::kBefore, Error::unavailable("away"));
  EXPECT_EQ(find_metadata().error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(second_.absent_at(ctx_.tenant, kStudy), std::nullopt);
  EXPECT_EQ(text("db:clinic-a:study:1.2.1:metadata"), "");
}

TEST_F(SharedStudiesTest, ASearchOfAStudyThatDoesNotExistIsSpared) {
  QueryService queries(index_, &second_);
  SearchRequest request;
  request.level = index::Level::kSeries;
  request.study = kStudy;
  const auto count = [&](std::optional<std::uint64_t> state) {
    const auto found = queries.search(ctx_, request, {}, state);
    EXPECT_TRUE(found) << found.error().detail();
    EXPECT_TRUE(found->total);
    return found ? found->total.value_or(99) : 99;
  };
  EXPECT_EQ(count(0), 0U);
  EXPECT_EQ(first_.is_absent(ctx_, kStudy, 0), true) << "told to the other node";
  archive_.store(Made{});
  EXPECT_EQ(count(0), 0U) << "an asker that saw the tenant before the store";
  EXPECT_EQ(count(1), 1U);
  EXPECT_EQ(count(std::nullopt), 1U);
  request = {};
  request.keys = {{"StudyInstanceUID", "1.2.2"}};
  EXPECT_EQ(count(1), 0U);
  EXPECT_TRUE(first_.is_absent(ctx_, StudyUid("1.2.2"), 1)) << "a search by its UID says the same";
  request.keys = {{"StudyInstanceUID", "1.2.1"}, {"PatientID", "nobody"}};
  EXPECT_EQ(count(1), 0U);
  EXPECT_FALSE(first_.is_absent(ctx_, kStudy, 1)) << "no hit for another reason";
}

TEST_F(SharedStudiesTest, WithoutASharedCacheTheMarksAreThisNodesOwn) {
  SharedStudies alone;
  EXPECT_FALSE(alone.is_absent(ctx_, kStudy, 4));
  EXPECT_TRUE(alone.remember_absent(ctx_.tenant, kStudy, 4));
  EXPECT_FALSE(alone.remember_absent(ctx_.tenant, kStudy, 4));
  alone.share_absent(ctx_, kStudy, 4);
  EXPECT_TRUE(alone.is_absent(ctx_, kStudy, 4));
  EXPECT_FALSE(alone.rows(ctx_, kStudy, 4));
}

TEST_F(SharedStudiesTest, AReaderTakesWhatAWorkerIsJustMakingInsteadOfMakingItTwice) {
  archive_.store(Made{});
  ASSERT_TRUE(*cache_.acquire(ctx_, cache::generating_key(ctx_.tenant, kSeries), "worker-1", std::chrono::minutes(1)));
  std::thread worker([&] {
    while (!(*cache_.get_text(ctx_, "reader is there")).has_value()) std::this_thread::yield();
    prepare();
  });
  faults_.set([&](std::string_view call, Faults::When) -> std::optional<Error> {
    if (call == "versions") put("reader is there", "yes");
    return std::nullopt;
  });
  const auto version = find_metadata(kSeries)->version;
  const auto made = fetch(version, kSeries);
  worker.join();
  ASSERT_TRUE(made && *made);
  EXPECT_EQ(node_.built(), 0U);
  EXPECT_EQ(text(cache::generating_key(ctx_.tenant, kSeries)), "worker-1") << "which is the worker's to give back";
}

TEST_F(SharedStudiesTest, AWorkerThatDoesNotGetDoneHoldsNoReaderUp) {
  archive_.store(Made{});
  ASSERT_TRUE(*cache_.acquire(ctx_, cache::generating_key(ctx_.tenant, kSeries), "worker-1", std::chrono::minutes(1)));
  const auto made = fetch(find_metadata(kSeries)->version, kSeries);
  ASSERT_TRUE(made && *made);
  EXPECT_EQ(node_.built(), 1U);
}

TEST_F(SharedStudiesTest, AMarkOfGenerationIsItsOwnersAndEnds) {
  const std::string key = cache::generating_key(ctx_.tenant, kSeries);
  {
    const Generation mine(&cache_, ctx_, kSeries, "reader-1");
    EXPECT_TRUE(mine.owns());
    const Generation other(&cache_, ctx_, kSeries, "reader-2");
    EXPECT_FALSE(other.owns());
    EXPECT_FALSE(other.is_a_workers());
    EXPECT_EQ(text(key), "reader-1");
  }
  EXPECT_EQ(text(key), "");
  Generation lost(&cache_, ctx_, kSeries, "worker-3");
  now_ += std::chrono::seconds(16);
  const Generation next(&cache_, ctx_, kSeries, "worker-4");
  EXPECT_TRUE(next.owns()) << "nobody renewed it";
  const Generation nowhere(nullptr, ctx_, kSeries, "reader-5");
  EXPECT_FALSE(nowhere.owns());
}

class OutboxTest : public SharedStudiesTest {
 protected:
  Outbox::Settings settings() {
    Outbox::Settings settings;
    settings.pause = std::chrono::milliseconds(1);
    return settings;
  }
  void fill(const StudyUid& study, std::uint64_t version) {
    const auto states = archive_.index.get_state_metaes(ctx_, study);
    first_.remember_rows(ctx_, study, version, *states, {});
  }
};

TEST_F(OutboxTest, TellsWhatChangedAndLeavesWhatIsNewer) {
  archive_.store(Made{});
  put(cache::outbox_key(ctx_.tenant), R"({"version":0,"told":true})");
  fill(kStudy, 1);
  Outbox outbox(index_, cache_, TenantId("nobody"), settings());
  ASSERT_TRUE(outbox.tell(ctx_.tenant));
  EXPECT_TRUE(second_.rows(ctx_, kStudy, 1)) << "of the very version that is told";
  Made made;
  made.sop = "1.2.1.1.2";
  archive_.store(made);
  ASSERT_TRUE(outbox.tell(ctx_.tenant));
  EXPECT_EQ(text(cache::study_rows_key(ctx_.tenant, kStudy)), R"({"version":2})");
  fill(kStudy, 1);
  EXPECT_EQ(text(cache::study_rows_key(ctx_.tenant, kStudy)), R"({"version":2})") << "a slow reader's fill is refused";
  fill(kStudy, 2);
  EXPECT_TRUE(second_.rows(ctx_, kStudy, 2));
  EXPECT_EQ(text(cache::outbox_key(ctx_.tenant)), R"({"version":2,"told":true})");
}

TEST_F(OutboxTest, AnotherNodeGoesOnWhereTheFirstOneEnded) {
  put(cache::outbox_key(ctx_.tenant), R"({"version":0,"told":true})");
  archive_.store(Made{});
  Made made;
  made.study = "1.2.2", made.series = "1.2.2.1", made.sop = "1.2.2.1.1";
  archive_.store(made);
  {
    Outbox outbox(index_, cache_, ctx_.tenant, settings());
    outbox.changed(ctx_.tenant);
    while (outbox.counters().told < 2) std::this_thread::yield();
  }
  EXPECT_EQ(text(cache::study_rows_key(ctx_.tenant, StudyUid("1.2.2"))), R"({"version":2})");
  Outbox other(index_, cache_, TenantId("nobody"), settings());
  ASSERT_TRUE(other.tell(ctx_.tenant));
  EXPECT_EQ(other.counters().told, 0U);
}

TEST_F(OutboxTest, WhatDidNotArriveIsToldAgain) {
  put(cache::outbox_key(ctx_.tenant), R"({"version":0,"told":true})");
  archive_.store(Made{});
  faults_.fail("changes", Faults::When::kBefore, Error::unavailable("away"), 0, 1);
  Outbox outbox(index_, cache_, ctx_.tenant, settings());
  outbox.changed(ctx_.tenant);
  while (outbox.counters().told < 1) std::this_thread::yield();
  EXPECT_EQ(outbox.counters().failures, 1U);
  EXPECT_EQ(text(cache::study_rows_key(ctx_.tenant, kStudy)), R"({"version":1})");
}

}  // namespace
}  // namespace gantry::archive

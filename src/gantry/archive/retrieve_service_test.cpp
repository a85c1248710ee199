#include "gantry/archive/retrieve_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"
#include "gantry/base/task_test_support.hpp"

namespace gantry::archive {
namespace {

using namespace gantry::archive::testing;

class RetrieveServiceTest : public ::testing::Test {
 protected:
  const StudyUid study_{"1.2.1"};
  const SeriesUid series_{"1.2.1.1"};
  const SopUid sop_{"1.2.1.1.1"};
  TestArchive archive_;

  Result<InstancePtr> locate() { return archive_.retrieves.locate(context_for(), study_, series_, sop_); }
  InstancePtr cached(const std::string& tenant = "clinic-a") {
    const auto ctx = context_for(tenant);
    return *gantry::testing::await([&] { return archive_.retrieves.find(ctx, study_, series_, sop_); });
  }
};

TEST_F(RetrieveServiceTest, LocatesOnceAndThenAnswersFromMemory) {
  Made made;
  made.tail = pixels(2, 2, 8, "1", "abcd");
  archive_.store(made);
  EXPECT_EQ(cached(), nullptr);
  const auto located = locate();
  ASSERT_TRUE(located) << located.error().detail();
  EXPECT_EQ((*located)->layout->pixels.frames, 1U);
  EXPECT_EQ((*located)->file->size(), (*located)->size);
  EXPECT_EQ(cached(), *located);
  EXPECT_EQ(cached("clinic-b"), nullptr);
}

TEST_F(RetrieveServiceTest, ForgetsWhatWasDeletedBeforeTheDeleteIsAnswered) {
  archive_.store(Made{});
  ASSERT_TRUE(locate());
  archive_.remove(study_, std::nullopt, std::nullopt);
  EXPECT_EQ(cached(), nullptr);
  const auto gone = locate();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind(), ErrorKind::kNotFound);
}

TEST_F(RetrieveServiceTest, ForgetsATenantThatWasDeletedAndNoOther) {
  Made made;
  for (const char* const tenant : {"clinic-a", "clinic-a2"}) {
    archive_.store(made, tenant);
    ASSERT_TRUE(archive_.retrieves.locate(context_for(tenant), StudyUid(made.study), SeriesUid(made.series), SopUid(made.sop)));
  }
  const auto before = archive_.retrieves.cache_counters();
  EXPECT_EQ(before.values, 2U);
  archive_.retrieves.forget(TenantId("clinic-a"));
  EXPECT_EQ(archive_.retrieves.cache_counters().values, 1U);
  EXPECT_LT(archive_.retrieves.cache_counters().bytes, before.bytes);
  ASSERT_TRUE(archive_.retrieves.locate(context_for("clinic-a2"), StudyUid(made.study), SeriesUid(made.series), SopUid(made.sop)));
  EXPECT_EQ(archive_.retrieves.cache_counters().hits, before.hits + 1);
}

TEST_F(RetrieveServiceTest, GivesTheNewBytesAfterAReplacement) {
  Made made;
  archive_.store(made);
  const auto before = locate();
  ASSERT_TRUE(before);
  made.patient_id = "P-2";
  archive_.store(part10_file(made), "clinic-a", index::ConflictPolicy::kReplace);
  const auto after = locate();
  ASSERT_TRUE(after);
  EXPECT_NE((*before)->object_key, (*after)->object_key);
}

/// A node of several over one index, and what it asks of it.
class SharedIndexTest : public RetrieveServiceTest {
 protected:
  Faults faults_;
  FaultyIndex index_{archive_.index, faults_};
  VersionReader versions_{index_};
  RetrieveService node_{index_, archive_.objects, {&versions_}};

  Result<InstancePtr> find() {
    const auto ctx = context_for();
    return gantry::testing::await([&] { return node_.find(ctx, study_, series_, sop_); });
  }
  Result<InstancePtr> read() {
    auto found = find();
    if (!found || *found) return found;
    return node_.locate(context_for(), study_, series_, sop_);
  }
};

TEST_F(SharedIndexTest, WhatAnotherNodeReplacedOrDeletedIsNotAnsweredFromMemory) {
  Made made;
  archive_.store(made);
  const auto before = read();
  ASSERT_TRUE(before);
  EXPECT_EQ(*find(), *before) << "the same open object, confirmed";
  made.patient_id = "P-2";
  archive_.store(part10_file(made), "clinic-a", index::ConflictPolicy::kReplace);  // nobody tells this node
  EXPECT_EQ(*find(), nullptr);
  const auto after = read();
  ASSERT_TRUE(after);
  EXPECT_NE((*before)->object_key, (*after)->object_key);
  EXPECT_EQ(*find(), *after);
  archive_.remove(study_, std::nullopt, std::nullopt);
  const auto gone = find();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind(), ErrorKind::kNotFound);
}

TEST_F(SharedIndexTest, AWarmInstanceCostsAVersionReadAlone) {
  archive_.store(Made{});
  ASSERT_TRUE(read());
  faults_.take_calls();
  for (int i = 0; i < 3; ++i) ASSERT_NE(*find(), nullptr);
  EXPECT_THAT(faults_.take_calls(), ::testing::Each("versions"));
  Made other;
  other.study = "1.2.2", other.series = "1.2.2.1", other.sop = "1.2.2.1.1";
  archive_.store(other);
  ASSERT_NE(*find(), nullptr) << "another study's change is none of this one's";
}

TEST_F(SharedIndexTest, AnInstanceWhoseFileWasClosedIsOpenedAgainWithoutAskingWhereItIs) {
  RetrieveService small(index_, archive_.objects, {&versions_}, {1 << 20, 1});
  const auto read = [&](const SopUid& sop) {
    const auto ctx = context_for();
    auto found = gantry::testing::await([&] { return small.find(ctx, study_, series_, sop); });
    EXPECT_TRUE(found);
    if (*found && (*found)->file) return *found;
    return *small.locate(ctx, study_, series_, sop, *found);
  };
  Made made;
  archive_.store(made);
  made.sop = "1.2.1.1.2";
  archive_.store(made);
  const auto first = read(sop_);
  ASSERT_NE(first->file, nullptr);
  ASSERT_NE(read(SopUid("1.2.1.1.2"))->file, nullptr);
  faults_.take_calls();
  const auto again = read(sop_);
  EXPECT_NE(again->file, nullptr);
  EXPECT_EQ(again->layout, first->layout);
  EXPECT_THAT(faults_.take_calls(), ::testing::Each("versions"));
  // What was replaced meanwhile is not what is opened.
  made.sop = sop_.str();
  made.patient_id = "P-2";
  ASSERT_NE(read(SopUid("1.2.1.1.2"))->file, nullptr);
  archive_.store(part10_file(made), "clinic-a", index::ConflictPolicy::kReplace);
  EXPECT_NE(read(sop_)->object_key, first->object_key);
}

TEST_F(SharedIndexTest, NothingIsAnsweredThatCanNotBeConfirmed) {
  archive_.store(Made{});
  ASSERT_TRUE(read());
  faults_.fail("versions", Faults::When::kBefore, Error::unavailable("no connection"));
  const auto found = find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(RetrieveServiceTest, AnObjectThatIsGoneIsNotFound) {
  archive_.store(Made{});
  const auto located = locate();
  ASSERT_TRUE(located);
  ASSERT_TRUE(archive_.objects.remove(context_for(), (*located)->object_key));
  archive_.retrieves.committed(context_for(), study_, series_, sop_);
  const auto gone = locate();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind(), ErrorKind::kNotFound);
}

TEST_F(RetrieveServiceTest, ListsInstancesOfAStudyBySeriesAndInstanceNumber) {
  for (const char* name : {"2.2", "1.10", "1.9"}) {
    Made made;
    const std::string both(name);
    made.series_number = both.substr(0, 1);
    made.series = "1.2.1." + made.series_number;
    made.instance_number = both.substr(2);
    made.sop = made.series + "." + made.instance_number;
    archive_.store(made);
  }
  const auto list = archive_.retrieves.instances(context_for(), study_, std::nullopt);
  ASSERT_TRUE(list);
  std::vector<std::string> sops;
  for (const auto& instance : list->first) sops.push_back(instance.sop.str());
  EXPECT_THAT(sops, ::testing::ElementsAre("1.2.1.1.9", "1.2.1.1.10", "1.2.1.2.2"));
  EXPECT_EQ(list->more, nullptr);
  EXPECT_EQ(archive_.retrieves.instances(context_for(), study_, SeriesUid("9.9")).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(archive_.retrieves.instances(context_for("clinic-b"), study_, std::nullopt).error().kind(),
            ErrorKind::kNotFound);
}

TEST_F(RetrieveServiceTest, MetadataIsTheStoredJsonInOrder) {
  archive_.store(Made{});
  auto rows = archive_.retrieves.metadata(context_for(), study_, series_, sop_);
  ASSERT_TRUE(rows);
  const auto first = (*rows)->next();
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->has_value());
  EXPECT_THAT(**first, ::testing::HasSubstr(R"("00080005":{"vr":"CS")")) << "as in the source";
  EXPECT_FALSE((*rows)->next()->has_value());
  EXPECT_EQ(archive_.retrieves.metadata(context_for(), StudyUid("9"), std::nullopt, std::nullopt).error().kind(),
            ErrorKind::kNotFound);
}

class NoFile final : public OpenFile {
 public:
  [[nodiscard]] std::uint64_t size() const noexcept override { return 0; }
  Result<std::size_t> read_at(std::uint64_t, std::span<std::byte>) const override { return std::size_t{0}; }
  [[nodiscard]] int fd() const noexcept override { return -1; }
};

InstancePtr instance(const std::string& study, const std::string& sop) {
  auto made = std::make_shared<LocatedInstance>();
  made->study = StudyUid(study);
  made->series = SeriesUid("1");
  made->sop = SopUid(sop);
  made->layout = std::make_shared<const dicom::Layout>();
  made->file = std::make_shared<NoFile>();
  return made;
}

TEST(InstanceCache, ASlowFillNeverPutsBackWhatWasInvalidated) {
  InstanceCache cache;
  const TenantId tenant("t");
  const auto before = cache.epoch(tenant, StudyUid("1"));
  cache.forget(tenant, StudyUid("1"), SeriesUid("1"), SopUid("7"));
  cache.put(tenant, instance("1", "7"), before);
  EXPECT_EQ(cache.find(tenant, StudyUid("1"), SeriesUid("1"), SopUid("7")), nullptr);
  cache.put(tenant, instance("1", "7"), cache.epoch(tenant, StudyUid("1")));
  EXPECT_NE(cache.find(tenant, StudyUid("1"), SeriesUid("1"), SopUid("7")), nullptr);
}

TEST(InstanceCache, ForgetsAStudyWithAllItsInstances) {
  InstanceCache cache;
  const TenantId tenant("t");
  for (const char* sop : {"1", "2", "3"}) cache.put(tenant, instance("1", sop), 0);
  cache.put(tenant, instance("1", "4"), cache.epoch(tenant, StudyUid("1")));
  EXPECT_EQ(cache.counters().values, 4U);
  cache.forget(tenant, StudyUid("1"), SeriesUid(), SopUid());
  EXPECT_EQ(cache.counters().values, 0U);
  EXPECT_EQ(cache.counters().bytes, 0U);
}

TEST(InstanceCache, StaysWithinItsOpenFilesAndKeepsWhatWasUsedLast) {
  InstanceCache cache({64 << 20, 4});
  const TenantId tenant("t");
  for (int i = 0; i < 4; ++i) cache.put(tenant, instance("1", std::to_string(i)), 0);
  ASSERT_NE(cache.find(tenant, StudyUid("1"), SeriesUid("1"), SopUid("0")), nullptr);
  cache.put(tenant, instance("1", "4"), 0);
  EXPECT_EQ(cache.counters().values, 5U);
  const auto file_of = [&](const char* sop) {
    return cache.find(tenant, StudyUid("1"), SeriesUid("1"), SopUid(sop))->file;
  };
  EXPECT_NE(file_of("0"), nullptr);
  EXPECT_EQ(file_of("1"), nullptr) << "where it is, is known all the same";
  cache.put(tenant, instance("1", "1"), 0);
  EXPECT_NE(file_of("1"), nullptr);
  EXPECT_EQ(file_of("2"), nullptr);
  cache.forget(tenant, StudyUid("1"), SeriesUid(), SopUid());
  EXPECT_EQ(cache.counters().bytes, 0U);
}

TEST(InstanceCache, StaysWithinItsBytes) {
  InstanceCache cache({100'000, 1024});
  const TenantId tenant("t");
  for (int i = 0; i < 1000; ++i) cache.put(tenant, instance("1", std::to_string(i)), 0);
  EXPECT_LE(cache.counters().bytes, 100'000U);
  EXPECT_GT(cache.counters().values, 10U);
  EXPECT_NE(cache.find(tenant, StudyUid("1"), SeriesUid("1"), SopUid("999")), nullptr);
  for (int i = 0; i < 1000; ++i) cache.put(tenant, instance("2." + std::to_string(i), "1"), 0);
  EXPECT_LE(cache.counters().bytes, 100'000U);
  EXPECT_NE(cache.find(tenant, StudyUid("2.999"), SeriesUid("1"), SopUid("1")), nullptr) << "whichever shard has room";
}

}  // namespace
}  // namespace gantry::archive

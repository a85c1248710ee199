#include "gantry/archive/version_reader.hpp"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"
#include "gantry/base/task_test_support.hpp"

namespace gantry::archive {
namespace {

using testing::context_for;
using ::testing::ElementsAre;
using testing::Faults;
using testing::FaultyIndex;
using testing::Gate;
using testing::Made;
using testing::TestArchive;

const StudyUid kStudy("1.2.1");
const SeriesUid kSeries("1.2.1.1");
const SopUid kSop("1.2.1.1.1");

index::VersionKey tenant_key(const std::string& tenant = "clinic-a") { return {TenantId(tenant), {}, {}, {}}; }
index::VersionKey study_key() { return {TenantId("clinic-a"), kStudy, {}, {}}; }
index::VersionKey instance_key() { return {TenantId("clinic-a"), kStudy, kSeries, kSop}; }

class VersionReaderTest : public ::testing::Test {
 protected:
  TestArchive archive_;
  Faults faults_;
  FaultyIndex index_{archive_.index, faults_};

  static VersionReader::Versions ask(VersionReader& reader, std::vector<index::VersionKey> keys) {
    return gantry::testing::await([&] { return reader.read(keys); });
  }
  std::size_t statements() { return faults_.take_calls().size(); }
};

TEST_F(VersionReaderTest, TellsVersionsInTheOrderOfTheKeys) {
  archive_.store(Made{});
  VersionReader reader(index_);
  const auto versions = ask(reader, {tenant_key(), instance_key(), tenant_key("clinic-b"), study_key()});
  ASSERT_TRUE(versions) << versions.error().detail();
  EXPECT_THAT(*versions, ElementsAre(1U, 1U, 0U, 1U));
}

TEST_F(VersionReaderTest, WhoComesWhileAStatementIsOnItsWaySharesTheNextOne) {
  archive_.store(Made{});
  Gate gate;
  std::atomic<int> begun{0};
  faults_.set([&](std::string_view, Faults::When when) -> std::optional<Error> {
    if (when == Faults::When::kBefore && begun++ == 0) gate.pass();
    return std::nullopt;
  });
  VersionReader reader(index_);
  constexpr int kAsking = 20;
  std::vector<std::thread> threads;
  std::vector<std::vector<std::uint64_t>> told(kAsking);
  const auto one = [&](int i) { told[i] = *ask(reader, {tenant_key(), i % 2 == 0 ? study_key() : instance_key()}); };
  threads.emplace_back(one, 0);
  gate.wait_for_somebody();
  for (int i = 1; i < kAsking; ++i) threads.emplace_back(one, i);
  while (reader.counters().reads < kAsking) std::this_thread::yield();
  // Those that wait see what was stored after the first statement began.
  archive_.store([] {
    Made made;
    made.sop = "1.2.1.1.2";
    return made;
  }());
  gate.open();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(statements(), 2U);
  EXPECT_EQ(reader.counters().keys, 2U + 3U) << "each key once";
  for (int i = 1; i < kAsking; ++i) EXPECT_THAT(told[i], ElementsAre(2U, i % 2 == 0 ? 2U : 1U));
}

TEST_F(VersionReaderTest, MoreKeysThanAStatementTakesAreAskedForOneAfterAnother) {
  Gate gate;
  std::atomic<int> begun{0};
  faults_.set([&](std::string_view, Faults::When when) -> std::optional<Error> {
    if (when == Faults::When::kBefore && begun++ == 0) gate.pass();
    return std::nullopt;
  });
  VersionReader reader(index_);
  constexpr int kAsking = 100;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < kAsking; ++i) {
    threads.emplace_back([&, i] {
      const auto versions = ask(reader, {{TenantId("clinic-a"), StudyUid("1." + std::to_string(i)), {}, {}}});
      if (versions && *versions == std::vector<std::uint64_t>{0}) ++right;
    });
  }
  while (reader.counters().reads < kAsking) std::this_thread::yield();
  gate.open();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, kAsking);
  EXPECT_EQ(reader.counters().keys, 100U);
  EXPECT_LE(statements(), 4U);
}

TEST_F(VersionReaderTest, AnIndexThatDoesNotAnswerConfirmsNothing) {
  faults_.fail("versions", Faults::When::kBefore, Error::unavailable("no connection"));
  VersionReader reader(index_);
  const auto failed = ask(reader, {tenant_key()});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(ask(reader, {tenant_key()})) << "and is asked again";
}

TEST_F(VersionReaderTest, ByDefaultNothingIsToldFromBefore) {
  VersionReader reader(index_);
  ASSERT_TRUE(ask(reader, {tenant_key()}));
  ASSERT_TRUE(ask(reader, {tenant_key()}));
  EXPECT_EQ(statements(), 2U);
}

TEST_F(VersionReaderTest, WithStalenessAllowedItIsToldWithoutAskingUntilThisProcessWrites) {
  VersionReader reader(index_, std::chrono::hours(1));
  ASSERT_TRUE(ask(reader, {tenant_key()}));
  archive_.store(Made{});  // as another node would
  EXPECT_THAT(*ask(reader, {tenant_key()}), ElementsAre(0U)) << "as old as allowed";
  EXPECT_EQ(statements(), 1U);
  EXPECT_THAT(*ask(reader, {tenant_key(), study_key()}), ElementsAre(1U, 1U)) << "one of them was not known";
  reader.changed(TenantId("clinic-b"));
  EXPECT_EQ(statements(), 1U);
  EXPECT_THAT(*ask(reader, {tenant_key()}), ElementsAre(1U));
  EXPECT_EQ(statements(), 0U) << "another tenant's write is of no account";
  reader.changed(TenantId("clinic-a"));
  EXPECT_TRUE(ask(reader, {tenant_key()}));
  EXPECT_EQ(statements(), 1U);
}

TEST_F(VersionReaderTest, AStatementThatAnOwnWriteOvertookIsNotToldAgain) {
  Gate gate;
  faults_.set([&](std::string_view, Faults::When when) -> std::optional<Error> {
    if (when == Faults::When::kAfter) gate.pass();
    return std::nullopt;
  });
  VersionReader reader(index_, std::chrono::hours(1));
  std::thread slow([&] { EXPECT_THAT(*ask(reader, {tenant_key()}), ElementsAre(0U)) << "it began before"; });
  gate.wait_for_somebody();
  archive_.store(Made{});
  reader.changed(TenantId("clinic-a"));
  gate.open();
  slow.join();
  EXPECT_THAT(*ask(reader, {tenant_key()}), ElementsAre(1U));
}

TEST_F(VersionReaderTest, ATenantIsBusyWhenItsNumberMoved) {
  VersionReader reader(index_);
  archive_.store(Made{});
  ASSERT_TRUE(ask(reader, {tenant_key()}));
  EXPECT_FALSE(reader.is_busy(TenantId("clinic-a"))) << "the first number tells nothing";
  archive_.store([] {
    Made made;
    made.sop = "1.2.1.1.2";
    return made;
  }());
  ASSERT_TRUE(ask(reader, {tenant_key()}));
  EXPECT_TRUE(reader.is_busy(TenantId("clinic-a")));
  EXPECT_FALSE(reader.is_busy(TenantId("clinic-b")));
}

}  // namespace
}  // namespace gantry::archive

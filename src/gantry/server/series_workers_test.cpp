#include "gantry/server/series_workers.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "gantry/archive/store_test_support.hpp"

namespace gantry::server {
namespace {

using archive::testing::Faults;
using archive::testing::FaultyStore;
using archive::testing::Gate;
using archive::testing::Made;
using archive::testing::TestArchive;

class SeriesWorkersTest : public ::testing::Test {
 protected:
  SeriesWorkersTest() { settings.quiet_period = std::chrono::milliseconds(0); }
  void store_series(int count) {
    for (int i = 1; i <= count; ++i) {
      Made made;
      made.series = "1.2.1." + std::to_string(i);
      made.sop = made.series + ".1";
      archive.store(made);
    }
  }
  SeriesWorkers::Told told() {
    return [this](const std::string& words) {
      const std::scoped_lock lock(mutex);
      heard.push_back(words);
    };
  }

  TestArchive archive;
  config::Settings::Worker settings;
  std::mutex mutex;
  std::vector<std::string> heard;
};

TEST_F(SeriesWorkersTest, ASeriesThatIsNotFinishedInTimeIsHandedBack) {
  store_series(1);
  Faults faults;
  Gate gate;
  FaultyStore objects(archive.objects, faults);
  faults.set([&gate](std::string_view call, Faults::When when) -> std::optional<Error> {
    if (call == "stage" && when == Faults::When::kBefore) gate.pass();
    return std::nullopt;
  });
  SeriesWorkers workers(archive.index, objects, settings, told());
  gate.wait_for_somebody();
  workers.drain(std::chrono::seconds(0));
  gate.open();
  workers.stop();
  EXPECT_EQ(workers.counters().handed_back, 1U);
  EXPECT_EQ(workers.counters().ready, 0U);
  const auto ctx = archive::testing::context_for();
  const auto row = archive.index.get_json_meta(ctx, StudyUid("1.2.1"), SeriesUid("1.2.1.1"));
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->json_status, 0);
  EXPECT_EQ((*row)->retry_times, 0);
  EXPECT_THAT(heard, ::testing::IsEmpty());
}

TEST_F(SeriesWorkersTest, ABusyMachineSlowsThemAndDoesNotStopThem) {
  std::string made = ::testing::TempDir() + "gantry-proc-XXXXXX";
  const std::filesystem::path proc = mkdtemp(made.data());
  std::ofstream(proc / "meminfo") << "MemTotal: 1000 kB\nMemAvailable: 80 kB\n";
  const auto slowed_by_three_series = [&] {
    store_series(3);
    SeriesWorkers workers(archive.index, archive.objects, settings, told(), {}, proc);
    while (workers.counters().ready < 3) std::this_thread::yield();
    workers.stop();
    archive.remove(StudyUid("1.2.1"), std::nullopt, std::nullopt);
    return workers.counters().slowed;
  };
  EXPECT_GE(slowed_by_three_series(), 2U) << "92 percent of the memory is in use";
  settings.memory_threshold = 95;
  EXPECT_EQ(slowed_by_three_series(), 0U);
  settings.memory_threshold = 0;
  EXPECT_EQ(slowed_by_three_series(), 0U) << "0 is never";
  std::filesystem::remove_all(proc);
}

TEST_F(SeriesWorkersTest, TheyCountAllSeriesAndNotAtEveryOne) {
  store_series(3);
  SeriesWorkers workers(archive.index, archive.objects, settings, told());
  while (workers.counters().ready < 3) std::this_thread::yield();
  workers.stop();
  const auto totals = workers.totals();
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->ready, 1U) << "after the first one, and half a minute later";
  EXPECT_EQ(totals->pending, 2U);
}

TEST_F(SeriesWorkersTest, ASeriesThatIsBegunIsFinished) {
  store_series(1);
  Faults faults;
  Gate gate;
  FaultyStore objects(archive.objects, faults);
  faults.set([&gate](std::string_view call, Faults::When when) -> std::optional<Error> {
    if (call == "stage" && when == Faults::When::kBefore) gate.pass();
    return std::nullopt;
  });
  SeriesWorkers workers(archive.index, objects, settings, told());
  gate.wait_for_somebody();
  workers.drain();
  gate.open();
  workers.stop();
  EXPECT_EQ(workers.counters().ready, 1U);
}

}  // namespace
}  // namespace gantry::server

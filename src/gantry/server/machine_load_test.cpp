#include "gantry/server/machine_load.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace gantry::server {
namespace {

class MachineWatchTest : public ::testing::Test {
 protected:
  static std::filesystem::path new_folder() {
    std::string made = ::testing::TempDir() + "gantry-proc-XXXXXX";
    return mkdtemp(made.data());
  }
  ~MachineWatchTest() override { std::filesystem::remove_all(folder); }
  void write(const char* name, const std::string& text) { std::ofstream(folder / name) << text; }
  /// In the order of proc_stat(5).
  void ticks(int user, int nice, int system, int idle, int iowait = 0, int steal = 0) {
    std::string line = "cpu ";
    for (const int field : {user, nice, system, idle, iowait, 1, 2, steal, user, nice}) {
      line += " " + std::to_string(field);
    }
    write("stat", line + "\ncpu0 9 9 9 9 9 9 9 9 9 9\nintr 1 2 3\n");
  }

  const std::filesystem::path folder = new_folder();
  MachineWatch watch{folder};
};

TEST_F(MachineWatchTest, TellsTheCoresShareSinceTheLookBefore) {
  ticks(1000, 0, 1000, 1000);
  EXPECT_FALSE(watch.look().cpu) << "there was none before";
  ticks(1060, 0, 1010, 1020, 10);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 70.0);
  ticks(1060, 0, 1010, 1110, 10, 10);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 10.0) << "another guest of the host took a tenth";
}

TEST_F(MachineWatchTest, WhatRunsAtLowPriorityMakesWay) {
  ticks(0, 0, 0, 0);
  watch.look();
  ticks(25, 75, 0, 0);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 25.0);
}

TEST_F(MachineWatchTest, LooksInQuickSuccessionGiveWhatTheLastOneGave) {
  ticks(0, 0, 0, 0);
  watch.look();
  ticks(50, 0, 0, 50);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 50.0);
  ticks(69, 0, 0, 50);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 50.0);
  ticks(75, 0, 0, 75);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 50.0) << "of all since then";
  ticks(10, 0, 0, 10);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 50.0) << "a core went away";
  ticks(110, 0, 0, 10);
  EXPECT_DOUBLE_EQ(watch.look().cpu.value_or(-1), 100.0);
}

TEST_F(MachineWatchTest, MemoryIsWhatNewWorkCannotHave) {
  write("meminfo", "MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:   2000 kB\nBuffers:  7 kB\n");
  EXPECT_DOUBLE_EQ(watch.look().memory.value_or(-1), 75.0);
}

TEST_F(MachineWatchTest, WhatCannotBeReadIsUnknown) {
  EXPECT_FALSE(watch.look().cpu);
  EXPECT_FALSE(watch.look().memory);
  write("stat", "cpu 1 2 3\n");
  write("meminfo", "MemTotal: many\nMemAvailable: 12 kB\n");
  EXPECT_FALSE(watch.look().cpu);
  EXPECT_FALSE(watch.look().memory);
  write("stat", "intr 1 2 3 4 5 6 7 8 9\n");
  EXPECT_FALSE(watch.look().cpu);
}

TEST(MachineWatch, CanReadThisMachine) {
  MachineWatch watch;
  const auto memory = watch.look().memory;
  ASSERT_TRUE(memory);
  EXPECT_GT(*memory, 0.0);
  EXPECT_LT(*memory, 100.0);
}

}  // namespace
}  // namespace gantry::server

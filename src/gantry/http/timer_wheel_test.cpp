#include "gantry/http/timer_wheel.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::http {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

struct Entry final : TimerWheel::Entry {
  Entry(int id, std::vector<int>& into) : number(id), log(into) {}
  void on_deadline() override {
    at = Clock::now();
    log.push_back(number);
  }
  int number;
  std::vector<int>& log;
  Clock::time_point at{};
};

TEST(TimerWheel, FiresInOrderAndNeverEarly) {
  boost::asio::io_context io;
  TimerWheel wheel(io.get_executor());
  std::vector<int> fired;
  Entry first(1, fired);
  Entry second(2, fired);
  Entry third(3, fired);
  const auto now = Clock::now();
  wheel.arm(third, now + milliseconds(300));
  wheel.arm(second, now + milliseconds(150));
  wheel.arm(first, now - milliseconds(5));
  io.run();  // ends when nothing is armed any more
  EXPECT_THAT(fired, ElementsAre(1, 2, 3));
  EXPECT_GE(second.at, now + milliseconds(150));
  EXPECT_GE(third.at, now + milliseconds(300));
}

TEST(TimerWheel, ForgetsWhatWasReplacedDisarmedOrDestroyed) {
  boost::asio::io_context io;
  TimerWheel wheel(io.get_executor());
  std::vector<int> fired;
  Entry later(1, fired);
  Entry sooner(2, fired);
  Entry never(3, fired);
  const auto now = Clock::now();
  wheel.arm(later, now + milliseconds(10));
  wheel.arm(later, now + milliseconds(200));
  wheel.arm(sooner, now + std::chrono::hours(1));
  wheel.arm(sooner, now + milliseconds(60));
  wheel.arm(never, now + milliseconds(100));
  TimerWheel::disarm(never);
  {
    Entry gone(4, fired);
    wheel.arm(gone, now + milliseconds(10));
  }
  io.run();
  EXPECT_THAT(fired, ElementsAre(2, 1));
  EXPECT_GE(later.at, now + milliseconds(200));
}

TEST(TimerWheel, StopsWithDeadlinesFarAhead) {
  boost::asio::io_context io;
  TimerWheel wheel(io.get_executor());
  std::vector<int> fired;
  Entry far(1, fired);
  wheel.arm(far, Clock::now() + std::chrono::hours(6));
  wheel.stop();
  io.run();
  EXPECT_TRUE(fired.empty());
}

}  // namespace
}  // namespace gantry::http

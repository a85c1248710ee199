#include "gantry/cache/redis/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace gantry::cache {
namespace {

using std::chrono::milliseconds;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  Clock::time_point now_ = Clock::now();
  CircuitBreaker breaker_{[this] { return now_; }};

  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(breaker_.lets_through());
      breaker_.failed();
    }
  }
};

TEST_F(CircuitBreakerTest, AFailureOrTwoAreNone) {
  fail(2);
  EXPECT_TRUE(breaker_.lets_through());
  breaker_.succeeded();
  fail(2);
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_TRUE(breaker_.is_closed());
}

TEST_F(CircuitBreakerTest, AfterThreeInARowNobodyAsksForHalfASecondAndThenOneDoes) {
  fail(3);
  EXPECT_FALSE(breaker_.is_closed());
  EXPECT_FALSE(breaker_.lets_through());
  now_ += milliseconds(499);
  EXPECT_FALSE(breaker_.lets_through());
  now_ += milliseconds(1);
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_FALSE(breaker_.lets_through()) << "the others wait for what that one tells";
  breaker_.succeeded();
  EXPECT_TRUE(breaker_.lets_through());
  EXPECT_TRUE(breaker_.is_closed());
}

TEST_F(CircuitBreakerTest, AsksEverMoreRarelyButAtLeastEachEightSeconds) {
  fail(3);
  milliseconds pause(500);
  for (int i = 0; i < 8; ++i) {
    now_ += pause - milliseconds(1);
    EXPECT_FALSE(breaker_.lets_through()) << pause.count();
    now_ += milliseconds(1);
    fail(1);
    if (i > 0) pause = std::min(pause * 2, milliseconds(8000));
  }
  EXPECT_EQ(pause, milliseconds(8000));
  now_ += pause;
  ASSERT_TRUE(breaker_.lets_through());
  breaker_.succeeded();
  fail(3);
  now_ += milliseconds(500);
  EXPECT_TRUE(breaker_.lets_through()) << "and begins anew after a success";
}

}  // namespace
}  // namespace gantry::cache

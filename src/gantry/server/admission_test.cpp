#include "gantry/server/admission.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gantry::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TenantId kClinic{"clinic"}, kOther{"other"};

class AdmissionTest : public ::testing::Test {
 protected:
  bool enters(const TenantId& tenant, const TenantLimits& limits) {
    auto outcome = admission.enter(tenant, limits, now);
    if (const auto* refused = std::get_if<Admission::Refusal>(&outcome)) {
      refusal = *refused;
      return false;
    }
    held.push_back(std::get<Admission::Admitted>(std::move(outcome)));
    return true;
  }

  Admission admission;
  Admission::Refusal refusal;
  std::vector<Admission::Admitted> held;
  Clock::time_point now = Clock::now();
};

TEST_F(AdmissionTest, CountsWithoutLimits) {
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(enters(kClinic, {}));
  EXPECT_EQ(admission.running(kClinic), 1000U);
  EXPECT_EQ(admission.running(kOther), 0U);
  held.clear();
  EXPECT_EQ(admission.running(kClinic), 0U);
}

TEST_F(AdmissionTest, RefusesMoreAtOnceThanATenantMayHave) {
  const TenantLimits limits{0, 2};
  EXPECT_TRUE(enters(kClinic, limits));
  EXPECT_TRUE(enters(kClinic, limits));
  EXPECT_FALSE(enters(kClinic, limits));
  EXPECT_EQ(refusal.reason, Admission::Reason::kConcurrency);
  EXPECT_EQ(refusal.retry_after, seconds(1));
  EXPECT_TRUE(enters(kOther, limits)) << "another tenant has its own";
  held.erase(held.begin());
  EXPECT_TRUE(enters(kClinic, limits));
}

TEST_F(AdmissionTest, LetsASecondsWorthInAtOnceAndThenTheRate) {
  const TenantLimits limits{10, 0};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(enters(kClinic, limits)) << i;
  EXPECT_FALSE(enters(kClinic, limits));
  EXPECT_EQ(refusal.reason, Admission::Reason::kRate);
  now += milliseconds(100);
  EXPECT_TRUE(enters(kClinic, limits));
  EXPECT_FALSE(enters(kClinic, limits));
  now += seconds(60);
  int admitted = 0;
  while (enters(kClinic, limits)) ++admitted;
  EXPECT_EQ(admitted, 10) << "a quiet minute saves up a second's worth";
}

TEST_F(AdmissionTest, TellsWhenToComeAgain) {
  const TenantLimits one{1, 0};
  EXPECT_TRUE(enters(kClinic, one));
  EXPECT_FALSE(enters(kClinic, one));
  EXPECT_EQ(refusal.retry_after, seconds(1));
  now += refusal.retry_after;
  EXPECT_TRUE(enters(kClinic, one));
}

TEST_F(AdmissionTest, TakesChangedLimitsAtOnce) {
  EXPECT_TRUE(enters(kClinic, {1, 0}));
  EXPECT_FALSE(enters(kClinic, {1, 0}));
  EXPECT_TRUE(enters(kClinic, {0, 0})) << "the limit was taken away";
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(enters(kClinic, {5, 0})) << i;
  EXPECT_FALSE(enters(kClinic, {5, 0}));
}

TEST_F(AdmissionTest, RefusedOnesTakeNothing) {
  const TenantLimits limits{3, 1};
  EXPECT_TRUE(enters(kClinic, limits));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(enters(kClinic, limits));
  held.clear();
  EXPECT_TRUE(enters(kClinic, limits));
  held.clear();
  EXPECT_TRUE(enters(kClinic, limits));
}

TEST_F(AdmissionTest, CountsRightFromManyThreads) {
  const TenantLimits limits{0, 3};
  std::atomic<std::uint64_t> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto outcome = admission.enter(kClinic, limits);
        if (!std::holds_alternative<Admission::Admitted>(outcome)) continue;
        const auto running = admission.running(kClinic);
        auto seen = most.load();
        while (running > seen && !most.compare_exchange_weak(seen, running)) {
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3U);
  EXPECT_EQ(admission.running(kClinic), 0U);
}

}  // namespace
}  // namespace gantry::server

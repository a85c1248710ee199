#include "gantry/server/tenant_limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Limiter : public ::testing::Test {
 protected:
  static http::Request request_of(const std::string& tenant) {
    http::Request request;
    request.context.tenant = TenantId(tenant);
    request.remote_address = "10.0.0.1";
    return request;
  }
  static config::Settings settings(std::uint64_t rate, std::uint64_t concurrent) {
    config::Settings made;
    made.limits.tenant_requests_per_s = rate;
    made.limits.tenant_concurrent = concurrent;
    return made;
  }

  observe::Metrics metrics;
};

TEST_F(Limiter, HoldsAPlaceAsLongAsTheRequestLives) {
  TenantLimiter limiter(settings(0, 1), metrics);
  auto first = request_of("a");
  EXPECT_FALSE(limiter.admit(first));
  auto second = request_of("a");
  const auto refused = limiter.admit(second);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->headers.get("Retry-After"), "1");
  auto other = request_of("b");
  EXPECT_FALSE(limiter.admit(other));
  first = http::Request();
  EXPECT_FALSE(limiter.admit(second));
}

TEST_F(Limiter, TakesATenantsOwnLimitsBeforeTheNodes) {
  TenantLimiter limiter(settings(1, 0), metrics);
  auto first = request_of("a");
  auto second = request_of("a");
  EXPECT_FALSE(limiter.admit(first, {2, 0}));
  EXPECT_FALSE(limiter.admit(second, {2, 0}));
  EXPECT_TRUE(limiter.admit(second, {2, 0}));
  auto other = request_of("b");
  EXPECT_FALSE(limiter.admit(other));
  EXPECT_TRUE(limiter.admit(other));
}

TEST_F(Limiter, LeavesWhatHasNoTenantAndTheAdministratorAlone) {
  TenantLimiter limiter(settings(1, 1), metrics);
  for (int i = 0; i < 3; ++i) {
    auto nobody = request_of("");
    EXPECT_FALSE(limiter.admit(nobody));
    auto local = request_of("a");
    local.remote_address = "unix";
    EXPECT_FALSE(limiter.admit(local));
  }
}

TEST_F(Limiter, CountsByTenantAndMakesNoSeriesForStrangers) {
  TenantLimiter limiter(settings(0, 1), metrics);
  http::AccessRecord record;
  record.status = 401;
  limiter.note(record);
  record.tenant = "a";
  record.status = 200;
  record.bytes_out = 500;
  limiter.note(record);
  auto first = request_of("a");
  EXPECT_FALSE(limiter.admit(first));
  auto second = request_of("a");
  EXPECT_TRUE(limiter.admit(second));
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("gantry_tenant_requests_total{tenant=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("gantry_tenant_sent_bytes_total{tenant=\"a\"} 500\n"));
  EXPECT_THAT(text, HasSubstr("gantry_tenant_refused_requests_total{limit=\"concurrent\",tenant=\"a\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("tenant=\"\"")));
}

TEST_F(Limiter, BoundsItsSeries) {
  TenantLimiter limiter(settings(0, 0), metrics);
  http::AccessRecord record;
  for (int i = 0; i < 3000; ++i) {
    record.tenant = "t" + std::to_string(i);
    limiter.note(record);
  }
  const auto text = metrics.text();
  EXPECT_THAT(text, HasSubstr("gantry_tenant_requests_total{tenant=\"other\"} 2000\n"));
}

}  // namespace
}  // namespace gantry::server

#include "gantry/http/tenant_turns.hpp"

#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/http/handshake_turns.hpp"

namespace gantry::http {
namespace {

using ::testing::ElementsAre;

class Turns : public ::testing::Test {
 protected:
  /// A request of `tenant` that takes `steps` turns, and notes each.
  Task<void> request(std::string tenant, int steps) {
    const auto place = turns.enter(tenant);
    for (int i = 0; i < steps; ++i) {
      if (place.is_shared()) co_await place.next();
      order.push_back(tenant);
    }
  }
  void begin(const std::string& tenant, int steps = 1) {
    boost::asio::co_spawn(io.get_executor(), request(tenant, steps), boost::asio::detached);
  }

  boost::asio::io_context io{1};
  TenantTurns turns{io.get_executor()};
  std::vector<std::string> order;
};

TEST_F(Turns, GoRoundTheTenantsWhateverEachHasWaiting) {
  const auto others = turns.enter("someone");  // so that the first ones share, too
  for (int i = 0; i < 16; ++i) begin("crowd");
  begin("guest");
  begin("guest");
  io.run();
  ASSERT_EQ(order.size(), 18U);
  std::vector<std::size_t> guests;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] == "guest") guests.push_back(i);
  }
  EXPECT_THAT(guests, ElementsAre(1, 3));
}

TEST_F(Turns, AreNotWaitedForByATenantThatIsAlone) {
  const auto long_ago = Clock::now() - std::chrono::seconds(10);
  auto place = turns.enter("only");
  const auto second = turns.enter("only");
  const auto public_one = turns.enter("");
  EXPECT_FALSE(place.is_shared());
  EXPECT_FALSE(public_one.is_shared());
  {
    const auto other = turns.enter("other", long_ago);
    EXPECT_TRUE(place.is_shared());
    EXPECT_EQ(other.tenant(), "other");
  }
  EXPECT_FALSE(place.is_shared()) << "the other has long gone";
  { const auto again = turns.enter("only", long_ago); }
  EXPECT_FALSE(place.is_shared());
  { const auto other = turns.enter("other"); }
  EXPECT_TRUE(place.is_shared()) << "it was here a moment ago, and may come again";
  place = TenantTurns::Place();
  EXPECT_FALSE(place.is_shared());
  EXPECT_EQ(place.tenant(), "");
}

TEST_F(Turns, EachStepOfALongAnswerIsOne) {
  begin("long", 4);
  begin("short", 1);
  io.run();
  // "long" took its first step before anybody else was there.
  EXPECT_THAT(order, ElementsAre("long", "long", "long", "long", "short"));
  order.clear();
  const auto others = turns.enter("someone");
  begin("long", 4);
  begin("short", 1);
  io.restart();
  io.run();
  EXPECT_THAT(order, ElementsAre("long", "short", "long", "long", "long"));
}

TEST(HandshakeTurns, LetEverythingElseThatIsReadyGoInBetween) {
  boost::asio::io_context io(1);
  HandshakeTurns turns(io.get_executor());
  std::vector<std::string> order;
  const auto handshake = [&]() -> Task<void> {
    co_await turns.next();
    order.push_back("handshake");
    // A request becomes ready while handshakes wait.
    boost::asio::post(io, [&] { order.push_back("request"); });
  };
  for (int i = 0; i < 3; ++i) boost::asio::co_spawn(io.get_executor(), handshake(), boost::asio::detached);
  io.run();
  EXPECT_THAT(order, ElementsAre("handshake", "request", "handshake", "request", "handshake", "request"));
}

}  // namespace
}  // namespace gantry::http

#include "gantry/server/late_index.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/index/memory/memory_index.hpp"

namespace gantry::server {
namespace {

using testing::ElementsAre;

class LateIndexTest : public testing::Test {
 protected:
  LateIndex::Told told() {
    LateIndex::Told told;
    told.waiting = [this](const std::string& why) {
      const std::scoped_lock lock(mutex);
      reasons.push_back(why);
    };
    told.opened = [this] { opened.set_value(); };
    return told;
  }
  /// Fails with these, one after the other, then opens.
  LateIndex::Opener failing(std::vector<Error> errors) {
    auto left = std::make_shared<std::vector<Error>>(std::move(errors));
    return [left]() -> Result<std::unique_ptr<index::InstanceIndex>> {
      if (left->empty()) return std::unique_ptr<index::InstanceIndex>(std::make_unique<index::MemoryIndex>());
      Error first = left->front();
      left->erase(left->begin());
      return first;
    };
  }

  std::mutex mutex;
  std::vector<std::string> reasons;
  std::promise<void> opened;
  RequestContext ctx;
};

TEST_F(LateIndexTest, OneThatIsThereIsOpenAtOnce) {
  const auto index = LateIndex::open(failing({}), told());
  ASSERT_TRUE(index);
  opened.get_future().wait();
  EXPECT_TRUE((*index)->check(ctx));
  EXPECT_TRUE(reasons.empty());
}

TEST_F(LateIndexTest, UntilItOpensCallsAreUnavailableAndSayWhyAndEachReasonIsToldOnce) {
  std::promise<void> let;
  auto gate = let.get_future().share();
  auto steps = failing({Error::unavailable("no answer"), Error::unavailable("no answer"), Error::timeout("late"),
                        Error::unavailable("run `gantry migrate`")});
  int calls = 0;
  const auto opener = [&, gate] {
    if (++calls == 2) gate.wait();
    return steps();
  };
  const auto index = LateIndex::open(opener, told());
  ASSERT_TRUE(index);
  ctx.tenant = TenantId("default");
  const auto early = (*index)->totals(ctx);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(early.error().detail(), "no answer");
  EXPECT_FALSE((*index)->check(ctx));
  EXPECT_TRUE((*index)->pool_stats()) << "metrics of connections are there from the start";
  let.set_value();
  opened.get_future().wait();
  EXPECT_TRUE((*index)->totals(ctx));
  const std::scoped_lock lock(mutex);
  EXPECT_THAT(reasons, ElementsAre("no answer", "late", "run `gantry migrate`"));
}

TEST_F(LateIndexTest, WhatNoWaitingMendsIsAnError) {
  const auto index = LateIndex::open(failing({Error::unsupported("a newer Gantry made it")}), told());
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().kind(), ErrorKind::kUnsupported);
}

TEST_F(LateIndexTest, OneThatNeverOpensCanBeLeft) {
  const auto never = []() -> Result<std::unique_ptr<index::InstanceIndex>> { return Error::unavailable("never"); };
  auto index = LateIndex::open(never, told());
  ASSERT_TRUE(index);
  index->reset();
}

}  // namespace
}  // namespace gantry::server

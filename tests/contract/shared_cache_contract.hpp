#pragma once

// What every SharedCache owes, run against each provider:
//   INSTANTIATE_TEST_SUITE_P(Memory, SharedCacheContract, testing::Values(SharedCacheMaker{"memory", …}));

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/base/sha256.hpp"
#include "gantry/cache/shared_cache.hpp"

namespace gantry::cache {

struct SharedCacheMaker {
  std::string name;
  std::function<std::unique_ptr<SharedCache>()> make;
  friend std::ostream& operator<<(std::ostream& out, const SharedCacheMaker& maker) { return out << maker.name; }
};

class SharedCacheContract : public testing::TestWithParam<SharedCacheMaker> {
 protected:
  const std::unique_ptr<SharedCache> cache_ = GetParam().make();
  const std::string prefix_ = "test:" + random_hex(8) + ":";
  const RequestContext ctx_;

  [[nodiscard]] std::string key(const std::string& name) const { return prefix_ + name; }
  bool put(const std::string& name, std::uint64_t version, const std::string& members = R"("a":1)",
           std::chrono::milliseconds life = std::chrono::minutes(1)) {
    const SharedCache::Entry entry{key(name), version, versioned_text(version, members), life};
    const auto kept = cache_->put(ctx_, std::span(&entry, 1));
    EXPECT_TRUE(kept) << kept.error().detail();
    return kept && (*kept)[0];
  }
  std::string get(const std::string& name) {
    const std::string of = key(name);
    const auto found = cache_->get(ctx_, std::span(&of, 1));
    EXPECT_TRUE(found) << found.error().detail();
    return found && (*found)[0] ? (*found)[0]->text : "";
  }
};

TEST_P(SharedCacheContract, KeepsWhatIsPutUnderSeveralKeysInOrder) {
  const std::vector<SharedCache::Entry> entries{{key("a"), 1, versioned_text(1, R"("x":"a")"), std::chrono::minutes(1)},
                                                {key("b"), 2, versioned_text(2), std::chrono::minutes(1)}};
  const auto kept = cache_->put(ctx_, entries);
  ASSERT_TRUE(kept) << kept.error().detail();
  EXPECT_THAT(*kept, testing::ElementsAre(true, true));
  const std::vector<std::string> keys{key("b"), key("nothing"), key("a")};
  const auto found = cache_->get(ctx_, keys);
  ASSERT_TRUE(found) << found.error().detail();
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0]->version, 2U);
  EXPECT_EQ((*found)[0]->text, R"({"version":2})");
  EXPECT_FALSE((*found)[1]);
  EXPECT_EQ((*found)[2]->text, R"({"version":1,"x":"a"})");
  EXPECT_EQ(cache_->counters().hits, 2U);
  EXPECT_EQ(cache_->counters().misses, 1U);
  EXPECT_EQ(cache_->counters().fills, 2U);
  EXPECT_TRUE(cache_->get(ctx_, {})->empty());
  EXPECT_TRUE(cache_->put(ctx_, {})->empty());
  EXPECT_TRUE(cache_->check(ctx_));
}

TEST_P(SharedCacheContract, AnOlderStateNeverReplacesANewerOne) {
  EXPECT_TRUE(put("a", 9, R"("n":1)"));
  EXPECT_TRUE(put("a", 10, R"("n":2)")) << "compared as numbers";
  EXPECT_FALSE(put("a", 9, R"("n":3)"));
  EXPECT_TRUE(put("a", 10, R"("n":4)")) << "the same version may know more";
  EXPECT_EQ(get("a"), R"({"version":10,"n":4})");
  EXPECT_TRUE(put("big", 18'446'744'073'709'551'615ULL));
  EXPECT_FALSE(put("big", 18'446'744'073'709'551'614ULL)) << "exactly, beyond what a double holds";
  EXPECT_TRUE(put("zero", 0));
  EXPECT_EQ(cache_->counters().fills_refused, 2U);
}

TEST_P(SharedCacheContract, ATombstoneEndsWhatIsOlderAndNothingElse) {
  EXPECT_TRUE(put("a", 3));
  EXPECT_TRUE(put("a", 4, ""));
  EXPECT_EQ(get("a"), R"({"version":4})");
  EXPECT_FALSE(put("a", 3)) << "a slow reader's";
  EXPECT_TRUE(put("a", 4)) << "what was read after the change";
  EXPECT_FALSE(put("a", 4, "")) << "told again";
  EXPECT_EQ(get("a"), R"({"version":4,"a":1})");
}

TEST_P(SharedCacheContract, WhatIsNoVersionedTextIsNothingAndIsReplaced) {
  for (const char* text : {"", "x", R"({"version":})", R"({"version":-1})", R"({"version":1)", R"({ "version":1})",
                           R"({"version":99999999999999999999999})", R"({"version":18446744073709551616})"}) {
    ASSERT_TRUE(cache_->put_text(ctx_, key("a"), text, std::chrono::minutes(1)));
    EXPECT_EQ(get("a"), "") << text;
    EXPECT_TRUE(put("a", 1)) << text;
    EXPECT_EQ(get("a"), R"({"version":1,"a":1})");
  }
}

TEST_P(SharedCacheContract, OnlyOneOfManyAcquires) {
  std::atomic<int> owners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto taken = cache_->acquire(ctx_, key("mark"), "token-" + std::to_string(i), std::chrono::minutes(1));
      EXPECT_TRUE(taken) << taken.error().detail();
      if (taken && *taken) ++owners;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(owners, 1);
}

TEST_P(SharedCacheContract, OnlyTheOwnerRenewsAndReleases) {
  const auto minute = std::chrono::minutes(1);
  EXPECT_TRUE(*cache_->acquire(ctx_, key("mark"), "mine", minute));
  EXPECT_EQ(*cache_->holder(ctx_, key("mark")), "mine");
  EXPECT_FALSE(*cache_->acquire(ctx_, key("mark"), "mine", minute));
  EXPECT_TRUE(*cache_->renew(ctx_, key("mark"), "mine", minute));
  EXPECT_FALSE(*cache_->renew(ctx_, key("mark"), "yours", minute));
  EXPECT_FALSE(*cache_->release(ctx_, key("mark"), "yours"));
  EXPECT_TRUE(*cache_->release(ctx_, key("mark"), "mine"));
  EXPECT_FALSE(*cache_->release(ctx_, key("mark"), "mine"));
  EXPECT_FALSE(*cache_->renew(ctx_, key("mark"), "mine", minute));
  EXPECT_EQ(*cache_->holder(ctx_, key("mark")), std::nullopt);
  EXPECT_TRUE(*cache_->acquire(ctx_, key("mark"), "yours", minute));
}

TEST_P(SharedCacheContract, EverythingEndsWithItsLife) {
  const auto moment = std::chrono::milliseconds(30);
  EXPECT_TRUE(put("a", 1, R"("a":1)", moment));
  EXPECT_TRUE(*cache_->acquire(ctx_, key("mark"), "mine", moment));
  ASSERT_TRUE(cache_->put_text(ctx_, key("text"), "t", moment));
  while (!get("a").empty() || *cache_->holder(ctx_, key("mark")) || *cache_->get_text(ctx_, key("text"))) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(*cache_->acquire(ctx_, key("mark"), "yours", moment));
}

TEST_P(SharedCacheContract, TextsAreKeptByteForByte) {
  std::string text = "\r\n*1\r\n$-1\r\n";
  text += '\0';
  text += "\xff\"";
  ASSERT_TRUE(cache_->put_text(ctx_, key("t"), text, std::chrono::minutes(1)));
  EXPECT_EQ(*cache_->get_text(ctx_, key("t")), text);
  EXPECT_EQ(*cache_->get_text(ctx_, key("other")), std::nullopt);
  const std::string large(1 << 20, 'x');
  EXPECT_TRUE(put("large", 1, "\"l\":\"" + large + "\""));
  EXPECT_EQ(get("large").size(), large.size() + 20);
}

TEST_P(SharedCacheContract, RemovesAllKeysOfAPrefixAndNoOther) {
  std::vector<std::string> names;
  for (int i = 0; i < 700; ++i) {
    names.push_back("gone" + std::string(i % 2 == 0 ? "-a:" : "-b:") + std::to_string(i));
    ASSERT_TRUE(put(names.back(), 1));
  }
  ASSERT_TRUE(put("gone-a", 1));
  ASSERT_TRUE(put("gone-ab:1", 1));
  const std::vector<std::string> prefixes{key("gone-a:"), key("gone-b:"), key("nothing:")};
  EXPECT_EQ(*cache_->remove_prefixes(ctx_, prefixes), 700U);
  for (const std::string& name : names) ASSERT_EQ(get(name), "") << name;
  EXPECT_NE(get("gone-a"), "");
  EXPECT_NE(get("gone-ab:1"), "");
  EXPECT_EQ(*cache_->remove_prefixes(ctx_, prefixes), 0U);
}

}  // namespace gantry::cache

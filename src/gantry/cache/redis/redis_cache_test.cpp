// Against the Redis of scripts/services.

#include "gantry/cache/redis/redis_cache.hpp"

#include <cstdlib>
#include <stdexcept>

#include "contract/shared_cache_contract.hpp"
#include "gantry/cache/redis/connection.hpp"

namespace gantry::cache {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: scripts/services start redis");
  return value;
}

/// redis[s]://:PASSWORD@HOST:PORT/0[?ca=FILE], as scripts/services makes it.
RedisSettings settings_of(const char* name) {
  const std::string url = variable(name);
  RedisSettings settings;
  settings.tls = url.starts_with("rediss:");
  const auto password = url.find("//:") + 3, host = url.find('@') + 1, port = url.find(':', host) + 1;
  settings.password = url.substr(password, host - 1 - password);
  settings.host = url.substr(host, port - 1 - host);
  settings.port = static_cast<std::uint16_t>(std::stoi(url.substr(port)));
  if (const auto ca = url.find("?ca="); ca != std::string::npos) settings.ca_file = url.substr(ca + 4);
  settings.operation_time = std::chrono::seconds(5);
  return settings;
}

std::unique_ptr<SharedCache> cache_of(const RedisSettings& settings) {
  auto cache = RedisCache::open(settings);
  if (!cache) throw std::runtime_error(cache.error().detail());
  return *std::move(cache);
}

INSTANTIATE_TEST_SUITE_P(Redis, SharedCacheContract,
                         testing::Values(SharedCacheMaker{"redis", [] { return cache_of(settings_of("REDIS_URL")); }}));
INSTANTIATE_TEST_SUITE_P(RedisTls, SharedCacheContract,
                         testing::Values(SharedCacheMaker{"redis over TLS",
                                                          [] { return cache_of(settings_of("REDIS_TLS_URL")); }}));

class RedisCacheTest : public ::testing::Test {
 protected:
  const RequestContext ctx_;
  const std::string key_ = "test:" + random_hex(8);

  /// A command of the test's own.
  Reply command(const Command& words) {
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    auto connection = Connection::open(settings_of("REDIS_URL"), nullptr, deadline);
    if (!connection) throw std::runtime_error(connection.error().detail());
    const auto replies = (*connection)->run(std::span(&words, 1), deadline);
    if (!replies) throw std::runtime_error(replies.error().detail());
    return (*replies)[0];
  }
};

TEST_F(RedisCacheTest, AUserOfAnAccessListAndADatabaseNumberAreHonoured) {
  const std::string user = "user-" + random_hex(4);
  command({"ACL", "SETUSER", user, "on", ">secret", "~test:*", "+@all"});
  auto settings = settings_of("REDIS_URL");
  settings.user = user;
  settings.password = "secret";
  settings.database = 3;
  const auto cache = cache_of(settings);
  ASSERT_TRUE(cache->put_text(ctx_, key_, "in three", std::chrono::minutes(1)));
  EXPECT_EQ(*cache->get_text(ctx_, key_), "in three");
  EXPECT_EQ(command({"GET", key_}).kind, Reply::Kind::kNothing) << "the other databases have it not";
  const auto forbidden = cache->get_text(ctx_, "other:" + key_);
  ASSERT_FALSE(forbidden);
  EXPECT_NE(forbidden.error().detail().find("NOPERM"), std::string::npos) << forbidden.error().detail();
  settings.password = "wrong";
  EXPECT_EQ(cache_of(settings)->check(ctx_).error().kind(), ErrorKind::kUnavailable);
  command({"ACL", "DELUSER", user});
}

TEST_F(RedisCacheTest, ACertificateThatNobodyTrustedSignedIsRefused) {
  auto settings = settings_of("REDIS_TLS_URL");
  ASSERT_TRUE(cache_of(settings)->check(ctx_));
  settings.host = "localhost";
  EXPECT_TRUE(cache_of(settings)->check(ctx_)) << "by name";
  settings.host = "127.0.0.2";
  const auto other_host = cache_of(settings)->check(ctx_);
  ASSERT_FALSE(other_host) << "a server that is not the one we asked for";
  settings.host = "127.0.0.1";
  settings.ca_file.clear();
  const auto unknown = cache_of(settings)->check(ctx_);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().detail().find("certificate"), std::string::npos) << unknown.error().detail();
  settings.tls = false;
  EXPECT_FALSE(cache_of(settings)->check(ctx_)) << "plain words to a TLS port";
}

TEST_F(RedisCacheTest, WrongTypesUnderOurKeysAreNothingAndAreReplaced) {
  const auto cache = cache_of(settings_of("REDIS_URL"));
  const SharedCache::Entry entry{key_, 1, versioned_text(1, R"("a":1)"), std::chrono::minutes(1)};
  for (const Command& made :
       {Command{"LPUSH", key_, "x"}, Command{"SADD", key_, "x"}, Command{"HSET", key_, "a", "b"}}) {
    command({"DEL", key_});
    ASSERT_EQ(command(made).kind, Reply::Kind::kNumber);
    const auto nothing = cache->get(ctx_, std::span(&key_, 1));
    ASSERT_TRUE(nothing) << nothing.error().detail();
    EXPECT_FALSE((*nothing)[0]);
    EXPECT_EQ(*cache->get_text(ctx_, key_), std::nullopt);
    EXPECT_FALSE(*cache->renew(ctx_, key_, "x", std::chrono::minutes(1)));
    EXPECT_FALSE(*cache->release(ctx_, key_, "x"));
    EXPECT_FALSE(*cache->acquire(ctx_, key_, "x", std::chrono::minutes(1))) << "somebody has it";
    EXPECT_TRUE((*cache->put(ctx_, std::span(&entry, 1)))[0]);
    EXPECT_EQ(*cache->get_text(ctx_, key_), entry.text);
  }
  EXPECT_TRUE(cache->counters().available);
}

TEST_F(RedisCacheTest, AFullRedisTakesNothingNewButForgets) {
  const auto cache = cache_of(settings_of("REDIS_URL"));
  const auto put = [&](std::uint64_t version, const std::string& members) {
    const SharedCache::Entry entry{key_, version, versioned_text(version, members), std::chrono::minutes(1)};
    const auto kept = cache->put(ctx_, std::span(&entry, 1));
    EXPECT_TRUE(kept) << kept.error().detail();
    return kept && (*kept)[0];
  };
  ASSERT_TRUE(put(1, R"("a":1)"));
  command({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_FALSE(put(2, R"("a":2)"));
  EXPECT_EQ(*cache->get_text(ctx_, key_), R"({"version":1,"a":1})");
  EXPECT_TRUE(put(2, "")) << "what is older is gone";
  EXPECT_EQ(*cache->get_text(ctx_, key_), std::nullopt);
  EXPECT_TRUE(cache->counters().available) << "a full Redis answers";
  command({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(put(3, R"("a":3)"));
}

TEST_F(RedisCacheTest, MoreCallersThanConnectionsTakeTurns) {
  auto settings = settings_of("REDIS_URL");
  settings.connections = 2;
  const auto cache = cache_of(settings);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string key = key_ + std::to_string(i);
      for (int n = 0; n < 50; ++n) {
        const std::string text = std::to_string(i * 1000 + n);
        if (!cache->put_text(ctx_, key, text, std::chrono::minutes(1))) continue;
        const auto read = cache->get_text(ctx_, key);
        if (read && *read == text) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

TEST_F(RedisCacheTest, ConnectionsThatTheServerEndedAreReplacedUnseen) {
  const auto cache = cache_of(settings_of("REDIS_URL"));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(cache->put_text(ctx_, key_, "v", std::chrono::minutes(1)));
    command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  }
  EXPECT_EQ(cache->counters().failures, 0U);
}

}  // namespace
}  // namespace gantry::cache

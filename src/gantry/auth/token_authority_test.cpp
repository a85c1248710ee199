#include "gantry/auth/token_authority.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/auth/token_test_support.hpp"
#include "gantry/base/task_test_support.hpp"
#include "gantry/cache/memory/memory_cache.hpp"

namespace gantry::auth {
namespace {

using auth::testing::make_token;
using auth::testing::TestKey;
using gantry::testing::await;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* kIssuer = "https://id.example";
constexpr const char* kKeysUrl = "https://keys.example/jwks";

/// An issuer behind a network that can fail, and that counts who asks.
class Provider {
 public:
  void publish(const std::vector<std::pair<std::string, TestKey>>& keys) {
    std::string all;
    for (const auto& [kid, key] : keys) all += (all.empty() ? "" : ",") + key.jwk("\"kid\":\"" + kid + "\"");
    set(kKeysUrl, "{\"keys\":[" + all + "]}");
  }
  void set(const std::string& url, std::string text) {
    const std::scoped_lock lock(mutex_);
    documents_[url] = std::move(text);
  }
  void down(bool is_down) {
    const std::scoped_lock lock(mutex_);
    down_ = is_down;
  }
  int asked(const std::string& url) const {
    const std::scoped_lock lock(mutex_);
    const auto count = asked_.find(url);
    return count == asked_.end() ? 0 : count->second;
  }
  KeySource::Fetch fetch() {
    return [this](const std::string& url, const std::atomic<bool>&) -> Result<std::string> {
      const std::scoped_lock lock(mutex_);
      ++asked_[url];
      if (down_) return Error::unavailable("nobody answers");
      const auto document = documents_.find(url);
      if (document == documents_.end()) return Error::unavailable(url + " answers 404");
      return document->second;
    };
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> documents_{
      {std::string(kIssuer) + "/.well-known/openid-configuration",
       R"({"issuer":"https://id.example","jwks_uri":"https://keys.example/jwks"})"}};
  std::map<std::string, int> asked_;
  bool down_ = false;
};

const TestKey& first_key() {
  static const TestKey kKey = TestKey::ec("P-256");
  return kKey;
}
const TestKey& second_key() {
  static const TestKey kKey = TestKey::ec("P-256");
  return kKey;
}

std::string token_of(const std::string& kid, const TestKey& key, const std::string& issuer = kIssuer,
                     const std::string& audience = "gantry") {
  const auto soon = std::chrono::duration_cast<std::chrono::seconds>(
      (std::chrono::system_clock::now() + 300s).time_since_epoch());
  return make_token(R"({"alg":"ES256","kid":")" + kid + "\"}",
                    R"({"sub":"ann","tenant":"a","roles":"viewer","iss":")" + issuer + R"(","aud":")" + audience +
                        R"(","exp":)" + std::to_string(soon.count()) + "}",
                    key, "ES256");
}

struct Node {
  explicit Node(Provider& provider, std::chrono::milliseconds pause = 1h, cache::SharedCache* shared = nullptr,
                std::chrono::milliseconds refresh = 1h, std::chrono::milliseconds stale = 24h) {
    KeySourceSettings settings;
    settings.issuer = kIssuer;
    settings.shared_key = "jwks";
    settings.pause = pause;
    settings.refresh = refresh;
    settings.stale_life = stale;
    TokenPolicy policy;
    policy.issuer = kIssuer;
    policy.audiences = {"gantry"};
    policy.algorithms = {Algorithm::kEs256};
    policy.tenant_claim = *ClaimPath::parse("$.tenant");
    policy.rules = {*Rule::parse(Permission::kRead, "$.roles=viewer")};
    std::vector<TokenAuthority::Issuer> issuers(1);
    issuers[0].policies = {policy};
    issuers[0].keys = std::make_unique<KeySource>(settings, provider.fetch(), shared, [this](const std::string& words) {
      const std::scoped_lock lock(mutex);
      reports.push_back(words);
    });
    authority = std::make_unique<TokenAuthority>(std::move(issuers), 100);
  }

  Verdict ask(const std::string& token) {
    return await([&] { return authority->identify(token); });
  }
  bool takes(const std::string& token) { return std::holds_alternative<Identity>(ask(token)); }
  Refusal refuses(const std::string& token) {
    const auto verdict = ask(token);
    return std::holds_alternative<Refusal>(verdict) ? std::get<Refusal>(verdict) : Refusal{0, "", "taken"};
  }

  std::mutex mutex;
  std::vector<std::string> reports;
  std::unique_ptr<TokenAuthority> authority;
};

TEST(TokenAuthority, FindsTheKeysAndRemembersWhatItVerified) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider);
  const auto token = token_of("one", first_key());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(node.takes(token));
  EXPECT_EQ(node.authority->counters().verified, 1U);
  EXPECT_EQ(node.authority->counters().remembered, 9U);
  EXPECT_EQ(provider.asked(kKeysUrl), 1);
}

TEST(TokenAuthority, FollowsARotationWithoutARestart) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider, 0ms);
  const auto old_token = token_of("one", first_key());
  ASSERT_TRUE(node.takes(old_token));
  provider.publish({{"one", first_key()}, {"two", second_key()}});
  EXPECT_TRUE(node.takes(token_of("two", second_key()))) << "an unknown kid makes it look";
  EXPECT_TRUE(node.takes(old_token));
  provider.publish({{"two", second_key()}});
  node.refuses(token_of("three", first_key()));
  EXPECT_EQ(node.refuses(old_token).status, 401) << "a key that was withdrawn verifies nothing, remembered or not";
  EXPECT_TRUE(node.takes(token_of("two", second_key())));
}

TEST(TokenAuthority, AsksOnceHoweverManyUnknownKeysAreNamed) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider, 1h);
  ASSERT_TRUE(node.takes(token_of("one", first_key())));
  for (int i = 0; i < 200; ++i) {
    const auto refusal = node.refuses(token_of("made-up-" + std::to_string(i), second_key()));
    EXPECT_EQ(refusal.status, 401);
    EXPECT_THAT(refusal.description, HasSubstr("does not publish"));
  }
  EXPECT_EQ(provider.asked(kKeysUrl), 1);
  EXPECT_TRUE(node.takes(token_of("one", first_key())));
}

TEST(TokenAuthority, AsksNobodyAboutTokensThatCanNotBeRight) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider, 0ms);
  ASSERT_TRUE(node.takes(token_of("one", first_key())));
  const int before = provider.asked(kKeysUrl);
  EXPECT_THAT(node.refuses(token_of("x", second_key(), "https://evil.example")).description,
              HasSubstr("issuer https://evil.example, this server takes those of https://id.example"));
  node.refuses(token_of("x", second_key(), kIssuer, "billing"));
  node.refuses("x.y.z");
  node.refuses("");
  EXPECT_EQ(provider.asked(kKeysUrl), before);
}

TEST(TokenAuthority, GoesOnWhileTheProviderIsDown) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider, 0ms, nullptr, 1ms);
  ASSERT_TRUE(node.takes(token_of("one", first_key())));
  provider.down(true);
  while (node.authority->issuers()[0].keys->counters().failures < 2) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(node.takes(token_of("one", first_key()))) << "a new token, with the keys at hand";
  EXPECT_EQ(node.refuses(token_of("two", second_key())).status, 401);
  provider.publish({{"two", second_key()}});
  provider.down(false);
  EXPECT_TRUE(node.takes(token_of("two", second_key())));
}

TEST(TokenAuthority, BelievesNoKeysThatAreTooOld) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  Node node(provider, 1h, nullptr, 1h, 1ms);
  static_cast<void>(node.ask(token_of("one", first_key())));
  std::this_thread::sleep_for(5ms);
  const auto refusal = node.refuses(token_of("one", first_key()));
  EXPECT_EQ(refusal.status, 503);
}

TEST(TokenAuthority, AnswersThatItCanNotTellWithoutAnyKeys) {
  Provider provider;
  provider.down(true);
  Node node(provider, 1h);
  const auto refusal = node.refuses(token_of("one", first_key()));
  EXPECT_EQ(refusal.status, 503) << "the token may be right";
  EXPECT_EQ(node.authority->counters().unavailable, 1U);
  const std::scoped_lock lock(node.mutex);
  ASSERT_EQ(node.reports.size(), 1U);
  EXPECT_THAT(node.reports[0], HasSubstr("nobody answers"));
}

TEST(TokenAuthority, TakesNoDiscoveryOfAnotherIssuer) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  provider.set(std::string(kIssuer) + "/.well-known/openid-configuration",
               R"({"issuer":"https://id.example/","jwks_uri":"https://keys.example/jwks"})");
  Node node(provider, 1h);
  EXPECT_EQ(node.refuses(token_of("one", first_key())).status, 503);
  EXPECT_EQ(provider.asked(kKeysUrl), 0);
  const std::scoped_lock lock(node.mutex);
  EXPECT_THAT(node.reports.at(0), HasSubstr("https://id.example/, expected was https://id.example:"));
}

TEST(TokenAuthority, SharesItsKeysWithOtherNodes) {
  Provider provider;
  provider.publish({{"one", first_key()}});
  cache::MemoryCache shared;
  Node first(provider, 1h, &shared);
  ASSERT_TRUE(first.takes(token_of("one", first_key())));
  Node second(provider, 1h, &shared);
  EXPECT_TRUE(second.takes(token_of("one", first_key())));
  for (int i = 0; i < 20; ++i) {
    first.refuses(token_of("a" + std::to_string(i), second_key()));
    second.refuses(token_of("b" + std::to_string(i), second_key()));
  }
  EXPECT_EQ(provider.asked(kKeysUrl), 1) << "one fetch for both within the pause";
  provider.down(true);
  Node third(provider, 1h, &shared);
  EXPECT_TRUE(third.takes(token_of("one", first_key()))) << "started while the provider is down";
}

TEST(TokenCache, IsBoundedAndForgetsWhatEnded) {
  TokenCache cache(32);
  const auto now = std::chrono::system_clock::now();
  const auto digest_of = [](int i) {
    const auto text = std::to_string(i);
    return sha256(std::as_bytes(std::span(text.data(), text.size())));
  };
  auto entry = std::make_shared<TokenCache::Entry>();
  entry->identity.expires = now + 10s;
  for (int i = 0; i < 1000; ++i) cache.keep(digest_of(i), entry);
  EXPECT_LE(cache.size(), 32U);
  EXPECT_TRUE(cache.find(digest_of(999), now));
  EXPECT_FALSE(cache.find(digest_of(999), now + 10s));
  EXPECT_FALSE(cache.find(digest_of(999), now)) << "it is gone";
  EXPECT_FALSE(cache.find(digest_of(0), now));
}

}  // namespace
}  // namespace gantry::auth

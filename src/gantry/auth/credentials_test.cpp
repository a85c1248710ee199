// API keys, share links and the tokens that they are made of.

#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/auth/api_keys.hpp"
#include "gantry/auth/record_body.hpp"
#include "gantry/auth/shares.hpp"
#include "gantry/index/memory/memory_index.hpp"

namespace gantry::auth {
namespace {

using index::Record;
using index::RecordKind;
using index::Timestamp;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

TEST(SecretToken, HasTheLookThatScannersKnow) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const SecretToken token = make_token(kApiKeyPrefix);
    EXPECT_THAT(token.text, testing::MatchesRegex("gantry_[0-9A-Za-z]+_[0-9A-Za-z]+"));
    EXPECT_EQ(token.text.size(), 7U + 12 + 1 + 43 + 6);
    EXPECT_EQ(id_in_token(kApiKeyPrefix, token.text), token.id);
    EXPECT_TRUE(seen.insert(token.text).second && seen.insert(token.id).second);
  }
  EXPECT_EQ(make_token(kSharePrefix).text.substr(0, kSharePrefix.size()), kSharePrefix);
}

TEST(SecretToken, EveryCharacterOfTheAlphabetIsAsLikely) {
  std::map<char, int> counts;
  for (int i = 0; i < 2000; ++i) {
    for (const char c : make_token("").text.substr(13, 43)) ++counts[c];
  }
  EXPECT_EQ(counts.size(), 62U);
  const double expected = 2000.0 * 43 / 62;  // 1387, deviation 37
  for (const auto& [c, count] : counts) EXPECT_NEAR(count, expected, 6 * 37) << c;
}

TEST(SecretToken, ATypoShowsWithoutAskingAnybody) {
  const std::string text = make_token(kApiKeyPrefix).text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
    EXPECT_EQ(id_in_token(kApiKeyPrefix, wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(id_in_token(kApiKeyPrefix, text.substr(1)), std::nullopt);
  EXPECT_EQ(id_in_token(kApiKeyPrefix, text + "x"), std::nullopt);
  EXPECT_EQ(id_in_token(kApiKeyPrefix, ""), std::nullopt);
  EXPECT_EQ(id_in_token(kSharePrefix, text), std::nullopt);
}

TEST(SecretToken, LogsShowTheIdAndNotTheSecret) {
  const SecretToken key = make_token(kApiKeyPrefix), share = make_token(kSharePrefix);
  const std::string logged = without_tokens("GET /a/" + key.text + "/b?x=" + share.text + "&y gantry_http_requests");
  EXPECT_EQ(logged, "GET /a/gantry_" + key.id + "_***/b?x=gantryshare_" + share.id + "_***&y gantry_http_requests");
  EXPECT_EQ(without_tokens(key.text.substr(0, 40)), "gantry_" + key.id + "_***") << "also one that was cut";
  EXPECT_EQ(without_tokens("gantry_"), "gantry_");
}

TEST(RecordBody, ComesBackAsItWas) {
  RecordBody body;
  body.set("name", "a \"b\" ü").set("number", -5).set("list", std::vector<std::string>{"x", "y\n"});
  const auto again = RecordBody::parse(body.json());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text("name"), "a \"b\" ü");
  EXPECT_EQ(again->number("number"), -5);
  EXPECT_THAT(again->texts("list"), ElementsAre("x", "y\n"));
  EXPECT_EQ(again->text("number"), "") << "of another kind";
  EXPECT_FALSE(RecordBody::parse("[1]"));
  EXPECT_FALSE(RecordBody::parse("{"));
}

/// Counts and breaks what is asked of the index below.
class CountingStore final : public index::RecordStore {
 public:
  Result<std::uint64_t> put_record(const RequestContext& ctx, const Record& record) override {
    ++puts;
    return below.put_record(ctx, record);
  }
  Result<std::optional<Record>> get_record(const RequestContext& ctx, RecordKind kind, std::string_view id) override {
    ++gets;
    if (broken) return Error::unavailable("db.example does not answer");
    return below.get_record(ctx, kind, id);
  }
  Result<std::vector<Record>> list_records(const RequestContext& ctx, const index::RecordQuery& query) override {
    return below.list_records(ctx, query);
  }
  Result<bool> remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) override {
    return below.remove_record(ctx, kind, id);
  }
  Result<std::size_t> remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) override {
    return below.remove_expired_records(ctx, until, limit);
  }
  Result<std::size_t> remove_tenant_records(const RequestContext& ctx, std::size_t limit) override {
    return below.remove_tenant_records(ctx, limit);
  }

  index::MemoryIndex below;
  int gets = 0, puts = 0;
  bool broken = false;
};

class Credentials : public testing::Test {
 protected:
  template <class T>
  static T must(Result<T> result) {
    EXPECT_TRUE(result) << result.error().detail();
    return *std::move(result);
  }
  ApiKeys::Made key(PermissionSet permissions = {Permission::kRead}, std::optional<std::chrono::seconds> life = {}) {
    return must(keys.create(ctx, {"modality 3", TenantId("clinic-a"), permissions, life}));
  }
  Shares::Made share(std::chrono::seconds life = 24h) {
    RequestContext of_tenant = ctx;
    of_tenant.tenant = TenantId("clinic-a");
    return must(shares.create(of_tenant, StudyUid("1.2.3"), life));
  }
  static std::string refusal(const Verdict& verdict) {
    const auto* refused = std::get_if<Refusal>(&verdict);
    return refused == nullptr ? "" : std::to_string(refused->status) + " " + refused->error + ": " + refused->description;
  }

  Timestamp now{std::chrono::hours(24 * 365 * 57)};
  CountingStore store;
  RequestContext ctx;
  ApiKeys keys{store, [this] { return now; }};
  ApiKeys elsewhere{store, [this] { return now; }};
  Shares shares{store, [this] { return now; }};
};

TEST_F(Credentials, AKeyIsWhoItSays) {
  const auto made = key({Permission::kRead, Permission::kWrite}, 48h);
  const Verdict verdict = elsewhere.verify(ctx, made.text);
  const auto* identity = std::get_if<Identity>(&verdict);
  ASSERT_NE(identity, nullptr) << refusal(verdict);
  EXPECT_EQ(identity->principal, "apikey:" + made.key.id + " (modality 3)");
  EXPECT_EQ(identity->tenant, TenantId("clinic-a"));
  EXPECT_EQ(identity->permissions, (PermissionSet{Permission::kRead, Permission::kWrite}));
  EXPECT_EQ(identity->only_study, std::nullopt);
  EXPECT_EQ(identity->expires, now + 48h);
  EXPECT_EQ(identity->method, "apikey");
}

TEST_F(Credentials, OnlyAHashOfTheKeyIsKept) {
  const auto made = key();
  const auto record = must(store.get_record(ctx, RecordKind::kApiKey, made.key.id));
  ASSERT_TRUE(record);
  EXPECT_THAT(record->body, HasSubstr(to_hex(hash_of_token(made.text))));
  EXPECT_THAT(record->body, Not(HasSubstr(made.text.substr(20))));
  const auto link = share();
  const auto kept = must(store.get_record(ctx, RecordKind::kShare, link.share.id));
  ASSERT_TRUE(kept);
  EXPECT_THAT(kept->body, Not(HasSubstr(link.token.substr(25))));
}

TEST_F(Credentials, AnotherSecretOfTheSameKeyOpensNothing) {
  const auto made = key();
  std::string forged;
  // A well-formed key with this id: its checksum is right, its secret is not.
  Record record = *must(store.get_record(ctx, RecordKind::kApiKey, made.key.id));
  const auto other = key();
  record.body = must(store.get_record(ctx, RecordKind::kApiKey, other.key.id))->body;
  ASSERT_TRUE(store.put_record(ctx, record));
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)),
            "401 invalid_token: the API key " + made.key.id + " is not valid here");
  ASSERT_TRUE(keys.recall(made.text).verdict);
  EXPECT_NE(refusal(*keys.recall(made.text).verdict), "");
  record = *must(store.get_record(ctx, RecordKind::kApiKey, made.key.id));
  record.body = "{}";
  ASSERT_TRUE(store.put_record(ctx, record));
  EXPECT_NE(refusal(elsewhere.verify(ctx, made.text)), "") << "a record without a hash";
}

TEST_F(Credentials, AKeyEndsWhenItSaysEvenInMemory) {
  const auto made = key({Permission::kRead}, 1h);
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "");
  now += 1h;
  const std::string expired = "401 invalid_token: the API key " + made.key.id + " has expired";
  EXPECT_EQ(refusal(*keys.recall(made.text).verdict), expired);
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), expired);
}

TEST_F(Credentials, ARevokedKeyIsRefusedHereAtOnceAndElsewhereWithinASecond) {
  const auto made = key();
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "");
  EXPECT_EQ(refusal(elsewhere.verify(ctx, made.text)), "");
  EXPECT_TRUE(must(keys.revoke(ctx, made.key.id)));
  EXPECT_FALSE(keys.recall(made.text).verdict) << "forgotten";
  EXPECT_NE(refusal(keys.verify(ctx, made.text)), "");
  EXPECT_FALSE(must(keys.revoke(ctx, made.key.id)));
  RecordCheck check(store, RecordKind::kApiKey, kApiKeyPrefix);
  EXPECT_FALSE(check.recall(made.text, Clock::now() + RecordCheck::kConfirmedFor).known);
}

TEST_F(Credentials, WhatWasReadAnswersForASecondAndAsksOnceBeforeItEnds) {
  const auto made = key();
  RecordCheck check(store, RecordKind::kApiKey, kApiKeyPrefix);
  const auto start = Clock::now();
  EXPECT_FALSE(check.recall(made.text, start).known);
  ASSERT_TRUE(must(check.look_up(ctx, made.text)));
  const auto end = Clock::now();
  EXPECT_TRUE(check.recall(made.text, start + 400ms).record);
  EXPECT_FALSE(check.recall(made.text, start + 400ms).ageing);
  const auto aged = check.recall(made.text, end + 600ms);
  EXPECT_TRUE(aged.known && aged.ageing);
  EXPECT_FALSE(check.recall(made.text, end + 610ms).ageing) << "one caller is enough";
  EXPECT_FALSE(check.recall(made.text, end + 1000ms).known);
}

TEST_F(Credentials, UnknownKeysCostOneReadASecondAndMalformedOnesNone) {
  const std::string unknown = make_token(kApiKeyPrefix).text;
  EXPECT_FALSE(keys.recall(unknown).verdict);
  EXPECT_NE(refusal(keys.verify(ctx, unknown)), "");
  const int before = store.gets;
  for (int i = 0; i < 100; ++i) EXPECT_NE(refusal(*keys.recall(unknown).verdict), "");
  EXPECT_EQ(refusal(*keys.recall("gantry_nonsense").verdict), "401 invalid_token: the API key is not a whole one");
  EXPECT_EQ(store.gets, before);
}

TEST_F(Credentials, MemoryIsBoundedWhateverIsAskedFor) {
  RecordCheck check(store, RecordKind::kApiKey, kApiKeyPrefix);
  for (std::size_t i = 0; i < RecordCheck::kRemembered + 500; ++i) {
    ASSERT_TRUE(check.look_up(ctx, make_token(kApiKeyPrefix).text));
  }
  EXPECT_LE(check.remembered(), RecordCheck::kRemembered);
}

TEST_F(Credentials, AnIndexThatDoesNotAnswerIsNoRefusalAndNoLeak) {
  const auto made = key();
  store.broken = true;
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "503 : API keys can't be checked now");
  EXPECT_EQ(refusal(shares.verify(ctx, make_token(kSharePrefix).text)), "503 : links can't be checked now");
  store.broken = false;
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "") << "a failure is not remembered";
}

TEST_F(Credentials, UseIsNotedOnceAnHour) {
  const auto made = key();
  const int made_by = store.puts;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "");
  EXPECT_EQ(store.puts, made_by + 1);
  EXPECT_EQ(must(keys.list(ctx, std::nullopt))[0].last_used, now);
  now += 59min;
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "");
  EXPECT_EQ(store.puts, made_by + 1);
  now += 1min;
  EXPECT_EQ(refusal(keys.verify(ctx, made.text)), "");
  EXPECT_EQ(must(keys.list(ctx, std::nullopt))[0].last_used, now);
  EXPECT_EQ(refusal(keys.verify(ctx, make_token(kApiKeyPrefix).text)).empty(), false);
  EXPECT_EQ(store.puts, made_by + 2) << "only of those that open something";
}

TEST_F(Credentials, AKeyNeedsANameAPermissionAndAnEndThatIsNear) {
  const TenantId tenant("clinic-a");
  const auto kind = [&](const ApiKeys::New& asked) {
    const auto made = keys.create(ctx, asked);
    return made ? ErrorKind::kInternal : made.error().kind();
  };
  EXPECT_EQ(kind({"", tenant, {Permission::kRead}, {}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({"a\nb", tenant, {Permission::kRead}, {}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({std::string(101, 'x'), tenant, {Permission::kRead}, {}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({"x", tenant, {}, {}}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({"x", tenant, {Permission::kRead}, 0s}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({"x", tenant, {Permission::kRead}, std::chrono::hours(24 * 4000)}), ErrorKind::kInvalid);
  EXPECT_EQ(kind({"x", TenantId("A"), {Permission::kRead}, {}}), ErrorKind::kInvalid);
}

TEST_F(Credentials, ListsNameTheKeysOfATenantAndNoSecret) {
  for (int i = 0; i < 3; ++i) key();
  must(keys.create(ctx, {"other", TenantId("clinic-b"), {Permission::kAdmin}, 1h}));
  EXPECT_EQ(must(keys.list(ctx, std::nullopt)).size(), 4U);
  const auto of_b = must(keys.list(ctx, TenantId("clinic-b")));
  ASSERT_EQ(of_b.size(), 1U);
  EXPECT_EQ(of_b[0].name, "other");
  EXPECT_EQ(of_b[0].expires, now + 1h);
  EXPECT_EQ(of_b[0].last_used, std::nullopt);
  EXPECT_THAT(names_of(of_b[0].permissions), ElementsAre("admin"));
}

TEST_F(Credentials, AShareOpensOneStudyForReading) {
  const auto made = share();
  const Verdict verdict = shares.verify(ctx, made.token);
  const auto* identity = std::get_if<Identity>(&verdict);
  ASSERT_NE(identity, nullptr) << refusal(verdict);
  EXPECT_EQ(identity->principal, "share:" + made.share.id);
  EXPECT_EQ(identity->tenant, TenantId("clinic-a"));
  EXPECT_EQ(identity->only_study, StudyUid("1.2.3"));
  EXPECT_EQ(identity->permissions, PermissionSet{Permission::kRead});
  EXPECT_EQ(identity->expires, now + 24h);
  EXPECT_EQ(identity->method, "share");
}

TEST_F(Credentials, UnknownRevokedAndExpiredLinksAreToldTheSame) {
  const auto expired = share(1h), revoked = share();
  EXPECT_TRUE(must(shares.revoke(ctx, revoked.share.id)));
  now += 1h;
  const std::string unknown = refusal(shares.verify(ctx, make_token(kSharePrefix).text));
  EXPECT_NE(unknown, "");
  EXPECT_EQ(refusal(shares.verify(ctx, expired.token)), unknown);
  EXPECT_EQ(refusal(shares.verify(ctx, revoked.token)), unknown);
  EXPECT_EQ(refusal(shares.verify(ctx, "nonsense")), unknown);
  EXPECT_EQ(refusal(shares.verify(ctx, key().text)), unknown) << "a key is no link";
  EXPECT_NE(refusal(keys.verify(ctx, share().token)), "") << "and a link is no key";
}

TEST_F(Credentials, AShareNeedsAStudyAndAnEnd) {
  RequestContext of_tenant = ctx;
  of_tenant.tenant = TenantId("clinic-a");
  EXPECT_FALSE(shares.create(of_tenant, StudyUid("not a uid"), 24h));
  EXPECT_FALSE(shares.create(of_tenant, StudyUid("1.2"), 59s));
  EXPECT_FALSE(shares.create(of_tenant, StudyUid("1.2"), std::chrono::hours(24 * 367)));
  EXPECT_FALSE(shares.create(ctx, StudyUid("1.2"), 24h)) << "no tenant";
  const auto made = share();
  Record record = *must(store.get_record(ctx, RecordKind::kShare, made.share.id));
  record.expires.reset();
  ASSERT_TRUE(store.put_record(ctx, record));
  EXPECT_NE(refusal(shares.verify(ctx, made.token)), "") << "one without an end opens nothing";
}

}  // namespace
}  // namespace gantry::auth

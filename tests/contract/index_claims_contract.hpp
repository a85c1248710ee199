#pragma once

// How workers claim the JSON that is due and end their claims (DESIGN §3, §7). No test waits: leases of no length have
// run out at once, and those of an hour do not.

#include "contract/index_contract_fixture.hpp"

namespace gantry::index::contract {

constexpr std::chrono::seconds kNoTime{0};
constexpr std::chrono::seconds kHour{3600};

/// Later than everything that is stored now.
inline Timestamp soon() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() + std::chrono::hours(1));
}

inline JsonOutcome ready(const JsonClaim& claim, std::string object_key) {
  return {StudyUid(claim.state.study_uid), SeriesUid(claim.state.series_uid), claim.state.version,
          ObjectKey(std::move(object_key)), {}};
}
inline JsonOutcome failed(const JsonClaim& claim, std::string error, std::chrono::seconds retry_after,
                          std::string object_key = "") {
  JsonOutcome outcome = ready(claim, std::move(object_key));
  outcome.failure = JsonOutcome::Failure{retry_after, std::move(error)};
  return outcome;
}

inline JsonOutcome handed_back(const JsonClaim& claim) {
  JsonOutcome outcome = ready(claim, "");
  outcome.handed_back = true;
  return outcome;
}

TYPED_TEST_P(IndexContract, AClaimGivesADueSeriesToOneWorkerOldestFirst) {
  auto& index = this->index();
  this->commit(this->ctx, {instance("1", "1.2", "1.2.1"), instance("1", "1.1", "1.1.1")});
  StateRow old;
  old.study_uid = "2", old.series_uid = "2.1";
  old.created_time = old.updated_time = Timestamp(std::chrono::seconds(1000));
  ASSERT_TRUE(index.save_state_info(this->ctx, old));
  EXPECT_THAT(must(index.claim_json(this->ctx, Timestamp(std::chrono::seconds(1000)), 10, "w1", kHour)), IsEmpty())
      << "strictly before";
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 0, "w1", kHour)), IsEmpty());
  const auto first = must(index.claim_json(context_for("any"), soon(), 2, "w1", kHour));
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].state.series_uid, "2.1");
  EXPECT_EQ(first[1].state.series_uid, "1.1");
  EXPECT_EQ(first[1].state.tenant_id, "clinic-a");
  EXPECT_EQ(first[1].state.version, must(index.version_of(this->ctx, StudyUid("1"), SeriesUid("1.1"))));
  EXPECT_EQ(first[1].retry_times, 1);
  EXPECT_GT(first[1].lease_until, first[1].state.updated_time + std::chrono::minutes(50));
  EXPECT_LT(first[1].lease_until, first[1].state.updated_time + std::chrono::minutes(90));
  const auto second = must(index.claim_json(this->ctx, soon(), 10, "w2", kHour));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].state.series_uid, "1.2");
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 10, "w2", kHour)), IsEmpty());
  EXPECT_EQ(must(index.get_json_metaes(this->ctx, soon())).size(), 3U) << "none is done";

  const auto row = must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1")));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->json_status, 3);
  EXPECT_EQ(row->retry_times, 1);
  EXPECT_EQ(row->version, first[1].state.version);
  EXPECT_EQ(row->study_uid_hash, uid_hash("1"));

  const auto is_invalid = [](const auto& result) { return !result && result.error().kind() == ErrorKind::kInvalid; };
  EXPECT_TRUE(is_invalid(index.claim_json(this->ctx, soon(), 10, "", kHour)));
  EXPECT_TRUE(is_invalid(index.claim_json(this->ctx, soon(), 10, "w1", std::chrono::seconds(-1))));
  EXPECT_TRUE(is_invalid(index.claim_json(this->ctx, soon(), 10, "w1", std::chrono::seconds::max())));
  EXPECT_TRUE(is_invalid(index.finish_json(this->ctx, ready(first[0], ""), "w1"))) << "ready without an object";
  EXPECT_TRUE(is_invalid(index.finish_json(this->ctx, failed(first[0], "", std::chrono::seconds(-1)), "w1")));
  RequestContext late = this->ctx;
  late.deadline = Clock::now() - std::chrono::milliseconds(1);
  EXPECT_EQ(index.claim_json(late, soon(), 10, "w1", kHour).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(index.finish_json(late, ready(first[0], "k"), "w1").error().kind(), ErrorKind::kTimeout);
}

TYPED_TEST_P(IndexContract, AFinishedClaimIsReadyUntilTheSeriesChanges) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  auto claim = must(index.claim_json(this->ctx, soon(), 10, "w1", kHour)).at(0);
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(claim, "json/1"), "w2"))) << "another's";
  EXPECT_FALSE(must(index.finish_json(context_for("clinic-b"), ready(claim, "json/1"), "w1"))) << "another tenant's";
  JsonClaim other = claim;
  other.state.version += 1;
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(other, "json/1"), "w1"))) << "another version";
  other = claim;
  other.state.series_uid = "1.9";
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(other, "json/1"), "w1"))) << "no such series";
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claim, "json/1"), "w1")));
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(claim, "json/1b"), "w1"))) << "once";
  const auto row = [&] { return *must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))); };
  EXPECT_EQ(row().json_status, 1);
  EXPECT_EQ(row().retry_times, 0);
  EXPECT_EQ(row().version, claim.state.version);
  EXPECT_EQ(row().flag_time, claim.state.updated_time);
  EXPECT_EQ(row().object_key, "json/1");
  EXPECT_THAT(must(index.get_json_metaes(this->ctx, soon())), IsEmpty());
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 10, "w2", kHour)), IsEmpty());
  EXPECT_THAT(must(index.are_held(this->ctx, std::vector{ObjectKey("json/1"), ObjectKey("json/1b")})),
              ElementsAre(true, false));

  // It changes while a worker is at it: what that made is kept, and the series is due.
  this->commit(instance("1", "1.1", "2"));
  claim = must(index.claim_json(this->ctx, soon(), 10, "w1", kHour)).at(0);
  EXPECT_EQ(claim.retry_times, 1);
  const Committed changed = this->commit(instance("1", "1.1", "3"));
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 10, "w2", kHour)), IsEmpty()) << "two don't work on one series";
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claim, "json/2"), "w1")));
  EXPECT_EQ(row().version + 1, changed.version);
  EXPECT_EQ(must(index.get_json_metaes(this->ctx, soon())).size(), 1U);
  claim = must(index.claim_json(this->ctx, soon(), 10, "w2", kHour)).at(0);
  EXPECT_EQ(claim.state.version, changed.version);
  EXPECT_EQ(claim.retry_times, 1) << "of this version";
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claim, "json/3"), "w2")));
  const std::vector keys{ObjectKey("json/1"), ObjectKey("json/2"), ObjectKey("json/3")};
  EXPECT_THAT(must(index.are_held(this->ctx, keys)), ElementsAre(true, true, true));
  EXPECT_THAT(must(index.due_deletions(this->ctx, 10)), IsEmpty()) << "readers get ten minutes";
  ASSERT_TRUE(index.deletion_done(this->ctx, keys));
  EXPECT_THAT(must(index.are_held(this->ctx, keys)), ElementsAre(false, false, true)) << "two were queued";
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, ALostLeaseMakesTheSeriesPendingAgainAndTheFifthIsTheLast) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  JsonClaim first;
  for (int n = 1; n <= 5; ++n) {
    const auto claims = must(index.claim_json(this->ctx, soon(), 10, "w" + std::to_string(n), kNoTime));
    ASSERT_EQ(claims.size(), 1U) << n;
    EXPECT_EQ(claims[0].retry_times, n);
    if (n == 1) first = claims[0];
    if (n == 3) {
      EXPECT_FALSE(must(index.finish_json(this->ctx, ready(first, "json/1"), "w1"))) << "it is w3's";
    }
  }
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 10, "w6", kHour)), IsEmpty());
  const auto row = [&] { return *must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))); };
  EXPECT_EQ(row().json_status, 4);
  EXPECT_EQ(row().retry_times, 5);
  EXPECT_NE(row().last_error, "");
  EXPECT_THAT(must(index.get_json_metaes(this->ctx, soon())), IsEmpty());
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(first, "json/1"), "w5"))) << "given up is given up";

  this->commit(instance("1", "1.1", "2"));
  auto claims = must(index.claim_json(this->ctx, soon(), 10, "w6", kNoTime));
  ASSERT_EQ(claims.size(), 1U) << "a change makes it due";
  EXPECT_EQ(claims[0].retry_times, 1);
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claims[0], "json/2"), "w6")))
      << "late, but nobody else had it meanwhile";
  EXPECT_EQ(row().json_status, 1);
  EXPECT_EQ(row().last_error, "");

  JsonRow asked = row();  // an operator asks
  asked.json_status = 0;
  ASSERT_TRUE(index.save_json_list(this->ctx, std::vector{asked}));
  EXPECT_EQ(row().object_key, "json/2") << "that column is the workers'";
  EXPECT_EQ(must(index.claim_json(this->ctx, soon(), 10, "w6", kHour)).size(), 1U);
}

TYPED_TEST_P(IndexContract, AFailedSeriesWaitsForItsNextTryAndIsGivenUpAfterTheFifth) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  const auto row = [&] { return *must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))); };
  auto claim = must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0);
  std::string error = "x";
  for (int i = 0; i < 600; ++i) error += "ü";
  EXPECT_TRUE(must(index.finish_json(this->ctx, failed(claim, error, kHour), "w")));
  EXPECT_EQ(row().json_status, 2);
  EXPECT_EQ(row().last_error, error.substr(0, 999)) << "the first 1,000 bytes, without half a character";
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 1, "w", kHour)), IsEmpty()) << "in an hour";
  EXPECT_EQ(must(index.get_json_metaes(this->ctx, soon())).size(), 1U);
  this->commit(instance("1", "1.1", "2"));
  for (int n = 1; n <= 5; ++n) {
    const auto claims = must(index.claim_json(this->ctx, soon(), 1, "w", kHour));
    ASSERT_EQ(claims.size(), 1U) << (n == 1 ? "it changed" : "its time has come");
    EXPECT_EQ(claims[0].retry_times, n);
    const std::string object = n == 2 ? "json/of what could be read" : "";
    EXPECT_TRUE(must(index.finish_json(this->ctx, failed(claims[0], "why", kNoTime, object), "w")));
    EXPECT_EQ(row().json_status, n < 5 ? 2 : 4);
  }
  EXPECT_EQ(row().object_key, "json/of what could be read") << "a failure without an object leaves the one before";
  EXPECT_EQ(row().last_error, "why");
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 1, "w", kHour)), IsEmpty());
  EXPECT_THAT(must(index.get_json_metaes(this->ctx, soon())), IsEmpty());
  this->commit(instance("1", "1.1", "3"));
  claim = must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0);
  EXPECT_EQ(claim.retry_times, 1);

  // Many that can't be had stand before one that can.
  std::vector<StateRow> states(40);
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].study_uid = "3", states[i].series_uid = "3." + std::to_string(i);
    states[i].updated_time = Timestamp(std::chrono::seconds(100 + i));
  }
  ASSERT_TRUE(index.save_state_list(this->ctx, states));
  EXPECT_EQ(must(index.claim_json(this->ctx, soon(), 39, "w", kHour)).size(), 39U);
  const auto last = must(index.claim_json(this->ctx, soon(), 1, "w", kHour));
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].state.series_uid, "3.39");
}

TYPED_TEST_P(IndexContract, ADeletedSeriesTakesItsJsonAlong) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  auto claim = must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0);
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claim, "json/1"), "w")));
  this->commit(instance("1", "1.1", "2"));
  claim = must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0);
  ASSERT_TRUE(index.remove(this->ctx, StudyUid("1"), std::nullopt, std::nullopt, kNoTime));
  EXPECT_FALSE(must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))));
  EXPECT_FALSE(must(index.finish_json(this->ctx, ready(claim, "json/2"), "w"))) << "there is nothing to describe";
  EXPECT_FALSE(must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))));
  const std::vector key{ObjectKey("json/1")};
  EXPECT_THAT(must(index.are_held(this->ctx, key)), ElementsAre(true)) << "readers get ten minutes";
  ASSERT_TRUE(index.deletion_done(this->ctx, key));
  EXPECT_THAT(must(index.are_held(this->ctx, key)), ElementsAre(false)) << "it was queued";
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 10, "w", kHour)), IsEmpty());
  this->commit(instance("1", "1.1", "1"));
  EXPECT_EQ(must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0).retry_times, 1) << "it is a new one";
}

TYPED_TEST_P(IndexContract, OfManyWorkersEachSeriesGoesToOne) {
  const unsigned most = is_reduced<TypeParam>() ? 40 : 400;
  const RequestContext other = context_for("clinic-b");
  ASSERT_TRUE(this->index().ensure_tenant(other));
  for (const auto& as : {this->ctx, other}) {
    std::vector<StateRow> states(most / 2);
    for (std::size_t i = 0; i < states.size(); ++i) {
      states[i].study_uid = "1." + std::to_string(i / 10), states[i].series_uid = "2." + std::to_string(i);
      states[i].updated_time = Timestamp(std::chrono::seconds(1 + i % 7));
    }
    ASSERT_TRUE(this->index().save_state_list(as, states));
  }
  std::mutex mutex;
  std::vector<std::string> claimed;
  std::vector<std::thread> workers;
  for (int t = 0; t < 16; ++t) {
    workers.emplace_back([&, t] {
      for (;;) {
        const auto claims = this->index().claim_json(this->ctx, soon(), 7, "w" + std::to_string(t), kHour);
        const std::scoped_lock lock(mutex);
        EXPECT_TRUE(claims) << claims.error().detail();
        if (!claims) return;
        for (const auto& claim : *claims) claimed.push_back(claim.state.tenant_id + "/" + claim.state.series_uid);
        if (claims->empty() && claimed.size() >= most) return;
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(claimed.size(), most);
  EXPECT_EQ(std::set<std::string>(claimed.begin(), claimed.end()).size(), most);
}

TYPED_TEST_P(IndexContract, WorkersBesideStoresAndDeletesMakeEveryJson) {
  const int rounds = is_reduced<TypeParam>() ? 6 : 40;
  std::atomic<int> writing = 4;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        const std::string series = "1." + std::to_string((t + i) % 5);
        const std::vector batch{instance("1", series, std::to_string(t) + "." + std::to_string(i))};
        EXPECT_TRUE(this->index().commit(this->ctx, batch, ConflictPolicy::kReject));
        if (t == 0 && i % 4 == 3) {
          EXPECT_TRUE(this->index().remove(this->ctx, StudyUid("1"), SeriesUid(series), std::nullopt, kNoTime));
        }
      }
      --writing;
    });
  }
  std::atomic<int> keys = 0;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const std::string owner = "w" + std::to_string(t);
      for (bool more = true; more;) {
        more = writing > 0;
        const auto claims = this->index().claim_json(this->ctx, soon(), 3, owner, kHour);
        EXPECT_TRUE(claims) << claims.error().detail();
        if (!claims) return;
        for (const JsonClaim& claim : *claims) {
          more = true;
          const auto done = this->index().finish_json(this->ctx, ready(claim, "json/" + std::to_string(++keys)), owner);
          EXPECT_TRUE(done) << done.error().detail();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // What was put off by another's lock is made now.
  for (const JsonClaim& claim : must(this->index().claim_json(this->ctx, soon(), 100, "last", kHour))) {
    EXPECT_TRUE(must(this->index().finish_json(this->ctx, ready(claim, "json/" + std::to_string(++keys)), "last")));
  }
  EXPECT_THAT(must(this->index().get_json_metaes(this->ctx, soon(), 100)), IsEmpty());
  std::vector<ObjectKey> of_rows;
  for (const StateRow& state : must(this->index().get_state_metaes(this->ctx, StudyUid("1")))) {
    const auto row = must(this->index().get_json_meta(this->ctx, StudyUid("1"), SeriesUid(state.series_uid)));
    ASSERT_TRUE(row) << state.series_uid;
    EXPECT_EQ(row->json_status, 1);
    EXPECT_EQ(row->version, state.version) << state.series_uid;
    of_rows.emplace_back(row->object_key);
  }
  EXPECT_THAT(must(this->index().are_held(this->ctx, of_rows)), testing::Each(true));
  this->expect_counts_right();
}

}  // namespace gantry::index::contract

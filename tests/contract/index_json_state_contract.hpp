#pragma once

// How long a worker keeps its claim, how it gives it back, what an operator sees of it and may ask for (DESIGN §7).

#include "contract/index_claims_contract.hpp"
#include "gantry/index/json_report.hpp"

namespace gantry::index::contract {

/// A row that says that the present version of a series failed (2) or was given up (4).
inline JsonRow failing(const StateRow& state, int status, std::string error = "") {
  JsonRow row;
  row.study_uid = state.study_uid;
  row.series_uid = state.series_uid;
  row.version = state.version;
  row.json_status = status;
  row.retry_times = status == 4 ? 5 : 2;
  row.last_error = std::move(error);
  return row;
}

inline std::vector<std::string> series_of(const std::vector<JsonFailure>& failures) {
  std::vector<std::string> uids;
  for (const JsonFailure& failure : failures) uids.push_back(failure.row.series_uid);
  return uids;
}

TYPED_TEST_P(IndexContract, ARenewedClaimStaysItsOwners) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  const StudyUid study("1");
  const SeriesUid series("1.1");
  EXPECT_FALSE(must(index.renew_json(this->ctx, study, series, "w1", kHour))) << "nobody claimed it";
  auto claim = must(index.claim_json(this->ctx, soon(), 1, "w1", kNoTime)).at(0);
  EXPECT_FALSE(must(index.renew_json(this->ctx, study, series, "w2", kHour))) << "another's";
  EXPECT_FALSE(must(index.renew_json(context_for("clinic-b"), study, series, "w1", kHour))) << "another tenant's";
  EXPECT_FALSE(must(index.renew_json(this->ctx, study, SeriesUid("1.9"), "w1", kHour))) << "no such series";
  EXPECT_TRUE(must(index.renew_json(this->ctx, study, series, "w1", kHour))) << "late, but nobody else took it";
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 1, "w2", kHour)), IsEmpty());
  this->commit(instance("1", "1.1", "2"));
  EXPECT_TRUE(must(index.renew_json(this->ctx, study, series, "w1", kHour))) << "its series changed";
  EXPECT_THAT(must(index.claim_json(this->ctx, soon(), 1, "w2", kHour)), IsEmpty());
  EXPECT_TRUE(must(index.renew_json(this->ctx, study, series, "w1", kNoTime)));
  claim = must(index.claim_json(this->ctx, soon(), 1, "w2", kHour)).at(0);
  EXPECT_FALSE(must(index.renew_json(this->ctx, study, series, "w1", kHour))) << "it is w2's";
  EXPECT_TRUE(must(index.renew_json(this->ctx, study, series, "w2", kHour)));
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(claim, "json/1"), "w2")));
  EXPECT_FALSE(must(index.renew_json(this->ctx, study, series, "w2", kHour))) << "it ended";

  const auto is_invalid = [](const auto& result) { return !result && result.error().kind() == ErrorKind::kInvalid; };
  EXPECT_TRUE(is_invalid(index.renew_json(this->ctx, study, series, "", kHour)));
  EXPECT_TRUE(is_invalid(index.renew_json(this->ctx, study, series, "w", std::chrono::seconds(-1))));
  RequestContext late = this->ctx;
  late.deadline = Clock::now() - std::chrono::milliseconds(1);
  EXPECT_EQ(index.renew_json(late, study, series, "w1", kHour).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(index.json_totals(late).error().kind(), ErrorKind::kTimeout);
  EXPECT_EQ(index.json_failures(late, {}).error().kind(), ErrorKind::kTimeout);
}

TYPED_TEST_P(IndexContract, AClaimHandedBackIsDueAtOnceAndCostsNoTry) {
  auto& index = this->index();
  this->commit(instance("1", "1.1", "1"));
  const auto row = [&] { return *must(index.get_json_meta(this->ctx, StudyUid("1"), SeriesUid("1.1"))); };
  const auto claim = [&] { return must(index.claim_json(this->ctx, soon(), 1, "w", kHour)).at(0); };
  for (int n = 0; n < 6; ++n) {
    const JsonClaim one = claim();
    EXPECT_EQ(one.retry_times, 1);
    EXPECT_FALSE(must(index.finish_json(this->ctx, handed_back(one), "w2"))) << "another's";
    EXPECT_TRUE(must(index.finish_json(this->ctx, handed_back(one), "w")));
    EXPECT_EQ(row().json_status, 0);
    EXPECT_EQ(row().retry_times, 0);
    EXPECT_EQ(must(index.get_json_metaes(this->ctx, soon())).size(), 1U);
  }
  EXPECT_TRUE(must(index.finish_json(this->ctx, failed(claim(), "why", kNoTime, "json/1"), "w")));
  for (int n = 0; n < 2; ++n) {
    const JsonClaim one = claim();
    EXPECT_EQ(one.retry_times, 2);
    EXPECT_TRUE(must(index.finish_json(this->ctx, handed_back(one), "w")));
    EXPECT_EQ(row().last_error, "why") << "of the try before";
    EXPECT_EQ(row().object_key, "json/1");
  }
  JsonOutcome both = ready(claim(), "json/2");
  both.handed_back = true;
  EXPECT_EQ(index.finish_json(this->ctx, both, "w").error().kind(), ErrorKind::kInvalid);
}

TYPED_TEST_P(IndexContract, EverySeriesIsInOneOfTheTotals) {
  auto& index = this->index();
  const auto numbers = [&] {
    const JsonTotals totals = must(index.json_totals(context_for("any")));
    return std::vector{totals.ready, totals.pending, totals.running, totals.failed, totals.given_up};
  };
  const auto oldest = [&] { return must(index.json_totals(this->ctx)).oldest_due; };
  EXPECT_THAT(numbers(), ElementsAre(0, 0, 0, 0, 0));
  EXPECT_FALSE(oldest());

  // Each is claimed and ends before the next one comes.
  const auto next_claim = [&](std::string_view series, std::chrono::seconds lease = kHour) {
    this->commit(instance("1", std::string(series), std::string(series) + ".1"));
    return must(index.claim_json(this->ctx, soon(), 1, "w", lease)).at(0);
  };
  EXPECT_TRUE(must(index.finish_json(this->ctx, ready(next_claim("1.1"), "json/1"), "w")));
  EXPECT_TRUE(must(index.finish_json(this->ctx, failed(next_claim("1.2"), "in an hour", kHour), "w")));
  EXPECT_TRUE(must(index.finish_json(this->ctx, failed(next_claim("1.3"), "old", kHour), "w")));
  EXPECT_FALSE(oldest()) << "one is ready, the others wait";
  EXPECT_THAT(numbers(), ElementsAre(1, 0, 0, 2, 0));
  next_claim("1.4");
  EXPECT_THAT(numbers(), ElementsAre(1, 0, 1, 2, 0));
  EXPECT_FALSE(oldest());
  next_claim("1.5", kNoTime);
  EXPECT_THAT(numbers(), ElementsAre(1, 1, 1, 2, 0)) << "its worker was lost";
  this->commit(instance("1", "1.3", "1.3.2"));
  EXPECT_THAT(numbers(), ElementsAre(1, 2, 1, 1, 0)) << "it changed after it failed";
  EXPECT_TRUE(oldest());

  const RequestContext other = context_for("clinic-b");
  ASSERT_TRUE(index.ensure_tenant(other));
  for (const auto& as : {this->ctx, other}) {
    StateRow state;
    state.study_uid = "2", state.series_uid = "2.1";
    state.updated_time = Timestamp(std::chrono::seconds(1000));
    ASSERT_TRUE(index.save_state_info(as, state));
  }
  EXPECT_THAT(numbers(), ElementsAre(1, 4, 1, 1, 0));
  EXPECT_EQ(oldest(), Timestamp(std::chrono::seconds(1000)));
  for (const auto& as : {this->ctx, other}) {
    const std::vector rows{failing(must(index.get_state_metaes(as, StudyUid("2"))).at(0), 4)};
    ASSERT_TRUE(index.save_json_list(as, rows));
  }
  EXPECT_THAT(numbers(), ElementsAre(1, 2, 1, 1, 2));

  JsonFailureQuery query;
  auto found = must(index.json_failures(this->ctx, query));
  ASSERT_THAT(series_of(found), ElementsAre("1.2"));
  EXPECT_EQ(found[0].row.tenant_id, "clinic-a");
  EXPECT_EQ(found[0].row.study_uid, "1");
  EXPECT_EQ(found[0].row.retry_times, 1);
  EXPECT_EQ(found[0].row.last_error, "in an hour");
  EXPECT_GT(found[0].next_at, soon() - std::chrono::minutes(30));
  EXPECT_LT(found[0].next_at, soon() + std::chrono::minutes(30));
  query.given_up = true;
  EXPECT_EQ(must(index.json_failures(this->ctx, query)).size(), 2U) << "all tenants";
  query.tenant = other.tenant;
  found = must(index.json_failures(this->ctx, query));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].row.tenant_id, "clinic-b");
  query.study = StudyUid("2"), query.series = SeriesUid("2.2");
  EXPECT_THAT(must(index.json_failures(this->ctx, query)), IsEmpty());

  const JsonReport report = must(json_report(index, this->ctx, 2));
  EXPECT_EQ(report.totals.failed, 1U);
  EXPECT_THAT(series_of(report.failures), ElementsAre("2.1", "2.1")) << "those given up come first";
  EXPECT_THAT(series_of(must(json_report(index, this->ctx, 10)).failures), ElementsAre("2.1", "2.1", "1.2"));
  EXPECT_THAT(must(json_report(index, this->ctx, 0)).failures, IsEmpty());
}

TYPED_TEST_P(IndexContract, AnOperatorsRetryGivesFailedSeriesAllTheirTries) {
  auto& index = this->index();
  const RequestContext other = context_for("clinic-b");
  ASSERT_TRUE(index.ensure_tenant(other));
  const std::size_t many = is_reduced<TypeParam>() ? 8 : 250;  // more than a page
  for (const auto& as : {this->ctx, other}) {
    std::vector<StateRow> states(many);
    for (std::size_t i = 0; i < many; ++i) {
      states[i].study_uid = "1." + std::to_string(i % 4), states[i].series_uid = "2." + std::to_string(i);
      states[i].updated_time = Timestamp(std::chrono::seconds(1000));
    }
    ASSERT_TRUE(index.save_state_list(as, states));
    for (int study = 0; study < 4; ++study) {
      std::vector<JsonRow> rows;
      for (const StateRow& state : must(index.get_state_metaes(as, StudyUid("1." + std::to_string(study))))) {
        rows.push_back(failing(state, study == 3 ? 2 : 4));
      }
      ASSERT_TRUE(index.save_json_list(as, rows));
    }
  }
  JsonFailureQuery query{true, {}, {}, {}, {}, 3};
  std::set<std::string> seen;
  std::size_t given_up = 0;
  for (;;) {
    const auto page = must(index.json_failures(this->ctx, query));
    for (const JsonFailure& each : page) seen.insert(each.row.tenant_id + "/" + each.row.series_uid);
    given_up += page.size();
    if (page.size() < query.limit) break;
    const JsonRow& last = page.back().row;
    query.after = {TenantId(last.tenant_id), StudyUid(last.study_uid), SeriesUid(last.series_uid)};
  }
  EXPECT_EQ(given_up, must(index.json_totals(this->ctx)).given_up);
  EXPECT_EQ(seen.size(), given_up) << "each once, however small the pages";
  EXPECT_EQ(must(index.json_totals(this->ctx)).failed + given_up, 2 * many);

  const auto retry = [&](const JsonScope& scope) { return must(retry_json(index, this->ctx, scope)); };
  const auto failing_still = [&] {
    const JsonTotals totals = must(index.json_totals(this->ctx));
    return totals.failed + totals.given_up;
  };
  EXPECT_EQ(retry({this->ctx.tenant, StudyUid("9"), std::nullopt}), 0U);
  EXPECT_EQ(retry({this->ctx.tenant, StudyUid("1.1"), SeriesUid("2.1")}), 1U);
  EXPECT_EQ(retry({this->ctx.tenant, StudyUid("1.1"), SeriesUid("2.1")}), 0U) << "it does not fail any more";
  EXPECT_EQ(failing_still(), 2 * many - 1);
  const auto claims = must(index.claim_json(this->ctx, soon(), 1, "w", kHour));
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].state.series_uid, "2.1");
  EXPECT_EQ(claims[0].state.tenant_id, "clinic-a");
  EXPECT_EQ(claims[0].retry_times, 1) << "it was given up after five";
  const std::size_t of_study = must(index.get_state_metaes(other, StudyUid("1.3"))).size();
  EXPECT_EQ(retry({other.tenant, StudyUid("1.3"), std::nullopt}), of_study);
  EXPECT_EQ(failing_still(), 2 * many - 1 - of_study);
  EXPECT_EQ(retry({}), 2 * many - 1 - of_study) << "all tenants";
  EXPECT_EQ(failing_still(), 0U);
  EXPECT_EQ(must(index.json_totals(this->ctx)).pending, 2 * many - 1);
}

}  // namespace gantry::index::contract

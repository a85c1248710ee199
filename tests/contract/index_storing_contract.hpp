#pragma once

// Storing, replacing, deleting, quotas, tenants and the change feed (DESIGN §2, §4), one caller at a time.

#include "contract/index_contract_fixture.hpp"

namespace gantry::index::contract {

TYPED_TEST_P(IndexContract, AnEmptyIndexAnswersEmpty) {
  EXPECT_EQ(this->totals().instances, 0U);
  EXPECT_THAT(this->all(Level::kStudy), IsEmpty());
  EXPECT_THAT(this->all(Level::kInstance, context_for("nobody")), IsEmpty());
  EXPECT_FALSE(must(this->index().locate(this->ctx, StudyUid("1"), SeriesUid("1"), SopUid("1"))));
  EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), std::nullopt)), std::nullopt);
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0))), 0U);
  EXPECT_THAT(this->changes(), IsEmpty());
  EXPECT_THAT(must(this->index().get_state_metaes(this->ctx, StudyUid("1"))), IsEmpty());
  EXPECT_THAT(must(this->index().due_deletions(this->ctx, 10)), IsEmpty());
  EXPECT_THAT(this->commit(this->ctx, {}), IsEmpty());
  EXPECT_TRUE(this->index().check(this->ctx));
}

TYPED_TEST_P(IndexContract, ACommittedInstanceIsFoundAtEveryLevelWithItsLocation) {
  InstanceRecord record = instance("1.2", "1.2.3", "1.2.3.4");
  record.attributes.patient_name = "Doe^John";
  record.attributes.modality = "CT";
  record.attributes.instance_number = "7";
  const Committed committed = this->commit(record);
  EXPECT_EQ(committed.outcome, Outcome::kStored);
  EXPECT_GT(committed.version, 0U);
  const auto studies = this->all(Level::kStudy);
  ASSERT_EQ(studies.size(), 1U);
  EXPECT_EQ(studies[0].study.attributes.patient_name, "Doe^John");
  EXPECT_EQ(studies[0].study.attributes.modality, "") << "a study row has the study's attributes alone";
  EXPECT_THAT(studies[0].study.modalities, ElementsAre("CT"));
  EXPECT_FALSE(studies[0].series);
  EXPECT_GT(studies[0].study.created, Timestamp{});
  SearchQuery query;
  query.level = Level::kInstance;
  query.with_location = query.with_attributes = true;
  const auto instances = this->search(this->ctx, query);
  ASSERT_EQ(instances.size(), 1U);
  EXPECT_EQ(instances[0].instance->location->object_key, record.object_key);
  EXPECT_EQ(instances[0].instance->location->file_sha256, record.file_sha256);
  EXPECT_EQ(instances[0].attributes_zstd, record.attributes_zstd);
  EXPECT_EQ(instances[0].study.attributes.patient_name, "Doe^John") << "relational: the parents' attributes are there";
  const auto located = must(this->index().locate(this->ctx, record.study, record.series, record.sop));
  ASSERT_TRUE(located);
  EXPECT_EQ(located->instance.location->frame_index, record.frame_index);
  EXPECT_EQ(located->instance.attributes.instance_number, "7");
  EXPECT_EQ(located->version, committed.version);
  EXPECT_EQ(located->instance.transfer_syntax, record.transfer_syntax);
  EXPECT_FALSE(must(this->index().locate(this->ctx, record.study, SeriesUid("1.2.4"), record.sop)));
  EXPECT_FALSE(must(this->index().locate(context_for("clinic-b"), record.study, record.series, record.sop)));
  EXPECT_EQ(must(this->index().version_of(this->ctx, record.study, record.series)), committed.version);
}

TYPED_TEST_P(IndexContract, VersionsOfManyThingsAreToldAtOnce) {
  const Committed first = this->commit(instance("1", "1.1", "1.1.1"));
  const Committed second = this->commit(instance("1", "1.2", "1.2.1"));
  const RequestContext other = context_for("clinic-b");
  const Committed elsewhere = this->commit(other, {instance("1", "1.1", "1.1.1")})[0];
  const TenantId here = this->ctx.tenant;
  const auto ask = [&](std::vector<VersionKey> keys) { return must(this->index().versions(this->ctx, keys)); };
  EXPECT_THAT(ask({{here, StudyUid("1"), SeriesUid("1.1"), SopUid("1.1.1")},
                   {here, StudyUid("1"), SeriesUid("1.1"), {}},
                   {here, StudyUid("1"), SeriesUid("1.2"), {}},
                   {here, StudyUid("1"), {}, {}},
                   {here, {}, {}, {}},
                   {other.tenant, {}, {}, {}},
                   {other.tenant, StudyUid("1"), SeriesUid("1.1"), SopUid("1.1.1")}}),
              ElementsAre(first.version, first.version, second.version, second.version, second.version,
                          elsewhere.version, elsewhere.version));
  EXPECT_THAT(ask({}), IsEmpty());
  EXPECT_THAT(ask({{here, StudyUid("2"), {}, {}},
                   {here, StudyUid("1"), SeriesUid("1.3"), {}},
                   {here, StudyUid("1"), SeriesUid("1.2"), SopUid("1.1.1")},
                   {other.tenant, StudyUid("1"), SeriesUid("1.2"), {}},
                   {TenantId("nobody"), {}, {}, {}}}),
              ElementsAre(0U, 0U, 0U, 0U, 0U))
      << "what is not there, what is elsewhere, and who has nothing";
  must(this->index().remove(this->ctx, StudyUid("1"), SeriesUid("1.1"), std::nullopt, std::chrono::seconds(0)));
  const auto after = ask({{here, StudyUid("1"), SeriesUid("1.1"), SopUid("1.1.1")},
                          {here, StudyUid("1"), SeriesUid("1.1"), {}},
                          {here, StudyUid("1"), {}, {}},
                          {here, {}, {}, {}}});
  EXPECT_EQ(after[0], 0U);
  EXPECT_EQ(after[1], 0U);
  EXPECT_GT(after[2], second.version);
  EXPECT_EQ(after[3], after[2]);
  const Committed again = this->commit(instance("1", "1.1", "1.1.1"));
  EXPECT_GT(again.version, after[3]) << "the same bytes come back with another version";
  const VersionKey whole{here, StudyUid("1"), {}, {}};
  EXPECT_THAT(ask(std::vector<VersionKey>(kVersionKeysMost, whole)), testing::Each(again.version));
  EXPECT_FALSE(this->index().versions(this->ctx, std::vector<VersionKey>(kVersionKeysMost + 1, whole)));
  EXPECT_FALSE(this->index().versions(this->ctx, std::vector<VersionKey>{{here, StudyUid("1"), {}, SopUid("1.1.1")}}));
  EXPECT_FALSE(this->index().versions(this->ctx, std::vector<VersionKey>{{{}, StudyUid("1"), {}, {}}}));
}

TYPED_TEST_P(IndexContract, TheSameBytesAgainChangeNothing) {
  this->commit(instance("1", "1.1", "1.1.1"));
  const auto before = this->all(Level::kInstance);
  const auto states = must(this->index().get_state_metaes(this->ctx, StudyUid("1")));
  for (const auto policy : {ConflictPolicy::kReject, ConflictPolicy::kReplace, ConflictPolicy::kIgnore}) {
    const Committed again = this->commit(instance("1", "1.1", "1.1.1"), policy);
    EXPECT_EQ(again.outcome, Outcome::kUnchanged);
    EXPECT_EQ(again.version, 0U);
  }
  EXPECT_EQ(describe(this->all(Level::kInstance)[0]), describe(before[0]));
  EXPECT_EQ((must(this->index().get_state_metaes(this->ctx, StudyUid("1"))))[0].updated_time, states[0].updated_time);
  EXPECT_EQ(this->changes().size(), 1U);
  EXPECT_EQ(this->totals().bytes, 1000U);
}

TYPED_TEST_P(IndexContract, OtherBytesOfTheSameInstanceFollowThePolicy) {
  const InstanceRecord first = instance("1", "1.1", "1.1.1", "a");
  this->commit(first);
  EXPECT_EQ(this->commit(instance("1", "1.1", "1.1.1", "b")).outcome, Outcome::kConflict);
  EXPECT_EQ(this->commit(instance("1", "1.1", "1.1.1", "b"), ConflictPolicy::kIgnore).outcome, Outcome::kIgnored);
  InstanceRecord encoded = instance("1", "1.1", "1.1.1", "a");
  encoded.transfer_syntax = "1.2.840.10008.1.2.4.90";
  EXPECT_EQ(this->commit(encoded).outcome, Outcome::kConflict) << "another encoding is other bytes";
  EXPECT_EQ(this->commit(instance("1", "1.2", "1.1.1", "a")).outcome, Outcome::kConflict) << "the same UID elsewhere";
  EXPECT_EQ(this->changes().size(), 1U);

  InstanceRecord other = instance("1", "1.1", "1.1.1", "b");
  other.size = 5;
  const Committed replaced = this->commit(other, ConflictPolicy::kReplace);
  EXPECT_EQ(replaced.outcome, Outcome::kReplaced);
  EXPECT_EQ(this->totals().bytes, 5U);
  EXPECT_EQ(this->totals().instances, 1U);
  EXPECT_EQ((must(this->index().locate(this->ctx, other.study, other.series, other.sop)))->instance.location->object_key,
            other.object_key);
  const std::vector<ObjectKey> keys{first.object_key, other.object_key, ObjectKey("t/unheld")};
  EXPECT_THAT(must(this->index().are_held(this->ctx, keys)), ElementsAre(true, true, false));
  EXPECT_THAT(must(this->index().due_deletions(this->ctx, 10)), IsEmpty()) << "readers get ten minutes";
  EXPECT_EQ(this->changes().back().action, Change::Action::kReplaced);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, ReplacingMayMoveAnInstanceToAnotherStudy) {
  this->commit(instance("1", "1.1", "5"));
  this->commit(instance("1", "1.2", "6"));
  const Committed moved = this->commit(instance("2", "2.1", "5", "b"), ConflictPolicy::kReplace);
  EXPECT_EQ(moved.outcome, Outcome::kReplaced);
  ASSERT_TRUE(moved.moved_from) << "caches must forget it there";
  EXPECT_EQ(moved.moved_from->study.str(), "1");
  EXPECT_EQ(moved.moved_from->series.str(), "1.1");
  EXPECT_FALSE(this->commit(instance("2", "2.1", "5", "c"), ConflictPolicy::kReplace).moved_from);
  EXPECT_EQ(this->all(Level::kSeries).size(), 2U) << "series 1.1 is empty and gone";
  const auto studies = this->all(Level::kStudy);
  ASSERT_EQ(studies.size(), 2U);
  for (const auto& row : studies) EXPECT_EQ(row.study.series_count, 1U);
  EXPECT_EQ(this->commit(instance("2", "2.1", "6", "b"), ConflictPolicy::kReplace).outcome, Outcome::kReplaced);
  EXPECT_EQ(this->all(Level::kStudy).size(), 1U) << "study 1 is empty and gone";
  EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), std::nullopt)), std::nullopt);
  const auto feed = this->changes();
  ASSERT_EQ(feed.size(), 7U) << "a move is a deletion there and a replacement here";
  EXPECT_EQ(feed[2].action, Change::Action::kDeleted);
  EXPECT_EQ(feed[2].study.str(), "1");
  EXPECT_EQ(feed[3].action, Change::Action::kReplaced);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, AReplacedModalityGoesEvenWhenItsBatchBringsANewSeries) {
  const auto with_modality = [](InstanceRecord record, const char* modality) {
    record.attributes.modality = modality;
    return record;
  };
  this->commit(with_modality(instance("1", "1.1", "5", "a"), "CT"));
  this->commit(this->ctx,
               {with_modality(instance("1", "1.1", "5", "b"), "MR"), with_modality(instance("1", "1.2", "6"), "SR")},
               ConflictPolicy::kReplace);
  const auto studies = this->all(Level::kStudy);
  ASSERT_EQ(studies.size(), 1U);
  EXPECT_THAT(studies[0].study.modalities, ElementsAre("MR", "SR"));
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, TheFirstInstanceThatHasAValueGivesIt) {
  auto first = instance("1", "1.1", "1.1.1");
  first.attributes.patient_id = "P1";
  auto second = instance("1", "1.1", "1.1.2");
  second.attributes.patient_id = "P2";
  second.attributes.study_description = "Head";
  second.attributes.modality = "MR";
  auto third = instance("1", "1.2", "1.2.1");
  third.attributes.study_description = "Neck";
  third.attributes.modality = "CT";
  this->commit(first);
  this->commit(this->ctx, {second, third});
  SearchQuery query;
  query.with_attributes = true;
  const auto rows = this->search(this->ctx, query);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].study.attributes.patient_id, "P1");
  EXPECT_EQ(rows[0].study.attributes.study_description, "Head");
  EXPECT_THAT(rows[0].study.modalities, ElementsAre("CT", "MR"));
  EXPECT_EQ(rows[0].attributes_zstd, first.attributes_zstd);
  EXPECT_EQ(rows[0].study.series_count, 2U);
  EXPECT_EQ(rows[0].study.instance_count, 3U);
}

TYPED_TEST_P(IndexContract, OneBatchMayRepeatAnInstanceAndTheFirstWins) {
  for (const auto policy : {ConflictPolicy::kReject, ConflictPolicy::kReplace, ConflictPolicy::kIgnore}) {
    const std::string uid = "1.1." + std::to_string(static_cast<int>(policy));
    const auto first = instance("1", "1.1", uid, "a");
    const auto outcomes =
        this->commit(this->ctx, {first, instance("1", "1.1", uid, "a"), instance("1", "1.1", uid, "b")}, policy);
    EXPECT_EQ(outcomes[0].outcome, Outcome::kStored);
    EXPECT_EQ(outcomes[1].outcome, Outcome::kUnchanged);
    EXPECT_NE(outcomes[2].outcome, Outcome::kReplaced);
    EXPECT_NE(outcomes[2].outcome, Outcome::kStored);
    EXPECT_EQ((must(this->index().locate(this->ctx, first.study, first.series, first.sop)))->instance.location->object_key,
              first.object_key);
  }
  EXPECT_EQ(this->totals().instances, 3U);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, ABadRowHarmsNoOther) {
  const auto held = instance("1", "1.1", "1.1.1");
  this->commit(held);
  auto bad_key = instance("1", "1.1", "1.1.2");
  bad_key.object_key = held.object_key;
  auto no_key = instance("1", "1.1", "1.1.3");
  no_key.object_key = ObjectKey();
  auto old = instance("1", "1.1", "1.1.7");
  old.persist_began = Clock::now() - std::chrono::minutes(61);
  const auto outcomes =
      this->commit(this->ctx, {bad_key, instance("1", "1.1", "1.1.4"), no_key, instance(std::string(65, '1'), "1", "2"),
                               instance("1", "../1", "3"), instance("1", "1.1", ""), instance("1", "1.1", "1.1.5"), old});
  std::vector<Outcome> got;
  for (const auto& outcome : outcomes) got.push_back(outcome.outcome);
  EXPECT_THAT(got, ElementsAre(Outcome::kRejected, Outcome::kStored, Outcome::kRejected, Outcome::kRejected,
                               Outcome::kRejected, Outcome::kRejected, Outcome::kStored, Outcome::kTooLate));
  EXPECT_NE(outcomes[0].detail, "");
  EXPECT_EQ(outcomes[1].version + 1, outcomes[6].version) << "refused rows take no number";
  EXPECT_EQ(this->totals().instances, 3U);
  this->expect_counts_right();
  const auto too_many = this->index().commit(
      this->ctx, std::vector<InstanceRecord>(65, instance("1", "1", "1")), ConflictPolicy::kReject);
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().kind(), ErrorKind::kInvalid);
}

TYPED_TEST_P(IndexContract, QuotasHoldToTheByteAndTheInstance) {
  ASSERT_TRUE(this->index().set_quotas(this->ctx, {2500}));
  auto outcomes = this->commit(this->ctx, {instance("1", "1.1", "1"), instance("1", "1.1", "2"), instance("1", "1.1", "3")});
  EXPECT_EQ(outcomes[1].outcome, Outcome::kStored);
  EXPECT_EQ(outcomes[2].outcome, Outcome::kNoQuota);
  auto small = instance("1", "1.1", "4");
  small.size = 500;
  EXPECT_EQ(this->commit(small).outcome, Outcome::kStored) << "what fits, fits";
  EXPECT_EQ(this->commit(instance("1", "1.1", "1")).outcome, Outcome::kUnchanged) << "a resend needs no room";
  auto bigger = instance("1", "1.1", "4", "b");
  bigger.size = 501;
  EXPECT_EQ(this->commit(bigger, ConflictPolicy::kReplace).outcome, Outcome::kNoQuota);
  bigger.size = 400;
  EXPECT_EQ(this->commit(bigger, ConflictPolicy::kReplace).outcome, Outcome::kReplaced);
  ASSERT_TRUE(this->index().set_quotas(this->ctx, {0, 3}));
  EXPECT_EQ(this->commit(instance("2", "2.1", "9")).outcome, Outcome::kNoQuota);
  EXPECT_EQ(this->commit(instance("1", "1.1", "4", "c"), ConflictPolicy::kReplace).outcome, Outcome::kReplaced);
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), std::nullopt, SopUid("1"), std::chrono::seconds(0))), 1U);
  EXPECT_EQ(this->commit(instance("2", "2.1", "9")).outcome, Outcome::kStored);
  const auto nobody = this->index().set_quotas(context_for("nobody"), {1, 1});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind(), ErrorKind::kNotFound);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, OnlyAnActiveTenantTakesInstances) {
  EXPECT_EQ(this->commit(context_for("nobody"), {instance("1", "1", "1")})[0].outcome, Outcome::kNoTenant);
  this->commit(instance("1", "1.1", "1"));
  for (const auto state : {TenantState::kDisabled, TenantState::kDeleting, TenantState::kDeleted}) {
    ASSERT_TRUE(this->index().set_tenant_state(this->ctx, state));
    EXPECT_EQ(this->commit(instance("1", "1.1", "2")).outcome, Outcome::kNoTenant);
    EXPECT_EQ(this->all(Level::kInstance).size(), 1U) << "what is there can be read";
  }
  ASSERT_TRUE(this->index().ensure_tenant(this->ctx)) << "a deleted tenant may come back";
  const Committed committed = this->commit(instance("1", "1.1", "2"));
  EXPECT_EQ(committed.outcome, Outcome::kStored);
  EXPECT_EQ(committed.version, 2U) << "and goes on counting";
  ASSERT_TRUE(this->index().set_tenant_state(this->ctx, TenantState::kDisabled));
  ASSERT_TRUE(this->index().ensure_tenant(this->ctx));
  EXPECT_EQ(this->commit(instance("1", "1.1", "3")).outcome, Outcome::kNoTenant) << "a disabled one does not";
  EXPECT_FALSE(this->index().ensure_tenant(context_for("../x")));
  EXPECT_FALSE(this->index().set_tenant_state(context_for("nobody"), TenantState::kActive));
}

TYPED_TEST_P(IndexContract, TwoTenantsShareUidsAndNothingElse) {
  const RequestContext other = context_for("clinic-b");
  ASSERT_TRUE(this->index().ensure_tenant(other));
  auto ours = instance("1", "1.1", "1.1.1"), theirs = instance("1", "1.1", "1.1.1", "b");
  ours.attributes.patient_name = "Ours";
  theirs.attributes.patient_name = "Theirs";
  EXPECT_EQ(this->commit(ours).outcome, Outcome::kStored);
  EXPECT_EQ(this->commit(other, {theirs})[0].outcome, Outcome::kStored);
  EXPECT_EQ(this->commit(other, {instance("1", "1.1", "1.1.2")})[0].version, 2U) << "each counts for itself";
  ASSERT_EQ(this->all(Level::kStudy).size(), 1U);
  EXPECT_EQ(this->all(Level::kStudy)[0].study.attributes.patient_name, "Ours");
  EXPECT_EQ(this->all(Level::kStudy, other)[0].study.attributes.patient_name, "Theirs");
  EXPECT_EQ(must(this->index().remove(other, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0))), 2U);
  EXPECT_EQ(this->all(Level::kInstance).size(), 1U);
  EXPECT_TRUE(must(this->index().locate(this->ctx, ours.study, ours.series, ours.sop)));
  EXPECT_EQ(this->changes().size(), 1U);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, DeletingRecountsAndQueuesTheObjects) {
  std::vector<InstanceRecord> batch;
  for (int series = 1; series <= 2; ++series) {
    for (int i = 1; i <= 3; ++i) {
      const std::string uid = "1." + std::to_string(series);
      batch.push_back(instance("1", uid, uid + "." + std::to_string(i)));
      batch.back().attributes.modality = series == 1 ? "CT" : "SR";
      batch.back().attributes.instance_number = std::to_string(10 - i);
    }
  }
  this->commit(this->ctx, batch);
  const auto now = std::chrono::seconds(0);
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), SeriesUid("1.2"), SopUid("1.1.1"), now)), 0U) << "not in there";
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), SeriesUid("1.1"), SopUid("1.1.1"), now)), 1U);
  SearchQuery query;
  query.with_attributes = true;
  auto rows = this->search(this->ctx, query);
  EXPECT_EQ(rows[0].study.instance_count, 5U);
  EXPECT_EQ(rows[0].attributes_zstd, batch[2].attributes_zstd) << "the first that is left, by instance number";
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), SeriesUid("1.1"), std::nullopt, now)), 2U);
  rows = this->search(this->ctx, query);
  EXPECT_THAT(rows[0].study.modalities, ElementsAre("SR"));
  EXPECT_EQ(rows[0].study.series_count, 1U);
  EXPECT_EQ(rows[0].attributes_zstd, batch[3].attributes_zstd) << "of the first series that is left";
  EXPECT_EQ(this->index().due_deletions(this->ctx, 100)->size(), 3U);
  EXPECT_EQ(must(this->index().remove(this->ctx, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(600))), 3U);
  EXPECT_THAT(this->all(Level::kStudy), IsEmpty());
  EXPECT_THAT(must(this->index().get_state_metaes(this->ctx, StudyUid("1"))), IsEmpty());
  EXPECT_EQ(this->totals().bytes + this->totals().instances + this->totals().series + this->totals().studies, 0U);
  const auto feed = this->changes();
  ASSERT_EQ(feed.size(), 9U);
  EXPECT_EQ(feed[6].sop.str(), "1.1.1");
  EXPECT_EQ(feed[7].series.str(), "1.1");
  EXPECT_TRUE(feed[7].sop.empty());
  EXPECT_TRUE(feed[8].series.empty());

  auto due = must(this->index().due_deletions(this->ctx, 100));
  ASSERT_EQ(due.size(), 3U) << "the study's objects have ten minutes";
  EXPECT_EQ(this->index().due_deletions(this->ctx, 2)->size(), 2U);
  ASSERT_TRUE(this->index().deletion_failed(this->ctx, due[0], std::chrono::seconds(60)));
  ASSERT_TRUE(this->index().deletion_done(this->ctx, std::vector{due[1]}));
  EXPECT_THAT(must(this->index().due_deletions(this->ctx, 100)), ElementsAre(due[2]));
  EXPECT_THAT(must(this->index().are_held(this->ctx, due)), ElementsAre(true, false, true));
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, VersionsRiseAndNeverComeBack) {
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    const Committed stored = this->commit(instance("1", "1.1", "1.1.1"));
    EXPECT_GT(stored.version, last);
    EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), std::nullopt)), stored.version);
    const Committed more = this->commit(instance("1", "1.2", "1.2.1"));
    EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), std::nullopt)), more.version);
    EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), SeriesUid("1.1"))), stored.version);
    ASSERT_TRUE(this->index().remove(this->ctx, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0)));
    last = this->totals().change_no;
    EXPECT_GT(last, more.version);
    EXPECT_EQ(must(this->index().version_of(this->ctx, StudyUid("1"), std::nullopt)), std::nullopt);
  }
  std::uint64_t expected = 0;
  for (const Change& change : this->changes()) EXPECT_EQ(change.version, ++expected);
  EXPECT_EQ(this->index().changes(this->ctx, 3, 2)->front().version, 4U);
  EXPECT_EQ(this->index().changes(this->ctx, 3, 2)->size(), 2U);
}

TYPED_TEST_P(IndexContract, VisitsEveryHeldObjectOnceInOrder) {
  ASSERT_TRUE(this->index().ensure_tenant(context_for("clinic-b")));
  std::set<std::string> keys;
  for (int b = 0; b < 20; ++b) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 60; ++i) {
      batch.push_back(instance("1", "1.1", std::to_string(b) + "." + std::to_string(i)));
      keys.insert(batch.back().object_key.str());
    }
    this->commit(b % 2 == 0 ? this->ctx : context_for("clinic-b"), batch);
  }
  std::vector<std::string> visited;
  ASSERT_TRUE(this->index().visit_objects(this->ctx, [&](const HeldObject& object) {
    visited.push_back(object.object_key.str());
    EXPECT_EQ(object.size, 1000U);
    return true;
  }));
  EXPECT_EQ(visited, std::vector<std::string>(keys.begin(), keys.end()));
  int count = 0;
  ASSERT_TRUE(this->index().visit_objects(this->ctx, [&](const HeldObject&) { return ++count < 3; }));
  EXPECT_EQ(count, 3);
}

TYPED_TEST_P(IndexContract, APassedDeadlineIsATimeoutEverywhere) {
  this->commit(instance("1", "1.1", "1"));
  RequestContext late = this->ctx;
  late.deadline = Clock::now() - std::chrono::milliseconds(1);
  const auto is_timeout = [](const auto& result) { return !result && result.error().kind() == ErrorKind::kTimeout; };
  auto& index = this->index();
  const std::vector batch{instance("1", "1.1", "2")};
  EXPECT_TRUE(is_timeout(index.commit(late, batch, ConflictPolicy::kReject)));
  EXPECT_TRUE(is_timeout(index.search(late, {}, [](SearchRow&&) { return true; })));
  EXPECT_TRUE(is_timeout(index.count(late, {}, 10)));
  EXPECT_TRUE(is_timeout(index.totals(late)));
  EXPECT_TRUE(is_timeout(index.locate(late, StudyUid("1"), SeriesUid("1.1"), SopUid("1"))));
  EXPECT_TRUE(is_timeout(index.version_of(late, StudyUid("1"), std::nullopt)));
  EXPECT_TRUE(is_timeout(index.remove(late, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0))));
  EXPECT_TRUE(is_timeout(index.changes(late, 0, 10)));
  EXPECT_TRUE(is_timeout(index.get_state_metaes(late, StudyUid("1"))));
  EXPECT_TRUE(is_timeout(index.get_json_metaes(late, Timestamp{})));
  EXPECT_TRUE(is_timeout(index.due_deletions(late, 1)));
  EXPECT_TRUE(is_timeout(index.check(late)));
  EXPECT_EQ(this->totals().instances, 1U);
}

TYPED_TEST_P(IndexContract, WhatWasCommittedIsThereAfterReopening) {
  if constexpr (!TypeParam::kPersistent) {
    GTEST_SKIP() << "kept in memory";
  } else {
    Samples samples(7);
    for (int b = 0; b < 10; ++b) {
      std::vector<InstanceRecord> batch;
      for (int i = 0; i < 20; ++i) batch.push_back(samples.record());
      this->commit(this->ctx, batch, ConflictPolicy::kReplace);
    }
    SearchQuery query;
    query.level = Level::kInstance;
    query.with_attributes = query.with_location = true;
    std::vector<std::string> before, after;
    for (const auto& row : this->search(this->ctx, query)) before.push_back(describe(row));
    const auto totals = this->totals();
    this->provider.reopen();
    for (const auto& row : this->search(this->ctx, query)) after.push_back(describe(row));
    EXPECT_EQ(before, after);
    EXPECT_EQ(totals.change_no, this->totals().change_no);
    EXPECT_EQ(totals.bytes, this->totals().bytes);
    EXPECT_GT(this->commit(instance("77", "77.1", "77.1.1")).version, totals.change_no);
    this->expect_counts_right();
  }
}

}  // namespace gantry::index::contract

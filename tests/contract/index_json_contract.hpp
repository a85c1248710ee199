#pragma once

// The six calls of the reference design (DESIGN §3), and how workers claim the JSON that is due (DESIGN §7).

#include "contract/index_contract_fixture.hpp"

namespace gantry::index::contract {

TYPED_TEST_P(IndexContract, TheSixCallsKeepTheirMeaning) {
  auto& index = this->index();
  StateRow row;
  row.study_uid = "1.2", row.series_uid = "1.2.10", row.series_number = "10", row.patient_id = "P", row.modality = "CT";
  row.study_uid_hash = "h1", row.series_uid_hash = "h2", row.study_date_origin = "20240101";
  row.patient_name = "山田^太郎", row.series_related_instances = 7;
  row.created_time = row.updated_time = Timestamp(std::chrono::seconds(1'000'000));
  ASSERT_TRUE(index.save_state_info(this->ctx, row));
  StateRow second = row;
  second.series_uid = "1.2.9", second.series_number = "9";
  StateRow third = second;
  third.series_uid = "1.2.1", third.series_number = "";
  ASSERT_TRUE(index.save_state_list(this->ctx, std::vector{second, third}));
  ASSERT_TRUE(index.save_state_list(this->ctx, {}));
  auto states = must(index.get_state_metaes(this->ctx, StudyUid("1.2")));
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states[0].series_uid, "1.2.9") << "by number as a number";
  EXPECT_EQ(states[2].series_uid, "1.2.1") << "without a number last";
  EXPECT_EQ(states[1].patient_name, row.patient_name);
  EXPECT_EQ(states[1].tenant_id, "clinic-a");
  EXPECT_EQ(states[1].series_related_instances, 7U);
  EXPECT_THAT(this->all(Level::kSeries), IsEmpty()) << "a row without instances is no hit";
  EXPECT_EQ(this->totals().series, 0U);

  row.created_time = Timestamp(std::chrono::seconds(5));
  row.updated_time = Timestamp(std::chrono::seconds(2'000'000));
  row.patient_id = "";
  ASSERT_TRUE(index.save_state_info(this->ctx, row));
  states = must(index.get_state_metaes(this->ctx, StudyUid("1.2")));
  EXPECT_EQ(states[1].created_time, Timestamp(std::chrono::seconds(1'000'000))) << "the only column that stays";
  EXPECT_EQ(states[1].updated_time, row.updated_time);
  EXPECT_EQ(states[1].patient_id, "");
  EXPECT_GT(states[1].version, states[2].version);

  const auto due_at = [&](std::int64_t seconds, std::size_t limit = 10) {
    std::vector<std::string> uids;
    for (const auto& state : must(index.get_json_metaes(this->ctx, Timestamp(std::chrono::seconds(seconds)), limit))) {
      uids.push_back(state.series_uid);
    }
    return uids;
  };
  EXPECT_THAT(due_at(1'000'000), IsEmpty()) << "strictly before";
  EXPECT_THAT(due_at(1'000'001), testing::UnorderedElementsAre("1.2.9", "1.2.1"));
  EXPECT_EQ(due_at(3'000'000).back(), "1.2.10") << "oldest first";
  EXPECT_EQ(due_at(3'000'000, 2).size(), 2U);

  JsonRow json;
  json.study_uid = "1.2", json.series_uid = "1.2.10", json.study_uid_hash = "h1", json.series_uid_hash = "h2";
  json.study_date_origin = "20240101", json.created_time = row.created_time, json.flag_time = row.updated_time;
  json.json_status = 1, json.retry_times = 0, json.version = states[1].version;
  EXPECT_FALSE(must(index.get_json_meta(this->ctx, StudyUid("1.2"), SeriesUid("1.2.10"))));
  ASSERT_TRUE(index.save_json_list(this->ctx, std::vector{json}));
  ASSERT_EQ(must(index.get_json_list(this->ctx, StudyUid("1.2"))).size(), 1U);
  EXPECT_EQ(must(index.get_json_list(this->ctx, StudyUid("1.2")))[0].series_uid, "1.2.10");
  EXPECT_THAT(must(index.get_json_list(this->ctx, StudyUid("1"))), IsEmpty()) << "no study but the very one";
  EXPECT_THAT(must(index.get_json_list(context_for("clinic-b"), StudyUid("1.2"))), IsEmpty());
  ASSERT_TRUE(index.save_json_list(this->ctx, {}));
  const auto saved = must(index.get_json_meta(this->ctx, StudyUid("1.2"), SeriesUid("1.2.10")));
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->version, json.version);
  EXPECT_EQ(saved->flag_time, json.flag_time);
  EXPECT_EQ(saved->json_status, 1);
  EXPECT_EQ(due_at(3'000'000).size(), 2U);
  for (const auto& [status, due] : {std::pair(2, true), {0, true}, {4, false}, {3, false}, {1, false}}) {
    json.json_status = status;
    json.retry_times = 3;
    ASSERT_TRUE(index.save_json_list(this->ctx, std::vector{json}));
    EXPECT_EQ(due_at(3'000'000).size() == 3U, due) << "status " << status;
  }
  ASSERT_TRUE(index.save_state_info(this->ctx, row));
  EXPECT_EQ(due_at(3'000'000).size(), 3U) << "made for an older version";
  json.version -= 1;
  ASSERT_TRUE(index.save_json_list(this->ctx, std::vector{json}));
  EXPECT_EQ(due_at(3'000'000).size(), 3U);

  const RequestContext other = context_for("clinic-b");
  EXPECT_EQ(index.get_json_metaes(other, Timestamp(std::chrono::seconds(3'000'000)))->size(), 3U) << "all tenants";
  EXPECT_THAT(must(index.get_state_metaes(other, StudyUid("1.2"))), IsEmpty());
  row.tenant_id = "clinic-b";
  EXPECT_EQ(index.save_state_info(this->ctx, row).error().kind(), ErrorKind::kInvalid);
  EXPECT_EQ(index.save_state_info(other, row).error().kind(), ErrorKind::kNotFound) << "no such tenant";
  second.tenant_id = "";
  third.series_uid = "not a uid";
  second.patient_id = "changed";
  EXPECT_FALSE(index.save_state_list(this->ctx, std::vector{second, third}));
  EXPECT_EQ((must(index.get_state_metaes(this->ctx, StudyUid("1.2"))))[0].patient_id, "P") << "all or nothing";
}

TYPED_TEST_P(IndexContract, ACommitMakesItsSeriesDueAndKeepsTheStateColumns) {
  auto record = instance("1.2", "1.2.3", "1.2.3.4");
  record.attributes.study_date = "20240102", record.attributes.modality = "CT", record.attributes.series_number = "3";
  const Committed committed = this->commit(record);
  const auto far = Timestamp::clock::now() + std::chrono::hours(1);
  const auto end = std::chrono::floor<std::chrono::microseconds>(far);
  auto due = must(this->index().get_json_metaes(this->ctx, end));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].version, committed.version);
  EXPECT_EQ(due[0].study_uid_hash, uid_hash("1.2"));
  EXPECT_EQ(due[0].series_uid_hash, uid_hash("1.2.3"));
  EXPECT_EQ(due[0].study_date_origin, "20240102");
  EXPECT_EQ(due[0].series_related_instances, 1U);
  EXPECT_EQ(due[0].created_time, due[0].updated_time);
  JsonRow json;
  json.study_uid = "1.2", json.series_uid = "1.2.3", json.json_status = 1, json.version = committed.version;
  ASSERT_TRUE(this->index().save_json_list(this->ctx, std::vector{json}));
  EXPECT_THAT(must(this->index().get_json_metaes(this->ctx, end)), IsEmpty());
  this->commit(instance("1.2", "1.2.3", "1.2.3.5"));
  due = must(this->index().get_json_metaes(this->ctx, end));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_GE(due[0].updated_time, due[0].created_time);
  ASSERT_TRUE(this->index().remove(this->ctx, StudyUid("1.2"), std::nullopt, std::nullopt, std::chrono::seconds(0)));
  EXPECT_THAT(must(this->index().get_json_metaes(this->ctx, end)), IsEmpty());
  EXPECT_FALSE(must(this->index().get_json_meta(this->ctx, StudyUid("1.2"), SeriesUid("1.2.3"))));
}

TYPED_TEST_P(IndexContract, ASavedStateOfACommittedSeriesChangesWhatSearchesFind) {
  auto record = instance("1.2", "1.2.3", "1.2.3.4");
  record.attributes.modality = "CT";
  const Committed committed = this->commit(record);
  auto state = (must(this->index().get_state_metaes(this->ctx, StudyUid("1.2"))))[0];
  state.modality = "MR";
  ASSERT_TRUE(this->index().save_state_info(this->ctx, state));
  EXPECT_THAT(this->all(Level::kStudy)[0].study.modalities, ElementsAre("MR"));
  EXPECT_GT(must(this->index().version_of(this->ctx, StudyUid("1.2"), std::nullopt)), committed.version);
  EXPECT_EQ(this->all(Level::kSeries)[0].series->instance_count, 1U);
  this->expect_counts_right();
}

}  // namespace gantry::index::contract

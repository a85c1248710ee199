#pragma once

// Every call of the index port that has to cost the same in an archive of any size, each with a name: for tests that
// look at its plans, made on a contract::Archive.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "contract/archive_rows.hpp"
#include "contract/index_samples.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::contract {

struct NamedCall {
  std::string name;
  std::function<void()> call;
};

/// The tenant whose archive they work on.
inline RequestContext scale_context() { return context_for(Archive::tenants()[0].str()); }

/// The first study from `study` on that belongs to scale_context()'s tenant.
inline std::uint64_t study_from(const Archive& archive, std::uint64_t study) {
  while (archive.tenant_of(study) != 0) ++study;
  return study;
}

inline SearchQuery scale_page(Level level, std::vector<Match> matches = {}) {
  SearchQuery query;
  query.level = level;
  query.limit = 25;
  query.matches = std::move(matches);
  return query;
}

/// Pages of 25 as viewers and worklists ask for them. Conditions that no index serves (a patient's sex, say) are met by
/// many studies here: along the default order their page is full soon.
inline std::vector<std::pair<std::string, SearchQuery>> scale_pages(const Archive& archive) {
  using Kind = Match::Kind;
  const std::uint64_t n = study_from(archive, archive.studies() / 2);
  const std::vector<InstanceRecord> instances = archive.instances_of(n);
  const InstanceRecord& one = instances.back();
  const auto& a = one.attributes;
  const auto page = scale_page;
  std::vector<std::pair<std::string, SearchQuery>> pages{
      {"newest", page(Level::kStudy, {})},
      {"series, newest", page(Level::kSeries, {})},
      {"instances, newest", page(Level::kInstance, {})},
      {"a month", page(Level::kStudy, {{Field::kStudyDate, Kind::kRange, {"20180301", "20180331"}, {}}})},
      {"a patient", page(Level::kStudy, {{Field::kPatientId, Kind::kAnyOf, {a.patient_id}, {}}})},
      {"a patient's instances", page(Level::kInstance, {{Field::kPatientId, Kind::kAnyOf, {a.patient_id}, {}}})},
      {"an accession", page(Level::kStudy, {{Field::kAccessionNumber, Kind::kAnyOf, {a.accession_number}, {}}})},
      {"accessions by prefix", page(Level::kStudy, {{Field::kAccessionNumber, Kind::kWildcard, {a.accession_number.substr(0, 8) + "*"}, {}}})},
      {"a name", page(Level::kStudy, {{Field::kPatientName, Kind::kName, {a.patient_name}, {}}})},
      {"names by prefix", page(Level::kStudy, {{Field::kPatientName, Kind::kName, {a.patient_name.substr(0, a.patient_name.find('^')) + "*"}, {}}})},
      {"names by a common prefix", page(Level::kStudy, {{Field::kPatientName, Kind::kName, {"b*"}, {}}})},
      {"a birth date", page(Level::kStudy, {{Field::kPatientBirthDate, Kind::kAnyOf, {a.patient_birth_date}, {}}})},
      {"a common modality", page(Level::kStudy, {{Field::kModalitiesInStudy, Kind::kAnyOf, {"CT"}, {}}})},
      {"a rare modality in a year", page(Level::kStudy, {{Field::kModalitiesInStudy, Kind::kAnyOf, {"XA"}, {}},
                                                         {Field::kStudyDate, Kind::kRange, {"20150101", "20151231"}, {}}})},
      {"series of a modality", page(Level::kSeries, {{Field::kModality, Kind::kAnyOf, {"MR"}, {}}})},
      {"a description", page(Level::kStudy, {{Field::kStudyDescription, Kind::kFolded, {"*abdomen*"}, {}}})},
      {"a sex", page(Level::kStudy, {{Field::kPatientSex, Kind::kAnyOf, {"F"}, {}}})},
      {"studies by UID", page(Level::kStudy, {{Field::kStudyUid, Kind::kAnyOf, {one.study.str()}, {}}})},
      {"a series by UID", page(Level::kSeries, {{Field::kSeriesUid, Kind::kAnyOf, {one.series.str()}, {}}})},
      {"an instance by UID", page(Level::kInstance, {{Field::kSopUid, Kind::kAnyOf, {one.sop.str()}, {}}})},
  };
  SearchQuery query = page(Level::kStudy, {});
  query.with_attributes = true;
  pages.emplace_back("newest with attributes", query);
  query.level = Level::kSeries;
  query.study = one.study;
  pages.emplace_back("a study's series with attributes", query);
  query.level = Level::kInstance;
  query.series = one.series;
  query.with_location = true;
  pages.emplace_back("a series' instances with attributes and places", query);
  return pages;
}

/// In an order in which each finds what it needs; to be made once. `store` is the same index.
inline std::vector<NamedCall> scale_calls(InstanceIndex& index, TableStore& store, const Archive& archive) {
  const RequestContext ctx = scale_context();
  std::vector<NamedCall> calls;
  const auto add = [&calls](std::string name, std::function<void()> call) {
    calls.push_back({std::move(name), std::move(call)});
  };
  for (auto& [name, query] : scale_pages(archive)) {
    add("page: " + name, [&index, ctx, query = query] {
      std::size_t hits = 0;
      ASSERT_TRUE(index.search(ctx, query, [&hits](SearchRow&&) { return ++hits > 0; }));
      EXPECT_GT(hits, 0U);
    });
    add("count: " + name, [&index, ctx, query = query] { ASSERT_TRUE(index.count(ctx, query, 200)); });
  }
  const std::uint64_t n = study_from(archive, archive.studies() / 3);
  const std::vector<InstanceRecord> there = archive.instances_of(n);
  const InstanceRecord first = there.front(), last = there.back();
  add("locate", [&index, ctx, last] {
    const auto located = index.locate(ctx, last.study, last.series, last.sop);
    ASSERT_TRUE(located && *located);
  });
  add("version_of a study", [&index, ctx, last] { ASSERT_TRUE(*index.version_of(ctx, last.study, {})); });
  add("version_of a series", [&index, ctx, last] { ASSERT_TRUE(*index.version_of(ctx, last.study, last.series)); });
  add("totals", [&index, ctx] { ASSERT_GT(index.totals(ctx)->studies, 0U); });
  add("changes", [&index, ctx] {
    const std::uint64_t half = index.totals(ctx)->change_no / 2;
    ASSERT_EQ(index.changes(ctx, half, 100)->size(), 100U);
  });
  add("get_state_metaes", [&index, ctx, last] { ASSERT_FALSE(index.get_state_metaes(ctx, last.study)->empty()); });
  add("get_json_meta", [&index, ctx, last] { ASSERT_TRUE(index.get_json_meta(ctx, last.study, last.series)); });
  add("get_json_metaes", [&index, ctx] { ASSERT_EQ(index.get_json_metaes(ctx, timestamp_now(), 10)->size(), 10U); });
  add("claim_json and finish_json", [&index, ctx] {
    const auto claims = index.claim_json(ctx, timestamp_now(), 10, "worker", std::chrono::seconds(60));
    ASSERT_TRUE(claims);
    ASSERT_EQ(claims->size(), 10U);
    const StateRow& state = claims->front().state;
    const JsonOutcome made{StudyUid(state.study_uid), SeriesUid(state.series_uid), state.version,
                           ObjectKey("t/" + random_hex(16) + ".json"), {}};
    ASSERT_TRUE(*index.finish_json(context_for(state.tenant_id), made, "worker"));
  });
  add("save_state_info and save_json_list", [&index, ctx, first] {
    StateRow state = index.get_state_metaes(ctx, first.study)->front();
    ASSERT_TRUE(index.save_state_info(ctx, state));
    JsonRow json;
    json.study_uid = state.study_uid, json.series_uid = state.series_uid;
    ASSERT_TRUE(index.save_json_list(ctx, std::vector{json}));
  });
  add("due_deletions", [&index, ctx] { ASSERT_FALSE(index.due_deletions(ctx, 100)->empty()); });
  add("deletion_failed and deletion_done", [&index, ctx] {
    const auto due = *index.due_deletions(ctx, 2);
    ASSERT_TRUE(index.deletion_failed(ctx, due.at(0), std::chrono::seconds(60)));
    ASSERT_TRUE(index.deletion_done(ctx, due));
  });
  add("are_held", [&index, ctx, first, last] {
    const std::vector keys{first.object_key, last.object_key, ObjectKey("t/none.dcm")};
    ASSERT_TRUE((*index.are_held(ctx, keys))[0]);
  });
  add("visit_objects", [&index, ctx] { ASSERT_TRUE(index.visit_objects(ctx, [](const HeldObject&) { return false; })); });
  add("ensure_tenant and set_quotas", [&index, ctx] {
    ASSERT_TRUE(index.ensure_tenant(ctx));
    ASSERT_TRUE(index.set_quotas(ctx, {}));
  });
  const auto commit = [&index, ctx](std::vector<InstanceRecord> batch, ConflictPolicy policy, Committed::Outcome expected) {
    const auto outcomes = index.commit(ctx, batch, policy);
    ASSERT_TRUE(outcomes) << outcomes.error().detail();
    for (const Committed& outcome : *outcomes) EXPECT_EQ(outcome.outcome, expected) << outcome.detail;
  };
  add("commit of 64 instances of 16 studies", [commit, &archive] {
    std::vector<InstanceRecord> batch;
    for (std::uint64_t s = 1; batch.size() < 64; ++s) {
      const InstanceRecord like = archive.instances_of(study_from(archive, archive.studies() * (s % 16) / 17)).front();
      batch.push_back(like);
      batch.back().sop = SopUid(like.sop.str() + ".9." + std::to_string(s));
      batch.back().object_key = ObjectKey("t/" + random_hex(16) + ".dcm");
    }
    commit(batch, ConflictPolicy::kReject, Committed::Outcome::kStored);
  });
  add("commit of what is there", [commit, there] {
    commit(there, ConflictPolicy::kReject, Committed::Outcome::kUnchanged);
  });
  add("commit that replaces", [commit, there] {
    std::vector<InstanceRecord> others = there;
    for (InstanceRecord& record : others) {
      record.dataset_sha256 = digest_of(record.sop.view());
      record.object_key = ObjectKey("t/" + random_hex(16) + ".dcm");
    }
    commit(others, ConflictPolicy::kReplace, Committed::Outcome::kReplaced);
  });
  add("commit that moves", [commit, first] {
    InstanceRecord moved = first;
    moved.study = StudyUid("1.2.3");
    moved.series = SeriesUid("1.2.3.4");
    moved.object_key = ObjectKey("t/" + random_hex(16) + ".dcm");
    commit({moved}, ConflictPolicy::kReplace, Committed::Outcome::kReplaced);
  });
  const std::vector<InstanceRecord> doomed = archive.instances_of(study_from(archive, archive.studies() / 5));
  const auto remove = [&index, ctx, of = doomed.front()](bool series, bool sop) {
    const auto gone = index.remove(ctx, of.study, series ? std::optional(of.series) : std::nullopt,
                                   sop ? std::optional(of.sop) : std::nullopt, std::chrono::seconds(0));
    ASSERT_TRUE(gone) << gone.error().detail();
  };
  add("remove an instance", [remove] { remove(true, true); });
  add("remove a series", [remove] { remove(true, false); });
  add("remove a study", [remove] { remove(false, false); });
  for (const sql::Table* const table : sql::tables()) {
    if (table == &sql::kTermTable) continue;  // a copy makes the terms anew
    add("read_page of " + std::string(table->name), [&store, ctx, table] {
      const auto page = store.read_page(ctx, *table, "", 10, 1 << 20);
      ASSERT_TRUE(page);
      if (page->next.empty()) return;
      ASSERT_TRUE(store.read_page(ctx, *table, page->next, 10, 1 << 20));
    });
  }
  return calls;
}

}  // namespace gantry::index::contract

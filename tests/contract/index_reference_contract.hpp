#pragma once

// Random work of two tenants with the same UIDs, on the provider and on the in-memory reference: afterwards every call
// of the port answers the same on both, row for row and field for field. Of times only those that were given are
// compared; the clock's are looked at for sense.

#include "contract/index_claims_contract.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::contract {

/// Everything an index says of two tenants, as lines, so that a failure shows the one that differs.
class WholeAnswer {
 public:
  WholeAnswer(InstanceIndex& index, std::vector<RequestContext> tenants)
      : index_(index), tenants_(std::move(tenants)) {}

  std::vector<std::string> lines(const std::vector<SearchQuery>& queries, const std::vector<ObjectKey>& keys) {
    lines_.clear();
    for (const auto& ctx : tenants_) {
      ctx_ = &ctx;
      for (const SearchQuery& query : queries) add_search(query);
      for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) add_level(level);
      const TenantTotals totals = must(index_.totals(ctx));
      add({"totals", text(totals.studies), text(totals.series), text(totals.instances), text(totals.bytes),
           text(totals.change_no)});
      for (const Change& c : must(index_.changes(ctx, 0, 100'000))) {
        expect_sensible(c.time);
        add({"change", text(c.version), text(static_cast<int>(c.action)), c.study.str(), c.series.str(), c.sop.str()});
      }
      for (const Change& c : must(index_.changes(ctx, totals.change_no / 2, 3))) add({"some change", text(c.version)});
    }
    EXPECT_TRUE(index_.visit_objects(tenants_[0], [this](const HeldObject& o) {
      add({"held", o.tenant.str(), o.study.str(), o.series.str(), o.sop.str(), o.object_key.str(), text(o.size),
           to_hex(o.file_sha256)});
      return true;
    }));
    const std::vector<bool> held = must(index_.are_held(tenants_[0], keys));
    for (std::size_t i = 0; i < keys.size(); ++i) add({"key", keys[i].str(), held[i] ? "held" : "free"});
    std::vector<std::string> due;  // in the order of the clock's times, which may be the same for some and not others
    for (const ObjectKey& key : must(index_.due_deletions(tenants_[0], 100'000))) due.push_back(key.str());
    std::sort(due.begin(), due.end());
    for (const auto& key : due) add({"to delete", key});
    add_due(must(index_.get_json_metaes(tenants_[0], soon(), 100'000)));
    add_json_state();
    for (const std::string& difference : must(index_.verify_counts(tenants_[0]))) add({"wrong count", difference});
    return lines_;
  }
  /// Claims all that can be had, and ends the claims as their keys decide, with an object each.
  std::vector<std::string> work(std::string_view owner, int round, std::vector<ObjectKey>& keys) {
    lines_.clear();
    for (const JsonClaim& claim : must(index_.claim_json(tenants_[0], soon(), 1000, owner, kNoTime))) {
      expect_sensible(claim.lease_until);
      const std::string place = claim.state.tenant_id + "/" + claim.state.study_uid + "/" + claim.state.series_uid;
      const ObjectKey key("json/" + place + "/" + std::to_string(claim.state.version) + "-" + std::to_string(round));
      const auto fate = std::hash<std::string>()(key.str()) % 5;
      std::string line = place + " try " + text(claim.retry_times) + " version " + text(claim.state.version);
      if (fate > 0) {
        const JsonOutcome outcome = fate == 1   ? failed(claim, "bad 𠮷", kNoTime)
                                    : fate == 4 ? handed_back(claim)
                                    : fate == 2 ? failed(claim, "bad", kNoTime, key.str())
                                                : ready(claim, key.str());
        const auto ended =
            must(index_.finish_json(context_for(claim.state.tenant_id), outcome, owner)) ? " ended " : " lost ";
        line += ended + text(static_cast<int>(fate));
        keys.push_back(key);
      }
      lines_.push_back(std::move(line));
    }
    std::sort(lines_.begin(), lines_.end());
    return lines_;
  }

 private:
  template <class Number>
  static std::string text(Number number) {
    return std::to_string(number);
  }
  static bool was_given(Timestamp time) { return time < Timestamp(std::chrono::hours(24 * 365 * 30)); }
  static void expect_sensible(Timestamp time) {
    if (was_given(time)) return;
    EXPECT_GT(time, soon() - std::chrono::hours(2));
    EXPECT_LT(time, soon());
  }
  static std::string text(Timestamp time) {
    expect_sensible(time);
    return was_given(time) ? std::to_string(time.time_since_epoch().count()) : "now";
  }
  void add(std::initializer_list<std::string> parts) {
    std::string line;
    for (const auto& part : parts) line += part + " | ";
    lines_.push_back(std::move(line));
  }
  void add_search(const SearchQuery& query) {
    add({"query", describe(query)});
    EXPECT_TRUE(index_.search(*ctx_, query, [this](SearchRow&& row) {
      expect_sensible(row.study.created);
      EXPECT_GE(row.study.updated, row.study.created);
      add({describe(row)});
      return true;
    }));
    add({"count", text(must(index_.count(*ctx_, query, 20)))});
  }
  void add_level(Level level) {
    SearchQuery query;
    query.level = level;
    query.with_attributes = query.with_location = true;
    std::vector<SearchRow> rows;
    EXPECT_TRUE(index_.search(*ctx_, query, [&rows](SearchRow&& row) {
      rows.push_back(std::move(row));
      return true;
    }));
    for (const SearchRow& row : rows) {
      add({describe(row)});
      const auto series = row.series ? std::optional(row.series->series) : std::nullopt;
      const auto version = must(index_.version_of(*ctx_, row.study.study, series));
      add({"version", version ? text(*version) : "none"});
      if (row.instance) add_instance(row);
    }
    if (level != Level::kStudy) return;
    for (int study = 0; study < 14; ++study) {
      const StudyUid uid("1." + std::to_string(study));
      for (const StateRow& state : must(index_.get_state_metaes(*ctx_, uid))) {
        add_state("state", state);
        add_json(uid, SeriesUid(state.series_uid));
      }
      add_json(uid, SeriesUid(uid.str() + ".77"));  // has no state
    }
  }
  void add_instance(const SearchRow& row) {
    const auto at = must(index_.locate(*ctx_, row.study.study, row.series->series, row.instance->sop));
    ASSERT_TRUE(at);
    SearchRow alone;
    alone.instance = at->instance;
    add({"located", text(at->version), describe(alone)});
    EXPECT_FALSE(must(index_.locate(*ctx_, row.study.study, SeriesUid("9"), row.instance->sop)));
  }
  void add_state(std::string name, const StateRow& state) {
    std::string line = std::move(name) + " ";
    for (const auto& [column, member] : sql::state_columns()) line += state.*member + "|";
    add({line, text(state.series_related_instances), text(state.created_time), text(state.updated_time),
         text(state.version)});
  }
  void add_json(const StudyUid& study, const SeriesUid& series) {
    const auto json = must(index_.get_json_meta(*ctx_, study, series));
    if (!json) return add({"no json", study.str(), series.str()});
    add({"json", json->tenant_id, json->study_uid, json->series_uid, json->study_uid_hash, json->series_uid_hash,
         json->study_date_origin, text(json->created_time), text(json->flag_time), text(json->json_status),
         text(json->retry_times), text(json->version), json->object_key, json->last_error});
  }
  void add_json_state() {
    const JsonTotals totals = must(index_.json_totals(tenants_[0]));
    add({"json totals", text(totals.ready), text(totals.pending), text(totals.running), text(totals.failed),
         text(totals.given_up), totals.oldest_due ? text(*totals.oldest_due) : "none"});
    std::vector<std::string> failures;  // in an order of the index's own
    for (const bool given_up : {true, false}) {
      JsonFailureQuery query;
      query.given_up = given_up;
      query.limit = 100'000;
      for (const JsonFailure& failure : must(index_.json_failures(tenants_[0], query))) {
        const JsonRow& row = failure.row;
        failures.push_back(row.tenant_id + "/" + row.study_uid + "/" + row.series_uid + " " + text(row.json_status) +
                           " tries " + text(row.retry_times) + " next " + text(failure.next_at) + row.last_error);
      }
    }
    std::sort(failures.begin(), failures.end());
    for (const auto& failure : failures) add({"failure", failure});
  }
  // Those with given times come first and in order; the clock's may be the same for some and not for others.
  void add_due(std::vector<StateRow> due) {
    const auto clock =
        std::stable_partition(due.begin(), due.end(), [](const auto& s) { return was_given(s.updated_time); });
    EXPECT_TRUE(std::is_sorted(due.begin(), due.end(),
                               [](const auto& a, const auto& b) { return a.updated_time < b.updated_time; }));
    std::sort(clock, due.end(), [](const auto& a, const auto& b) {
      return std::tie(a.tenant_id, a.study_uid, a.series_uid) < std::tie(b.tenant_id, b.study_uid, b.series_uid);
    });
    for (const StateRow& state : due) add_state("due", state);
  }

  InstanceIndex& index_;
  std::vector<RequestContext> tenants_;
  const RequestContext* ctx_ = nullptr;
  std::vector<std::string> lines_;
};

/// A record of the longest values that the standard allows, in characters of four bytes where text may have them.
inline InstanceRecord longest_record(InstanceRecord record) {
  const auto times = [](std::string_view part, int n) {
    std::string whole;
    for (int i = 0; i < n; ++i) whole += part;
    return whole;
  };
  const std::string group = times("𠮷", 60) + "^𝒥^𝔐^𝟙";  // 64 bytes a component would be less: it is characters
  record.attributes.patient_name = record.attributes.referring_physician_name = group + "=" + group + "=" + group;
  record.attributes.patient_id = record.attributes.study_description = record.attributes.protocol_name = times("𝔘", 64);
  record.attributes.series_description = times("é", 64);
  record.attributes.accession_number = record.attributes.study_id = times("𠮷", 16);
  record.attributes.study_time = record.attributes.series_time = "235959.999999";
  record.attributes.series_number = record.attributes.instance_number = "-2147483648";
  record.sop = SopUid("9." + times("1", 62));
  record.sop_class = "1.2." + times("3", 60);
  record.frame_index = times("frame\xff", 2000);
  return record;
}

TYPED_TEST_P(IndexContract, EveryCallAnswersAsTheReferenceDoesForTwoTenants) {
  const bool reduced = is_reduced<TypeParam>();
  for (unsigned seed = 101; seed < (reduced ? 102U : 104U); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Samples samples(seed);
    MemoryIndex reference;
    TypeParam fresh;
    const std::vector<RequestContext> tenants{context_for("a-" + std::to_string(seed)),
                                              context_for("b-" + std::to_string(seed))};
    const std::vector<InstanceIndex*> both{&fresh.index(), &reference};
    std::vector<ObjectKey> keys{ObjectKey("nobody/has/it")};
    for (InstanceIndex* each : both) {
      for (const auto& as : tenants) ASSERT_TRUE(each->ensure_tenant(as));
    }
    const int steps = reduced ? 24 : 60;
    for (int step = 0; step < steps; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      const RequestContext& as = samples.one_of(tenants);
      const std::string study = "1." + std::to_string(samples.below(12));
      const std::string series = study + "." + std::to_string(samples.below(4));
      switch (samples.below(8)) {
        case 0: {
          const auto of_series = samples.one_in(2) ? std::optional<SeriesUid>() : SeriesUid(series);
          ASSERT_EQ(must(both[0]->remove(as, StudyUid(study), of_series, std::nullopt, kNoTime)),
                    must(both[1]->remove(as, StudyUid(study), of_series, std::nullopt, kNoTime)));
          break;
        }
        case 1: {
          std::vector<StateRow> states(1 + samples.below(3));
          for (StateRow& state : states) {
            for (const auto& [column, attribute] : kStateMembers) state.*column = samples.attributes().*attribute;
            state.study_uid = study;
            state.series_uid = study + "." + std::to_string(samples.below(4));
            state.study_uid_hash = "h", state.study_date_origin = samples.date();
            state.series_related_instances = samples.below(9);
            state.created_time = state.updated_time = Timestamp(std::chrono::seconds(1 + samples.below(50)));
          }
          for (InstanceIndex* each : both) ASSERT_TRUE(each->save_state_list(as, states));
          break;
        }
        case 2: {
          JsonRow json;
          json.study_uid = study, json.series_uid = samples.one_in(4) ? study + ".77" : series;
          json.study_uid_hash = samples.text(), json.study_date_origin = samples.date();
          json.json_status = static_cast<int>(samples.below(5));
          json.retry_times = static_cast<int>(samples.below(7));
          json.version = samples.below(60);
          json.created_time = json.flag_time = Timestamp(std::chrono::seconds(7));
          for (InstanceIndex* each : both) ASSERT_TRUE(each->save_json_list(as, std::vector{json, json}));
          break;
        }
        case 3: {
          std::vector<ObjectKey> again;
          const auto ours = WholeAnswer(*both[0], tenants).work("w", step, keys);
          ASSERT_EQ(ours, WholeAnswer(*both[1], tenants).work("w", step, again));
          break;
        }
        default: {
          std::vector<InstanceRecord> batch;
          for (std::size_t n = 1 + samples.below(12); n > 0; --n) {
            batch.push_back(samples.record());
            if (samples.one_in(9)) batch.back() = longest_record(std::move(batch.back()));
            if (samples.one_in(9)) batch.back().attributes = {};  // all that may be empty is
            keys.push_back(batch.back().object_key);
          }
          const auto policy = static_cast<ConflictPolicy>(samples.below(3));
          const auto ours = must(both[0]->commit(as, batch, policy)), theirs = must(both[1]->commit(as, batch, policy));
          ASSERT_EQ(ours.size(), theirs.size());
          for (std::size_t i = 0; i < ours.size(); ++i) {
            ASSERT_EQ(ours[i].outcome, theirs[i].outcome) << ours[i].detail;
            ASSERT_EQ(ours[i].version, theirs[i].version);
            ASSERT_EQ(ours[i].moved_from.has_value(), theirs[i].moved_from.has_value());
          }
        }
      }
      if (step % (steps / 4) != steps / 4 - 1) continue;
      std::vector<SearchQuery> queries;
      for (int q = 0; q < (reduced ? 10 : 30); ++q) queries.push_back(samples.query());
      const auto ours = WholeAnswer(*both[0], tenants).lines(queries, keys);
      const auto expected = WholeAnswer(*both[1], tenants).lines(queries, keys);
      for (std::size_t i = 0; i < std::min(ours.size(), expected.size()); ++i)
        ASSERT_EQ(ours[i], expected[i]) << "line " << i;
      ASSERT_EQ(ours.size(), expected.size());
    }
  }
}

}  // namespace gantry::index::contract

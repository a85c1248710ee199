#pragma once

// What every AuditLog owes (audit_log.hpp; DESIGN §9), as tests over the index that it belongs to. Providers as for
// index_contract.hpp.

#include <algorithm>

#include "contract/index_contract_fixture.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/sql/audit_rows.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/table_store.hpp"

namespace gantry::index::contract {

template <class Provider>
class AuditLogContract : public IndexContract<Provider> {
 protected:
  AuditLog& log() { return this->index().audit_log(); }
  std::vector<AuditRow> rows(const RequestContext& as, AuditQuery query = {}) {
    return must(log().audit_rows(as, query));
  }
  std::vector<AuditRow> rows(AuditQuery query = {}) { return rows(this->ctx, std::move(query)); }
  void expect_whole(const RequestContext& as) {
    const AuditCheck check = must(check_audit(log(), as));
    for (const auto& finding : check.findings) ADD_FAILURE() << finding.number << ": " << finding.what;
    EXPECT_EQ(check.last.number, must(log().audit_head(as)).number);
  }
  static RequestContext as(const std::string& tenant, const std::string& who) {
    RequestContext ctx = context_for(tenant);
    ctx.principal = who;
    ctx.remote_address = "192.0.2.7";
    ctx.request_id = "request-of-" + who;
    return ctx;
  }
};
TYPED_TEST_SUITE_P(AuditLogContract);

TYPED_TEST_P(AuditLogContract, EveryChangeHasOneRowThatSaysWhoDidWhat) {
  const RequestContext ann = this->as("clinic-a", "ann"), bob = this->as("clinic-a", "bob");
  InstanceRecord of_bob = instance("1", "1.1", "1.1.2");
  of_bob.actor = actor_of(bob);
  this->commit(ann, {instance("1", "1.1", "1.1.1"), of_bob});
  this->commit(ann, {instance("1", "1.1", "1.1.1")});                 // the same bytes: no change
  this->commit(ann, {instance("1", "1.1", "1.1.1", "other bytes")});  // a conflict: no change
  this->commit(bob, {instance("1", "1.1", "1.1.1", "other bytes")}, ConflictPolicy::kReplace);
  EXPECT_EQ(must(this->index().remove(ann, StudyUid("1"), SeriesUid("1.1"), SopUid("1.1.2"), std::chrono::seconds(0))),
            1U);
  EXPECT_EQ(must(this->index().remove(ann, StudyUid("1"), {}, {}, std::chrono::seconds(0))), 1U);
  EXPECT_EQ(must(this->index().remove(ann, StudyUid("1"), {}, {}, std::chrono::seconds(0))), 0U);

  const auto found = this->rows();
  const auto changes = this->changes();
  ASSERT_EQ(found.size(), 5U);
  ASSERT_EQ(changes.size(), 5U);
  const std::array<std::array<const char*, 5>, 5> expected{{{"stored", "ann", "1", "1.1", "1.1.1"},
                                                            {"stored", "bob", "1", "1.1", "1.1.2"},
                                                            {"replaced", "bob", "1", "1.1", "1.1.1"},
                                                            {"deleted", "ann", "1", "1.1", "1.1.2"},
                                                            {"deleted", "ann", "1", "", ""}}};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const AuditEntry& entry = found[i].entry;
    EXPECT_EQ(found[i].number, i + 1);
    EXPECT_EQ(entry.action, expected[i][0]) << i;
    EXPECT_EQ(entry.actor.principal, expected[i][1]) << i;
    EXPECT_EQ(entry.actor.address, "192.0.2.7");
    EXPECT_EQ(entry.actor.request_id, std::string("request-of-") + expected[i][1]);
    EXPECT_EQ(entry.study.view(), expected[i][2]);
    EXPECT_EQ(entry.series.view(), expected[i][3]) << i;
    EXPECT_EQ(entry.sop.view(), expected[i][4]) << i;
    EXPECT_EQ(entry.version, changes[i].version) << i;
    EXPECT_EQ(found[i].time, changes[i].time) << i;
  }
  this->expect_whole(this->ctx);
}

TYPED_TEST_P(AuditLogContract, AReplacedInstanceThatMovesLeavesARowInBothPlaces) {
  const RequestContext ann = this->as("clinic-a", "ann"), bob = this->as("clinic-a", "bob");
  this->commit(ann, {instance("1", "1.1", "1.1.1")});
  this->commit(bob, {instance("2", "2.1", "1.1.1", "other bytes")}, ConflictPolicy::kReplace);
  const auto found = this->rows();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[1].entry.action, "deleted");
  EXPECT_EQ(found[1].entry.study, StudyUid("1"));
  EXPECT_EQ(found[1].entry.actor.principal, "bob");
  EXPECT_EQ(found[2].entry.action, "replaced");
  EXPECT_EQ(found[2].entry.study, StudyUid("2"));
  this->expect_whole(this->ctx);
}

TYPED_TEST_P(AuditLogContract, ActsThatAreNoChangeAreAddedToTheSameChain) {
  const RequestContext root = this->as("clinic-a", "root");
  const AuditEntry entry{"tenant.disabled", actor_of(root), {}, {}, {}, 0, "asked for by \xC3\xA4rzte\x01 \"x\""};
  EXPECT_EQ(must(this->log().add_audit(root, entry)), 1U);
  this->commit(root, {instance("1", "1.1", "1.1.1")});
  EXPECT_EQ(must(this->log().add_audit(root, entry)), 3U);
  const auto found = this->rows();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].entry, entry);
  this->expect_whole(this->ctx);
  const auto nobody = this->log().add_audit(context_for("nobody"), entry);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind(), ErrorKind::kNotFound);
  EXPECT_THAT(this->rows(context_for("nobody")), IsEmpty());
}

TYPED_TEST_P(AuditLogContract, WhatCannotBeKeptIsNotWhatWasHashed) {
  RequestContext odd = this->as("clinic-a", "ann");
  odd.principal = std::string("a\0b\xFF\xEF\xB7\x90 c", 10);
  this->commit(odd, {instance("1", "1.1", "1.1.1")});
  EXPECT_EQ(this->rows().at(0).entry.actor.principal, "ab\xEF\xBF\xBD\xEF\xB7\x90 c");
  this->expect_whole(this->ctx);
}

TYPED_TEST_P(AuditLogContract, TenantsHaveChainsOfTheirOwn) {
  const RequestContext a = this->as("clinic-a", "ann"), b = this->as("clinic-b", "bea");
  ASSERT_TRUE(this->index().ensure_tenant(b));
  for (int i = 1; i <= 3; ++i) {
    const std::string uid = std::to_string(i);
    this->commit(a, {instance(uid, uid + ".1", uid + ".1.1")});
    this->commit(b, {instance(uid, uid + ".1", uid + ".1.1")});
  }
  for (const auto& [tenant, who] : {std::pair(a, "ann"), std::pair(b, "bea")}) {
    const auto found = this->rows(tenant);
    ASSERT_EQ(found.size(), 3U);
    for (const AuditRow& row : found) EXPECT_EQ(row.entry.actor.principal, who);
    this->expect_whole(tenant);
  }
}

TYPED_TEST_P(AuditLogContract, RowsAreFoundByWhatTheySay) {
  const RequestContext ann = this->as("clinic-a", "ann"), bob = this->as("clinic-a", "bob");
  for (int i = 1; i <= 20; ++i) {
    const std::string study = std::to_string(i % 3 + 1);
    this->commit(i % 2 == 0 ? ann : bob, {instance(study, study + ".1", "9." + std::to_string(i))});
  }
  const auto numbers = [this](AuditQuery query) {
    std::vector<std::uint64_t> found;
    for (const AuditRow& row : this->rows(std::move(query))) found.push_back(row.number);
    return found;
  };
  AuditQuery query;
  query.study = StudyUid("2");
  EXPECT_THAT(numbers(query), ElementsAre(1U, 4U, 7U, 10U, 13U, 16U, 19U));
  query.principal = "ann";
  EXPECT_THAT(numbers(query), ElementsAre(4U, 10U, 16U));
  query.after = 4;
  query.limit = 1;
  EXPECT_THAT(numbers(query), ElementsAre(10U));
  query = {};
  query.action = "deleted";
  EXPECT_THAT(numbers(query), IsEmpty());
  const auto all = this->rows();
  query = {};
  query.since = all[9].time;
  query.until = all[14].time;
  for (const AuditRow& row : this->rows(query)) {
    EXPECT_GE(row.time, all[9].time);
    EXPECT_LT(row.time, all[14].time);
  }
  EXPECT_EQ(numbers(query).size(), static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& row) {
              return row.time >= all[9].time && row.time < all[14].time;
            })));
  query.limit = 0;
  EXPECT_THAT(numbers(query), IsEmpty());
}

TYPED_TEST_P(AuditLogContract, WritersAtOnceMakeOneChain) {
  std::vector<std::thread> threads;
  const int each = is_reduced<TypeParam>() ? 5 : 25;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, each] {
      const RequestContext who = this->as("clinic-a", "t" + std::to_string(t));
      for (int i = 0; i < each; ++i) {
        const std::string sop = std::to_string(t + 1) + "." + std::to_string(i + 1);
        if (i % 5 == 4) {
          const AuditEntry entry{"looked", actor_of(who), {}, {}, {}, 0, ""};
          EXPECT_TRUE(this->log().add_audit(who, entry));
        } else {
          this->commit(who, {instance("1", "1.1", sop)});
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(this->rows().size(), static_cast<std::size_t>(4 * each));
  this->expect_whole(this->ctx);
}

TYPED_TEST_P(AuditLogContract, GoesOnAfterReopening) {
  if constexpr (TypeParam::kPersistent) {
    this->commit(this->as("clinic-a", "ann"), {instance("1", "1.1", "1.1.1")});
    this->provider.reopen();
    this->commit(this->as("clinic-a", "ann"), {instance("1", "1.1", "1.1.2")});
    EXPECT_EQ(this->rows().size(), 2U);
    this->expect_whole(this->ctx);
  }
}

// Through the door that tools have to the tables: what somebody with a database's password can do.
TYPED_TEST_P(AuditLogContract, ChangedAndMissingRowsAreFoundAndNamed) {
  auto* const tables = dynamic_cast<TableStore*>(&this->index());
  if (tables == nullptr) GTEST_SKIP() << "no tables";
  for (int i = 1; i <= 5; ++i)
    this->commit(this->as("clinic-a", "ann"), {instance("1", "1.1", "9." + std::to_string(i))});
  const auto findings = [this] {
    std::string text;
    for (const auto& finding : must(check_audit(this->log(), this->ctx)).findings)
      text += std::to_string(finding.number) + ": " + finding.what + "\n";
    return text;
  };
  EXPECT_EQ(findings(), "");
  AuditRow row = this->rows()[2];
  const auto put = [&](const AuditRow& changed) {
    EXPECT_TRUE(tables->put_rows(this->ctx, sql::kAuditTable, {sql::audit_cells(this->ctx.tenant, changed)}));
  };
  const AuditRow original = row;
  row.entry.actor.principal = "bob";
  put(row);
  EXPECT_EQ(findings(), "3: it was changed: its hash is not that of what it says\n");
  row.hash = audit_hash(this->rows()[1].hash, row);
  put(row);
  EXPECT_EQ(findings(), "4: it was changed: its hash is not that of what it says\n") << "the next row covers it";
  put(original);
  EXPECT_EQ(findings(), "");
  row = this->rows()[4];
  row.number = 7;
  put(row);
  EXPECT_EQ(findings(), "7: row 6 before it is missing\n");
}

REGISTER_TYPED_TEST_SUITE_P(AuditLogContract, EveryChangeHasOneRowThatSaysWhoDidWhat,
                            AReplacedInstanceThatMovesLeavesARowInBothPlaces, ActsThatAreNoChangeAreAddedToTheSameChain,
                            WhatCannotBeKeptIsNotWhatWasHashed, TenantsHaveChainsOfTheirOwn, RowsAreFoundByWhatTheySay,
                            WritersAtOnceMakeOneChain, GoesOnAfterReopening, ChangedAndMissingRowsAreFoundAndNamed);

}  // namespace gantry::index::contract

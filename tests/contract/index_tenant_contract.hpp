#pragma once

// What an index knows of tenants: their states and quotas, and that one that is deleted leaves nothing but its row.

#include "contract/index_contract_fixture.hpp"

namespace gantry::index::contract {

inline std::vector<std::string> names_of(const std::vector<TenantEntry>& entries) {
  std::vector<std::string> names;
  for (const TenantEntry& entry : entries) names.push_back(entry.info.id.str());
  return names;
}

/// The same under a name as objects of the tenant have.
inline InstanceRecord kept_by(const RequestContext& ctx, InstanceRecord record) {
  record.object_key = ObjectKey(ctx.tenant.str() + "/" + random_hex(16) + ".dcm");
  return record;
}

TYPED_TEST_P(IndexContract, ATenantIsFoundAsItStands) {
  auto& index = this->index();
  EXPECT_EQ(must(index.find_tenant(context_for("nobody"))), std::nullopt);
  const auto fresh = must(index.find_tenant(this->ctx));
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->info, (TenantInfo{TenantId("clinic-a"), TenantState::kActive, {}}));
  EXPECT_GT(fresh->created, Timestamp{});
  this->commit(instance("1", "1.1", "1"));
  const TenantQuotas quotas{1ULL << 40, 7, 20, 3};
  ASSERT_TRUE(index.set_quotas(this->ctx, quotas));
  ASSERT_TRUE(index.set_tenant_state(this->ctx, TenantState::kDisabled));
  const auto used = must(index.find_tenant(this->ctx));
  ASSERT_TRUE(used);
  EXPECT_EQ(used->info, (TenantInfo{TenantId("clinic-a"), TenantState::kDisabled, quotas}));
  const TenantTotals totals = this->totals();
  EXPECT_EQ(used->totals.instances, 1U);
  EXPECT_EQ(used->totals.studies, 1U);
  EXPECT_EQ(used->totals.series, 1U);
  EXPECT_EQ(used->totals.bytes, totals.bytes);
  EXPECT_EQ(used->totals.change_no, totals.change_no);
  EXPECT_EQ(used->created, fresh->created);
}

TYPED_TEST_P(IndexContract, TenantsAreListedInOrderPageByPage) {
  auto& index = this->index();
  for (const char* const name : {"b", "clinic-b", "0", "clinic", "clinic-a2"}) {
    ASSERT_TRUE(index.ensure_tenant(context_for(name)));
  }
  ASSERT_TRUE(index.set_tenant_state(context_for("b"), TenantState::kDeleted));
  EXPECT_THAT(names_of(must(index.list_tenants(this->ctx, TenantId(), 100))),
              ElementsAre("0", "b", "clinic", "clinic-a", "clinic-a2", "clinic-b"));
  EXPECT_THAT(names_of(must(index.list_tenants(this->ctx, TenantId("b"), 2))), ElementsAre("clinic", "clinic-a"));
  EXPECT_THAT(names_of(must(index.list_tenants(this->ctx, TenantId("clinic-b"), 2))), IsEmpty());
  EXPECT_EQ(must(index.list_tenants(this->ctx, TenantId("0"), 1)).at(0).info.state, TenantState::kDeleted);
}

TYPED_TEST_P(IndexContract, AStateChangesOnlyFromTheOneThatWasSeen) {
  auto& index = this->index();
  const auto wrong = index.change_tenant_state(this->ctx, TenantState::kDisabled, TenantState::kDeleting);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(must(index.find_tenant(this->ctx))->info.state, TenantState::kActive);
  ASSERT_TRUE(index.change_tenant_state(this->ctx, TenantState::kActive, TenantState::kDeleting));
  EXPECT_EQ(must(index.find_tenant(this->ctx))->info.state, TenantState::kDeleting);
  ASSERT_TRUE(index.ensure_tenant(this->ctx)) << "one that is being deleted stays so";
  EXPECT_EQ(must(index.find_tenant(this->ctx))->info.state, TenantState::kDeleting);
  const auto nobody = index.change_tenant_state(context_for("nobody"), TenantState::kActive, TenantState::kDeleting);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind(), ErrorKind::kNotFound);
}

TYPED_TEST_P(IndexContract, AQueuedObjectIsNeverCommitted) {
  auto& index = this->index();
  const InstanceRecord late = kept_by(this->ctx, instance("1", "1.1", "1"));
  const InstanceRecord due = kept_by(this->ctx, instance("1", "1.1", "2"));
  const InstanceRecord gone = kept_by(this->ctx, instance("1", "1.1", "3"));
  this->commit(gone);
  EXPECT_EQ(must(index.remove(this->ctx, StudyUid("1"), std::nullopt, std::nullopt, kHour)), 1U);
  const std::vector<ObjectKey> hour{late.object_key, late.object_key}, now{due.object_key, gone.object_key};
  ASSERT_TRUE(index.queue_objects(this->ctx, hour, kHour));
  ASSERT_TRUE(index.queue_objects(this->ctx, now, kNoTime));
  ASSERT_TRUE(index.queue_objects(this->ctx, {}, kNoTime));
  EXPECT_THAT(must(index.due_deletions(this->ctx, 10)), ElementsAre(due.object_key))
      << "what was queued stays as it is";
  EXPECT_EQ(this->commit(late).outcome, Outcome::kRejected);
  EXPECT_EQ(this->commit(due).outcome, Outcome::kRejected);
  const std::vector<ObjectKey> all{late.object_key, due.object_key};
  EXPECT_THAT(must(index.are_held(this->ctx, all)), ElementsAre(true, true));
  ASSERT_TRUE(index.deletion_done(this->ctx, all));
  EXPECT_EQ(this->commit(late).outcome, Outcome::kStored);
}

TYPED_TEST_P(IndexContract, ADeletedTenantLeavesNothingButItsRowAndGoesOnCounting) {
  auto& index = this->index();
  const RequestContext other = context_for("clinic-b");
  ASSERT_TRUE(index.ensure_tenant(other));
  for (const RequestContext& each : {this->ctx, other}) {
    this->commit(each, {instance("1", "1.1", "1", each.tenant.str()), instance("2", "2.1", "2", each.tenant.str())});
    StateRow state;
    state.study_uid = "3";
    for (const char* const series : {"3.1", "3.2", "3.3"}) {
      state.series_uid = series;
      ASSERT_TRUE(index.save_state_info(each, state));
    }
    JsonRow json;
    json.study_uid = "4";  // of a series that is not there
    json.series_uid = "4.1";
    ASSERT_TRUE(index.save_json_list(each, std::span(&json, 1)));
  }
  const auto active = index.purge_tenant(this->ctx, 10);
  ASSERT_FALSE(active);
  EXPECT_EQ(active.error().kind(), ErrorKind::kConflict) << "it is active";
  ASSERT_TRUE(index.set_quotas(this->ctx, {1 << 30, 100, 5, 5}));
  ASSERT_TRUE(index.set_tenant_state(this->ctx, TenantState::kDeleting));
  const auto full = index.purge_tenant(this->ctx, 10);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind(), ErrorKind::kConflict) << "it has instances";
  for (const char* const study : {"1", "2"}) {
    EXPECT_EQ(must(index.remove(this->ctx, StudyUid(study), std::nullopt, std::nullopt, kNoTime)), 1U);
  }
  const std::uint64_t counted = this->totals().change_no;
  std::uint64_t steps = 0;
  while (must(index.purge_tenant(this->ctx, 2)) > 0) {
    ASSERT_LT(++steps, 100U);
  }
  EXPECT_GE(steps, 2U) << "a step takes so many of a kind";
  EXPECT_THAT(must(index.get_state_metaes(this->ctx, StudyUid("3"))), IsEmpty());
  EXPECT_EQ(must(index.get_json_meta(this->ctx, StudyUid("4"), SeriesUid("4.1"))), std::nullopt);
  EXPECT_THAT(this->changes(), IsEmpty());
  EXPECT_EQ(must(index.get_state_metaes(other, StudyUid("3"))).size(), 3U) << "another's stay";
  EXPECT_TRUE(must(index.get_json_meta(other, StudyUid("4"), SeriesUid("4.1"))));
  EXPECT_FALSE(must(index.changes(other, 0, 100)).empty());
  EXPECT_EQ(this->all(Level::kInstance, other).size(), 2U);

  ASSERT_TRUE(index.change_tenant_state(this->ctx, TenantState::kDeleting, TenantState::kDeleted));
  EXPECT_EQ(this->totals().change_no, counted);
  ASSERT_TRUE(index.ensure_tenant(this->ctx));
  const auto back = must(index.find_tenant(this->ctx));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->info, (TenantInfo{TenantId("clinic-a"), TenantState::kActive, {}})) << "without its old quotas";
  EXPECT_EQ(this->commit(instance("1", "1.1", "1")).version, counted + 1);
  this->expect_counts_right();
}

}  // namespace gantry::index::contract

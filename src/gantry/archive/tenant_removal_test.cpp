#include "gantry/archive/tenant_removal.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"
#include "gantry/cache/keys.hpp"
#include "gantry/cache/memory/memory_cache.hpp"
#include "gantry/index/audit_log.hpp"
#include "gantry/index/record_store.hpp"

namespace gantry::archive {
namespace {

using index::TenantState;
using testing::context_for;
using testing::Faults;
using ::testing::IsEmpty;
using testing::Made;

class TenantRemoval : public ::testing::Test {
 protected:
  /// Two tenants with the same UIDs; some objects without a row, rows of the six calls, and keys in the cache.
  void fill() {
    for (const char* const tenant : {"clinic-a", "clinic-b"}) {
      for (int study = 0; study < 3; ++study) {
        for (int sop = 0; sop < 4; ++sop) {
          Made made;
          made.study = "1.2." + std::to_string(study);
          made.series = made.study + "." + std::to_string(sop % 2);
          made.sop = made.series + "." + std::to_string(sop);
          made.patient_name = tenant;
          archive.store(made, tenant);
        }
      }
      const RequestContext ctx = context_for(tenant);
      put_object(ctx);
      index::StateRow state;
      state.study_uid = "1.9";
      state.series_uid = "1.9.1";
      ASSERT_TRUE(archive.index.save_state_info(ctx, state));
      index::Record record;
      record.id = std::string("key-") + tenant;
      record.tenant = ctx.tenant;
      ASSERT_TRUE(archive.index.records().put_record(ctx, record));
      const cache::SharedCache::Entry entry{cache::study_rows_key(ctx.tenant, StudyUid("1.2.0")), 1,
                                            cache::versioned_text(1, R"("a":1)"), std::chrono::hours(2)};
      ASSERT_TRUE(memory_cache.put(ctx, std::span(&entry, 1)));
    }
  }
  void put_object(const RequestContext& ctx) {
    auto staged = archive.objects.stage(ctx);
    ASSERT_TRUE(staged);
    ASSERT_TRUE(archive.objects.persist(ctx, *std::move(staged),
                                        ObjectKey(ctx.tenant.str() + "/" + uid_hash("7") + "/" + uid_hash("7.1") + "/" +
                                                  std::string(64, 'a') + "-" + random_hex(16) + ".dcm")));
  }
  Result<TenantRemovalReport> remove(const RequestContext& ctx) {
    return remove_tenant(ctx, {index, objects, &memory_cache, &archive.retrieves}, told);
  }
  TenantState state_of(const RequestContext& ctx) {
    const auto tenant = archive.index.find_tenant(ctx);
    EXPECT_TRUE(tenant && *tenant);
    return tenant && *tenant ? (*tenant)->info.state : TenantState::kActive;
  }
  std::size_t objects_of(const RequestContext& ctx) {
    std::size_t count = 0;
    EXPECT_TRUE(archive.objects.list_tenant(ctx, [&count](const storage::ObjectInfo&) { return ++count > 0; }));
    return count;
  }
  std::size_t keys_of(const RequestContext& ctx) {
    const std::string key = cache::study_rows_key(ctx.tenant, StudyUid("1.2.0"));
    const auto found = memory_cache.get(ctx, std::span(&key, 1));
    return found && (*found)[0] ? 1 : 0;
  }
  void expect_gone(const RequestContext& ctx) {
    EXPECT_EQ(state_of(ctx), TenantState::kDeleted);
    const auto totals = archive.index.totals(ctx);
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->instances + totals->series + totals->studies + totals->bytes, 0U);
    EXPECT_GT(totals->change_no, 0U);
    EXPECT_EQ(objects_of(ctx), 0U);
    EXPECT_EQ(keys_of(ctx), 0U);
    EXPECT_EQ(records_of(ctx), 0U);
    const auto changes = archive.index.changes(ctx, 0, 100);
    EXPECT_TRUE(changes && changes->empty());
    const auto states = archive.index.get_state_metaes(ctx, StudyUid("1.9"));
    EXPECT_TRUE(states && states->empty());
  }
  std::size_t records_of(const RequestContext& ctx) {
    index::RecordQuery query;
    query.tenant = ctx.tenant;
    const auto records = archive.index.records().list_records(ctx, query);
    EXPECT_TRUE(records);
    return records ? records->size() : 0;
  }
  void expect_whole(const RequestContext& ctx, std::uint64_t instances) {
    const auto totals = archive.index.totals(ctx);
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->instances, instances);
    EXPECT_EQ(objects_of(ctx), instances + 1);
    EXPECT_EQ(keys_of(ctx), 1U);
    EXPECT_EQ(records_of(ctx), 1U);
    std::vector<std::string> problems;
    const auto report = fsck(
        ctx, archive.index, archive.objects, {},
        [&](const FsckProblem& problem) { problems.push_back(problem.detail); }, [](const FsckReport&) {});
    ASSERT_TRUE(report);
    EXPECT_THAT(problems, IsEmpty());
  }

  testing::TestArchive archive;
  cache::MemoryCache memory_cache;
  Faults faults;
  testing::FaultyIndex index{archive.index, faults};
  testing::FaultyStore objects{archive.objects, faults};
  std::function<bool(const TenantRemovalProgress&)> told;
  const RequestContext ours = context_for("clinic-a"), theirs = context_for("clinic-b");
};

TEST_F(TenantRemoval, TakesAllOfOneTenantAndNothingOfAnother) {
  fill();
  std::vector<std::string> steps;
  told = [&](const TenantRemovalProgress& progress) {
    if (steps.empty() || steps.back() != progress.step) steps.emplace_back(progress.step);
    EXPECT_NE(state_of(ours), TenantState::kActive);
    return true;
  };
  const auto report = remove(ours);
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->studies, 3U);
  EXPECT_EQ(report->series, 6U);
  EXPECT_EQ(report->instances, 12U);
  EXPECT_GT(report->bytes, 0U);
  EXPECT_EQ(report->objects, 13U) << "the one without a row, too";
  EXPECT_GT(report->other_rows, 0U);
  EXPECT_EQ(report->cache_keys, 1U);
  EXPECT_FALSE(report->resumed);
  EXPECT_THAT(steps, ::testing::ElementsAre("instances", "objects", "rows", "cache", "objects"));
  expect_gone(ours);
  expect_whole(theirs, 12);
  const auto trail = archive.index.audit_log().audit_rows(ours, {});
  ASSERT_TRUE(trail);
  std::vector<std::string> acts;
  for (const auto& row : *trail) {
    if (row.entry.action.starts_with("tenant.")) acts.push_back(row.entry.action);
  }
  EXPECT_THAT(acts, ::testing::ElementsAre("tenant.deleting", "tenant.deleted")) << "the audit trail stays";
  const auto again = remove(ours);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(remove(context_for("nobody")).error().kind(), ErrorKind::kNotFound);
}

TEST_F(TenantRemoval, GoesOnFromWhereverItWasCutOff) {
  for (const auto when : {Faults::When::kBefore, Faults::When::kAfter}) {
    for (int cut = 0;; ++cut) {
      SCOPED_TRACE("cut off at call " + std::to_string(cut));
      ASSERT_TRUE(archive.index.ensure_tenant(ours));
      if (cut == 0 && when == Faults::When::kBefore) fill();
      if (cut > 0 || when == Faults::When::kAfter) {
        Made made;
        archive.store(made, "clinic-a");
        put_object(ours);
      }
      // As if the process died: nothing works any more from that call on.
      faults.fail("", when, Error::internal("killed"), cut, 1'000'000);
      const auto first = remove(ours);
      faults.set({});
      if (first) {
        expect_gone(ours);
        break;
      }
      if (state_of(ours) == TenantState::kDeleted) {  // its very last answer was lost
        expect_gone(ours);
        continue;
      }
      const bool began = state_of(ours) == TenantState::kDeleting;
      const auto second = remove(ours);
      ASSERT_TRUE(second) << second.error().detail();
      EXPECT_EQ(second->resumed, began);
      expect_gone(ours);
      ASSERT_LT(cut, 200);
    }
  }
  expect_whole(theirs, 12);
}

TEST_F(TenantRemoval, StopsWhenToldToAndGoesOnLater) {
  fill();
  int calls = 0;
  told = [&calls](const TenantRemovalProgress&) { return ++calls < 3; };
  const auto stopped = remove(ours);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(state_of(ours), TenantState::kDeleting);
  told = {};
  ASSERT_TRUE(remove(ours));
  expect_gone(ours);
}

TEST_F(TenantRemoval, AStoreThatWasOnItsWayNeverBecomesAnInstanceWithoutItsBytes) {
  fill();
  const auto key = [&] {  // persisted, not committed yet
    ObjectKey found;
    EXPECT_TRUE(archive.objects.list_tenant(ours, [&](const storage::ObjectInfo& info) {
      if (info.key.view().find(std::string(64, 'a')) != std::string_view::npos) found = info.key;
      return found.empty();
    }));
    return found;
  }();
  ASSERT_FALSE(key.empty());
  index::InstanceRecord record;
  record.study = StudyUid("7");
  record.series = SeriesUid("7.1");
  record.sop = SopUid("7.1.1");
  record.transfer_syntax = std::string(dicom::kExplicitLittleEndian);
  record.object_key = key;
  record.persist_began = Clock::now();
  ASSERT_TRUE(remove(ours));
  ASSERT_TRUE(archive.index.ensure_tenant(ours)) << "the tenant comes back at once";
  const auto committed = archive.index.commit(ours, {&record, 1}, index::ConflictPolicy::kReject);
  ASSERT_TRUE(committed);
  EXPECT_EQ((*committed)[0].outcome, index::Committed::Outcome::kRejected);
}

TEST_F(TenantRemoval, KeepsTheTenantDeletingWhileTheCacheCantBeAsked) {
  fill();
  class Deaf final : public cache::SharedCache {
   public:
    using Keys = std::span<const std::string>;
    Error away() const { return Error::unavailable("away"); }
    Result<std::vector<std::optional<Entry>>> get(const RequestContext&, Keys) override { return away(); }
    Result<std::vector<bool>> put(const RequestContext&, std::span<const Entry>) override { return away(); }
    Result<bool> acquire(const RequestContext&, const std::string&, std::string_view,
                         std::chrono::milliseconds) override {
      return away();
    }
    Result<bool> renew(const RequestContext&, const std::string&, std::string_view,
                       std::chrono::milliseconds) override {
      return away();
    }
    Result<bool> release(const RequestContext&, const std::string&, std::string_view) override { return away(); }
    Result<std::optional<std::string>> holder(const RequestContext&, const std::string&) override { return away(); }
    Result<std::optional<std::string>> get_text(const RequestContext&, const std::string&) override { return away(); }
    Result<void> put_text(const RequestContext&, const std::string&, std::string_view,
                          std::chrono::milliseconds) override {
      return away();
    }
    Result<std::uint64_t> remove_prefixes(const RequestContext&, Keys) override { return away(); }
    [[nodiscard]] Counters counters() const override { return {}; }
    Result<void> check(const RequestContext&) override { return away(); }
  };
  Deaf deaf;
  const auto failed = remove_tenant(ours, {index, objects, &deaf, nullptr}, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(state_of(ours), TenantState::kDeleting);
  ASSERT_TRUE(remove(ours));
  expect_gone(ours);
}

}  // namespace
}  // namespace gantry::archive

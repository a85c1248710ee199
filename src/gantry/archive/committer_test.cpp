#include "gantry/archive/committer.hpp"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/archive/store_test_support.hpp"

namespace gantry::archive {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::Faults;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Fate = Committer::Fate;
using Status = StoreOutcome::Status;
using When = Faults::When;

struct Settled {
  std::string sop;
  StoreOutcome outcome;
  Fate fate;
};

class CommitterTest : public ::testing::Test, public StoreService::Listener {
 protected:
  CommitterTest() {
    for (const char* tenant : {"clinic-a", "clinic-b", "clinic-c"}) {
      EXPECT_TRUE(memory.ensure_tenant(testing::context_for(tenant)));
    }
  }
  void committed(const RequestContext&, const StudyUid&, const SeriesUid&, const SopUid& sop) override {
    told.push_back(sop.str());
  }
  void start() {
    committer.emplace(index, settings, this, [this](PendingInstance instance, Fate fate) {
      settled.push_back({instance.record.sop.str(), instance.outcome, fate});
    });
  }
  /// Waits until all that was pushed is settled.
  void finish() { committer.reset(); }

  PendingInstance pending(const std::string& sop, char bytes = 'a', const std::string& tenant = "clinic-a") {
    index::InstanceRecord record;
    record.study = StudyUid("1.2");
    record.series = SeriesUid("1.2.3");
    record.sop = SopUid(sop);
    record.sop_class = dicom::testing::kCtClass;
    record.transfer_syntax = std::string(dicom::kExplicitLittleEndian);
    record.object_key = ObjectKey(tenant + "/" + uid_hash("1.2") + "/" + uid_hash("1.2.3") + "/" +
                                  std::string(64, bytes) + "-" + random_hex(16) + ".dcm");
    record.size = 100;
    record.file_sha256.fill(static_cast<std::uint8_t>(bytes));
    record.dataset_sha256.fill(static_cast<std::uint8_t>(bytes));
    record.persist_began = Clock::now();
    return {testing::context_for(tenant), std::move(record), MemoryBudget::Share(budget), {}, {}};
  }
  /// Pushes while the committer is busy with one other instance, "1.1", so that they wait together.
  void push_together(std::vector<PendingInstance> instances) {
    testing::Gate gate;
    faults.set([&gate, first = true](std::string_view call, When when) mutable -> std::optional<Error> {
      if (std::exchange(first, false) && call == "commit" && when == When::kBefore) gate.pass();
      return std::nullopt;
    });
    start();
    committer->push(pending("1.1"));
    gate.wait_for_somebody();
    for (auto& instance : instances) committer->push(std::move(instance));
    gate.open();
    finish();
  }
  const Settled& of(const std::string& sop) {
    const auto found = std::find_if(settled.begin(), settled.end(), [&](const auto& each) { return each.sop == sop; });
    EXPECT_NE(found, settled.end()) << sop;
    return *found;
  }
  bool is_there(const std::string& sop) {
    return (*memory.locate(testing::context_for(), StudyUid("1.2"), SeriesUid("1.2.3"), SopUid(sop))).has_value();
  }

  MemoryBudget budget{1 << 20};
  index::MemoryIndex memory;
  Faults faults;
  testing::FaultyIndex index{memory, faults};
  StoreSettings settings;
  std::vector<std::string> told;
  std::vector<Settled> settled;  ///< the committer's thread alone writes; read after finish()
  std::optional<Committer> committer;
};

TEST_F(CommitterTest, WhatArrivesDuringACommitIsTheNextGroup) {
  std::vector<PendingInstance> instances;
  for (int i = 0; i < 70; ++i) instances.push_back(pending("2." + std::to_string(i)));
  push_together(std::move(instances));
  const auto batches = index.take_batches();
  ASSERT_THAT(batches, SizeIs(3));
  EXPECT_THAT(batches[0].sops, ElementsAre("1.1")) << "a lone store waits for nobody";
  EXPECT_THAT(batches[1].sops, SizeIs(64));
  EXPECT_THAT(batches[2].sops, SizeIs(6));
  EXPECT_EQ(batches[1].sops[0], "2.0");
  EXPECT_THAT(settled, SizeIs(71));
  for (const auto& each : settled) {
    EXPECT_EQ(each.outcome.status, Status::kStored) << each.sop;
    EXPECT_EQ(each.fate, Fate::kKeep) << each.sop;
  }
}

TEST_F(CommitterTest, TenantsTakeTurnsAndNeverShareAGroup) {
  settings.group = 2;
  std::vector<PendingInstance> instances;
  for (int i = 0; i < 5; ++i) instances.push_back(pending("2." + std::to_string(i)));
  for (const char* tenant : {"clinic-b", "clinic-c"}) instances.push_back(pending("3.1", 'a', tenant));
  push_together(std::move(instances));
  std::vector<std::string> order;
  for (const auto& batch : index.take_batches())
    order.push_back(batch.tenant + " " + std::to_string(batch.sops.size()));
  EXPECT_THAT(order, ElementsAre("clinic-a 1", "clinic-a 2", "clinic-b 1", "clinic-c 1", "clinic-a 2", "clinic-a 1"));
}

TEST_F(CommitterTest, OneGroupTellsDuplicatesApart) {
  std::vector<PendingInstance> instances;
  instances.push_back(pending("2.1", 'a'));
  instances.push_back(pending("2.1", 'a'));
  instances.push_back(pending("2.1", 'b'));
  push_together(std::move(instances));
  ASSERT_THAT(settled, SizeIs(4));
  EXPECT_EQ(settled[1].outcome.status, Status::kStored);
  EXPECT_EQ(settled[1].fate, Fate::kKeep);
  EXPECT_EQ(settled[2].outcome.status, Status::kUnchanged);
  EXPECT_EQ(settled[2].fate, Fate::kRemove);
  EXPECT_EQ(settled[3].outcome.failure_reason, failure::kDuplicate);
  EXPECT_EQ(settled[3].fate, Fate::kRemove);
  EXPECT_THAT(told, ElementsAre("1.1", "2.1"));
}

TEST_F(CommitterTest, ABadInstanceStandsAloneAtLastAndItsNeighboursAreStored) {
  index.poison = "2.5";
  for (const Error& error : {Error::invalid("no such text"), Error::internal("stumbled")}) {
    settled.clear();
    index.poison_error = error;
    std::vector<PendingInstance> instances;
    for (int i = 0; i < 8; ++i) instances.push_back(pending("2." + std::to_string(i)));
    push_together(std::move(instances));
    ASSERT_THAT(settled, SizeIs(9));
    for (const auto& each : settled) EXPECT_EQ(each.outcome.stored(), each.sop != "2.5") << each.outcome.detail;
    const auto& bad = of("2.5");
    EXPECT_THAT(bad.outcome.detail, HasSubstr(error.detail()));
    EXPECT_EQ(bad.outcome.failure_reason, failure::kProcessing);
    const bool certain = error.kind() == ErrorKind::kInvalid;
    EXPECT_EQ(bad.fate, certain ? Fate::kRemove : Fate::kLeaveToSweep);
    EXPECT_EQ(bad.outcome.try_later, !certain);
  }
}

TEST_F(CommitterTest, ACommitWhoseAnswerIsLostIsReadBack) {
  for (const Error& error : {Error::unavailable("cut"), Error::timeout("late")}) {
    settled.clear();
    told.clear();
    const std::string sop = error.kind() == ErrorKind::kTimeout ? "2.1" : "2.2";
    faults.fail("commit", When::kAfter, error);
    start();
    committer->push(pending(sop));
    finish();
    EXPECT_EQ(of(sop).outcome.status, Status::kStored) << of(sop).outcome.detail;
    EXPECT_EQ(of(sop).fate, Fate::kKeep);
    EXPECT_TRUE(of(sop).outcome.detail.empty());
    EXPECT_THAT(told, ElementsAre(sop));
  }
}

TEST_F(CommitterTest, ACommitThatDidNotHappenIsSaidToBeSentAgainAndItsObjectLeftAlone) {
  struct Case {
    Error error;
    std::uint16_t reason;
  };
  for (const auto& [error, reason] : std::vector<Case>{{Error::unavailable("disk full"), failure::kResources},
                                                       {Error::timeout("late"), failure::kProcessing}}) {
    settled.clear();
    faults.fail("commit", When::kBefore, error);
    start();
    committer->push(pending("2.1"));
    finish();
    const auto& it = of("2.1");
    EXPECT_EQ(it.outcome.status, Status::kFailed);
    EXPECT_EQ(it.outcome.failure_reason, reason);
    EXPECT_TRUE(it.outcome.try_later);
    EXPECT_EQ(it.fate, Fate::kLeaveToSweep) << "its commit may still come";
    EXPECT_FALSE(is_there("2.1"));
  }
}

TEST_F(CommitterTest, AnIndexThatIsGoneIsAskedOnceAndNothingIsRemoved) {
  std::vector<PendingInstance> instances;
  for (int i = 0; i < 10; ++i) instances.push_back(pending("2." + std::to_string(i)));
  testing::Gate gate;
  faults.set([&gate, calls = 0](std::string_view call, When when) mutable -> std::optional<Error> {
    if (when == When::kAfter) return std::nullopt;
    if (calls++ == 0) {
      gate.pass();
      return std::nullopt;
    }
    return Error::unavailable("gone: " + std::string(call));
  });
  start();
  committer->push(pending("1.1"));
  gate.wait_for_somebody();
  for (auto& instance : instances) committer->push(std::move(instance));
  gate.open();
  finish();
  ASSERT_THAT(settled, SizeIs(11));
  for (std::size_t i = 1; i < settled.size(); ++i) {
    EXPECT_EQ(settled[i].fate, Fate::kLeaveToSweep);
    EXPECT_TRUE(settled[i].outcome.try_later);
    EXPECT_THAT(settled[i].outcome.detail, HasSubstr("gone: commit"));
  }
  EXPECT_THAT(faults.take_calls(), ElementsAre("commit", "commit", "locate")) << "not once per instance";
}

TEST_F(CommitterTest, NoObjectGoesWhileARowHoldsItOrNobodyKnows) {
  // Below the port an attempt was repeated: its second commit is told "unchanged" by its own row.
  const auto repeated = pending("2.1");
  ASSERT_TRUE(memory.commit(repeated.ctx, {&repeated.record, 1}, index::ConflictPolicy::kReject));
  start();
  committer->push({repeated.ctx, repeated.record, MemoryBudget::Share(budget), {}, {}});
  finish();
  EXPECT_EQ(of("2.1").outcome.status, Status::kUnchanged);
  EXPECT_EQ(of("2.1").fate, Fate::kKeep);

  settled.clear();
  faults.fail("are_held", When::kBefore, Error::unavailable("gone"));
  start();
  committer->push(pending("2.1"));
  finish();
  EXPECT_EQ(of("2.1").outcome.status, Status::kUnchanged) << "that is certain all the same";
  EXPECT_EQ(of("2.1").fate, Fate::kLeaveToSweep);
}

TEST_F(CommitterTest, AnAttemptThatBeganTooLongAgoIsRefusedAndRemoved) {
  auto old = pending("2.1");
  old.record.persist_began -= std::chrono::minutes(61);
  start();
  committer->push(std::move(old));
  finish();
  EXPECT_EQ(of("2.1").outcome.status, Status::kFailed);
  EXPECT_TRUE(of("2.1").outcome.try_later);
  EXPECT_EQ(of("2.1").fate, Fate::kRemove);
  EXPECT_FALSE(is_there("2.1"));
}

TEST_F(CommitterTest, ItsOwnDeadlineCountsNotThatOfTheSender) {
  auto late = pending("2.1");
  late.ctx.deadline = Clock::now() - std::chrono::seconds(1);
  start();
  committer->push(std::move(late));
  finish();
  EXPECT_EQ(of("2.1").outcome.status, Status::kStored);
}

TEST_F(CommitterTest, EndsAtOnceWhenNothingWaits) {
  start();
  finish();
  EXPECT_THAT(settled, IsEmpty());
  EXPECT_THAT(index.take_batches(), IsEmpty());
}

}  // namespace
}  // namespace gantry::archive

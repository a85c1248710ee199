// What only the MongoDB provider can do wrong: writers that die half way, turns between nodes, servers that do not
// answer.

#include "gantry/index/mongo/mongo_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "contract/index_contract.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/index/mongo/batch_store.hpp"
#include "gantry/index/mongo/test_database.hpp"
#include "gantry/index/sql/commit_run.hpp"

namespace gantry::index {
namespace {

using namespace std::chrono_literals;
using contract::context_for;
using contract::instance;
using contract::must;
using mongo::Batch;
using mongo::Bulk;
using mongo::by_text;
using mongo::Document;
using mongo::Find;
using testing::IsEmpty;
using Outcome = Committed::Outcome;

class MongoIndexTest : public testing::Test {
 protected:
  MongoIndexTest() : index(open()) { EXPECT_TRUE(index->ensure_tenant(ctx)); }

  std::unique_ptr<MongoIndex> open() {
    MongoSettings settings;
    settings.url = database.url();
    auto opened = MongoIndex::open(settings);
    if (!opened) throw std::runtime_error(opened.error().detail());
    return *std::move(opened);
  }
  Committed commit(InstanceRecord record, ConflictPolicy policy = ConflictPolicy::kReject) {
    return must(index->commit(ctx, std::vector{std::move(record)}, policy)).at(0);
  }
  std::vector<SearchRow> all(Level level) {
    SearchQuery query;
    query.level = level;
    std::vector<SearchRow> rows;
    EXPECT_TRUE(index->search(ctx, query, [&](SearchRow&& row) {
      rows.push_back(std::move(row));
      return true;
    }));
    return rows;
  }
  std::size_t documents(const char* collection) {
    std::size_t count = 0;
    auto session = database.session();
    EXPECT_TRUE(session.find(collection, Find{}, [&count](const bson_t&) -> Result<bool> { return ++count > 0; }));
    return count;
  }
  Document tenant() {
    auto session = database.session();
    return *must(session.find_one(mongo::kTenants, Find{by_text("_id", "clinic-a"), {}, {}, 0, 0}));
  }
  void update_tenant(const Document& update) {
    auto session = database.session();
    Bulk bulk;
    bulk.update_one(by_text("_id", "clinic-a"), update);
    EXPECT_EQ(must(session.write(mongo::kTenants, bulk)).matched, 1);
  }

  using Run = std::function<void(sql::CommitRun&)>;
  /// What `run` wants made, planned against the index as it is, and not made.
  Batch plan(const Run& run) {
    auto session = database.session();
    const Document document = tenant();
    const auto count = [&](const char* key) {
      return static_cast<std::uint64_t>(mongo::number_of(*document.raw(), key));
    };
    sql::TenantRow row;
    row.change_no = count("change_no"), row.bytes = count("bytes"), row.instances = count("instances");
    row.studies = count("studies"), row.series = count("series");
    row.now = Timestamp(std::chrono::milliseconds(1'700'000'000'000));
    Batch batch;
    batch.id = "deadwriter";
    batch.tenant = ctx.tenant;
    mongo::BatchStore store(session, batch, row, [](Batch&) -> Result<void> { return {}; });
    sql::CommitRun planner(store, ctx);
    run(planner);
    return batch;
  }
  Batch plan_commit(std::vector<InstanceRecord> records) {
    return plan([&records](sql::CommitRun& run) { EXPECT_TRUE(run.commit(records, ConflictPolicy::kReplace)); });
  }
  /// The turn is a writer's that was not heard of for long.
  void leave_turn(bool named) {
    Document set = by_text("writer_id", "deadwriter");
    set.number("writer_until", std::int64_t{1'000'000});
    if (named) set.text("writer_batch", "deadwriter");
    update_tenant(mongo::wrapped("$set", set));
  }
  void expect_sound() {
    EXPECT_THAT(must(index->verify_counts(ctx)), IsEmpty());
    EXPECT_EQ(documents(mongo::kBatches), 0U);
    EXPECT_FALSE(mongo::has(*tenant().raw(), "writer_id"));
  }

  mongo::TestDatabase database;
  RequestContext ctx = context_for("clinic-a");
  std::unique_ptr<MongoIndex> index;
};

/// How far a writer came after it had named its batch.
class MongoDeadWriter : public MongoIndexTest, public testing::WithParamInterface<int> {
 protected:
  void die_with(const Batch& batch) {
    auto session = database.session();
    ASSERT_TRUE(mongo::stage(session, batch, Timestamp{}));
    leave_turn(true);
    for (int times = 0; times < GetParam(); ++times) ASSERT_TRUE(mongo::make(session, batch, mongo::Guard::kVersions));
  }
};
INSTANTIATE_TEST_SUITE_P(HowFar, MongoDeadWriter, testing::Values(0, 1, 2));

TEST_P(MongoDeadWriter, LeavesABatchThatTheNextWriterFinishesWhole) {
  commit(instance("1", "1.1", "1.1.1", "a"));
  commit(instance("2", "2.1", "2.1.1"));
  // One is new, one takes the place of other bytes, one moves here from a study that ends by that.
  die_with(plan_commit(
      {instance("3", "3.1", "3.1.1"), instance("1", "1.1", "1.1.1", "b"), instance("3", "3.1", "2.1.1", "b")}));
  const Committed next = commit(instance("4", "4.1", "4.1.1"));
  EXPECT_EQ(next.outcome, Outcome::kStored);
  EXPECT_EQ(next.version, 7U) << "after the four numbers of the batch";
  EXPECT_EQ(all(Level::kStudy).size(), 3U);
  EXPECT_EQ(all(Level::kInstance).size(), 4U);
  EXPECT_EQ(must(index->changes(ctx, 0, 100)).size(), 7U);
  EXPECT_EQ(must(index->totals(ctx)).instances, 4U);
  EXPECT_EQ(must(index->locate(ctx, StudyUid("3"), SeriesUid("3.1"), SopUid("2.1.1")))->version, 6U);
  EXPECT_EQ(documents(mongo::kQueue), 2U) << "the objects of what was replaced and moved";
  EXPECT_EQ(commit(instance("3", "3.1", "3.1.1")).outcome, Outcome::kUnchanged) << "who sends it again is told so";
  expect_sound();
}

TEST_P(MongoDeadWriter, LeavesARemovalThatTheNextWriterFinishes) {
  for (int i = 1; i <= 5; ++i) commit(instance("1", "1." + std::to_string(i % 2), "1.1." + std::to_string(i)));
  commit(instance("2", "2.1", "2.1.1"));
  die_with(plan([](sql::CommitRun& run) {
    EXPECT_EQ(must(run.remove(StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0))), 5U);
  }));
  EXPECT_EQ(must(index->remove(ctx, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0))), 0U);
  EXPECT_EQ(all(Level::kInstance).size(), 1U);
  EXPECT_EQ(documents(mongo::kQueue), 5U);
  EXPECT_EQ(must(index->totals(ctx)).studies, 1U);
  expect_sound();
}

TEST_P(MongoDeadWriter, LeavesStatesThatANodeFinishesWhenItStarts) {
  StateRow state;
  state.study_uid = "1", state.series_uid = "1.1", state.patient_id = "P";
  die_with(plan([&state](sql::CommitRun& run) { EXPECT_TRUE(must(run.save_states(std::span(&state, 1)))); }));
  index = open();
  const auto states = must(index->get_state_metaes(ctx, StudyUid("1")));
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states[0].patient_id, "P");
  EXPECT_EQ(must(index->totals(ctx)).change_no, 1U);
  expect_sound();
}

TEST_F(MongoIndexTest, ABatchThatWasNotNamedIsForgotten) {
  {
    auto session = database.session();
    ASSERT_TRUE(mongo::stage(session, plan_commit({instance("1", "1.1", "1.1.1")}), Timestamp{}));
  }
  leave_turn(false);
  EXPECT_THAT(all(Level::kInstance), IsEmpty());
  EXPECT_EQ(commit(instance("2", "2.1", "2.1.1")).version, 1U);
  EXPECT_EQ(all(Level::kInstance).size(), 1U);
  expect_sound();
}

TEST_F(MongoIndexTest, AWriterWhoseTurnWasTakenAwayUndoesNothing) {
  commit(instance("1", "1.1", "1.1.1", "a"));
  const Batch late = plan_commit({instance("1", "1.1", "1.1.1", "b"), instance("1", "1.1", "1.1.2")});
  auto newer = instance("1", "1.1", "1.1.1", "c");
  newer.attributes.patient_id = "P";
  commit(newer, ConflictPolicy::kReplace);
  commit(instance("1", "1.1", "1.1.2", "c"));
  auto session = database.session();
  ASSERT_TRUE(mongo::make(session, late, mongo::Guard::kVersions));
  EXPECT_EQ(must(index->locate(ctx, newer.study, newer.series, newer.sop))->instance.location->object_key,
            newer.object_key);
  EXPECT_EQ(all(Level::kStudy)[0].study.attributes.patient_id, "P");
  EXPECT_EQ(all(Level::kStudy)[0].study.version, 3U);
  EXPECT_THAT(must(index->verify_counts(ctx)), IsEmpty());
}

TEST_F(MongoIndexTest, AWriterWaitsForItsTurnUntilTheDeadlineAndNoLonger) {
  Document set = by_text("writer_id", "othernode");
  set.number("writer_until", sql::micros(database.pool().database_now() + 1h));
  update_tenant(mongo::wrapped("$set", set));
  RequestContext hurried = ctx;
  hurried.deadline = Clock::now() + 300ms;
  const auto outcome = index->commit(hurried, std::vector{instance("1", "1.1", "1")}, ConflictPolicy::kReject);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind(), ErrorKind::kTimeout);
  EXPECT_THAT(all(Level::kInstance), IsEmpty());
  EXPECT_EQ(mongo::text_of(*tenant().raw(), "writer_id"), "othernode") << "the turn stays whose it is";
}

TEST_F(MongoIndexTest, AStudyThatIsBeingChangedIsShownWithTheInstancesItHas) {
  commit(instance("1", "1.1", "1.1.1"));
  const Batch batch = plan_commit({instance("1", "1.1", "1.1.2"), instance("1", "1.2", "1.2.1")});
  // As far as the instances and series of the batch, and not its study.
  Batch half = batch;
  half.studies.clear();
  auto session = database.session();
  ASSERT_TRUE(mongo::make(session, half, mongo::Guard::kVersions));
  Bulk bulk;
  Document pending = by_text("batch", batch.id), set;
  set.documents("pending", std::span(&pending, 1));
  bulk.update_one(by_text("_id", mongo::study_id("clinic-a", "1")), mongo::wrapped("$set", set));
  ASSERT_TRUE(session.write(mongo::kStudies, bulk));
  const auto rows = all(Level::kInstance);
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) EXPECT_EQ(row.study.instance_count, 3U);
  EXPECT_EQ(rows[0].study.series_count, 2U);
  EXPECT_EQ(all(Level::kSeries)[0].series->instance_count, 2U);
}

TEST_F(MongoIndexTest, AnInstanceLargerThanADocumentIsRefusedAlone) {
  auto large = instance("1", "1.1", "1");
  large.attributes_zstd = std::string(16'000'000, 'x');
  const auto outcomes =
      must(index->commit(ctx, std::vector{large, instance("1", "1.1", "2")}, ConflictPolicy::kReject));
  EXPECT_EQ(outcomes[0].outcome, Outcome::kRejected);
  EXPECT_NE(outcomes[0].detail, "");
  EXPECT_EQ(outcomes[1].outcome, Outcome::kStored);
  EXPECT_EQ(outcomes[1].version, 1U);
}

TEST_F(MongoIndexTest, AnOrderOverMoreThanASearchMayHoldIsRefusedAndSaysSo) {
  std::vector<InstanceRecord> batch;
  for (int i = 0; i < 64; ++i) {
    batch.push_back(instance("1", "1.1", std::to_string(i)));
    batch.back().attributes.content_time = std::string(300'000, '1');
  }
  ASSERT_TRUE(index->commit(ctx, batch, ConflictPolicy::kReject));
  SearchQuery query;
  query.level = Level::kInstance;
  query.order = {{Field::kContentDate, false}};
  const auto unlimited = index->search(ctx, query, [](SearchRow&&) { return true; });
  ASSERT_FALSE(unlimited);
  EXPECT_EQ(unlimited.error().kind(), ErrorKind::kTooLarge);
  query.limit = 5;
  int seen = 0;
  EXPECT_TRUE(index->search(ctx, query, [&seen](SearchRow&&) { return ++seen > 0; })) << "a page of them is small";
  EXPECT_EQ(seen, 5);
}

TEST_F(MongoIndexTest, ASchemaOfANewerMajorIsRefusedAndAnOldOneWaitsForMigrate) {
  const auto set_major = [this](int major) {
    auto session = database.session();
    Document set;
    set.number("major", major);
    Bulk bulk;
    bulk.update_one(by_text("_id", "schema"), mongo::wrapped("$set", set));
    ASSERT_TRUE(session.write(mongo::kSchema, bulk));
  };
  MongoSettings settings;
  settings.url = database.url();
  set_major(sql::kSchemaMajor + 1);
  EXPECT_EQ(MongoIndex::open(settings).error().kind(), ErrorKind::kUnsupported);
  set_major(sql::kSchemaMajor - 1);
  settings.migrate = false;
  EXPECT_EQ(MongoIndex::open(settings).error().kind(), ErrorKind::kUnavailable) << "to be migrated";
  settings.migrate = true;
  EXPECT_TRUE(MongoIndex::open(settings));
  settings.migrate = false;
  EXPECT_TRUE(MongoIndex::open(settings));
}

TEST_F(MongoIndexTest, WhenAllConnectionsAreInUseItSaysSoInTime) {
  MongoSettings settings;
  settings.url = database.url();
  settings.connections = 2;
  settings.wait_time = 50ms;
  auto small = must(MongoIndex::open(settings));
  commit(instance("1", "1.1", "1"));
  Result<void> inner = Result<void>();
  // Each visit asks for one more connection than the one before.
  const std::function<void()> ask = [&] {
    const auto answer = small->search(ctx, {}, [&](SearchRow&&) {
      if (inner) ask();
      return true;
    });
    if (!answer && inner) inner = answer.error();
  };
  ask();
  ASSERT_FALSE(inner);
  EXPECT_EQ(inner.error().kind(), ErrorKind::kUnavailable);
  EXPECT_GT(small->pool_stats()->wait_timeouts, 0U);
  EXPECT_TRUE(small->check(ctx)) << "and goes on when they are free";
}

/// Takes connections and says nothing.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_.get(), 16) != 0 ||
        getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no silent server");
    }
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::string url() const { return "mongodb://127.0.0.1:" + std::to_string(port_) + "/x"; }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

TEST(MongoIndexOpen, AServerThatDoesNotAnswerIsUnavailableInsideTheTimeOut) {
  const SilentServer server;
  MongoSettings settings;
  settings.url = server.url();
  settings.connect_time = 200ms;
  const auto opened = MongoIndex::open(settings);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind(), ErrorKind::kUnavailable);
}

TEST(MongoIndexOpen, AUrlThatIsNoneIsInvalid) {
  for (const char* const url : {"mongodb://", "http://127.0.0.1/x", "mongodb://127.0.0.1:x/y", ""}) {
    MongoSettings settings;
    settings.url = url;
    const auto opened = MongoIndex::open(settings);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().kind(), ErrorKind::kInvalid) << url;
  }
}

TEST(MongoBson, TextIsUtf8WhateverItWas) {
  EXPECT_EQ(mongo::valid_utf8("abc"), "abc");
  EXPECT_EQ(mongo::valid_utf8("𠮷é"), "𠮷é");
  EXPECT_EQ(mongo::valid_utf8("a\xff"
                              "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(mongo::valid_utf8("\xe5\xb1"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(mongo::valid_utf8(std::string("a\0b\xc3", 4)), std::string("a\0b\xef\xbf\xbd", 6));
  Document document;
  document.text("t", "x\xc3");
  EXPECT_EQ(mongo::text_of(*document.raw(), "t"), "x\xef\xbf\xbd");
  EXPECT_EQ(mongo::text_of(*document.raw(), "absent"), "");
  EXPECT_EQ(mongo::number_of(*document.raw(), "t"), 0) << "of another type";
}

}  // namespace
}  // namespace gantry::index

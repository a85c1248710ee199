// What only MariaDB and MySQL can do wrong: connections, locks, the schema, limits of packets.

#include "gantry/index/mysql/mysql_index.hpp"

#include <thread>

#include "contract/fault_proxy.hpp"
#include "contract/index_contract.hpp"
#include "gantry/index/mysql/connection.hpp"
#include "gantry/index/mysql/test_database.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index {
namespace {

using contract::context_for;
using contract::instance;
using gantry::contract::FaultProxy;
using mysql::TestDatabase;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Outcome = Committed::Outcome;

/// An OK packet of a session without a transaction: what answers a COMMIT.
const std::string kDoneAndNoTransaction("\0\0\0\2\0\0\0", 7);

class Mysql : public testing::Test {
 protected:
  std::unique_ptr<MysqlIndex> open(MysqlSettings settings) {
    auto opened = MysqlIndex::open(std::move(settings));
    EXPECT_TRUE(opened) << opened.error().detail();
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<MysqlIndex> open() { return open(settings()); }
  MysqlSettings settings() const { return database.settings(); }
  Error refusal(MysqlSettings settings) {
    const auto opened = MysqlIndex::open(std::move(settings));
    EXPECT_FALSE(opened);
    return opened ? Error::internal("opened") : opened.error();
  }
  Committed commit(MysqlIndex& index, InstanceRecord record) {
    const std::vector batch{std::move(record)};
    const auto outcomes = index.commit(ctx, batch, ConflictPolicy::kReject);
    EXPECT_TRUE(outcomes) << outcomes.error().detail();
    return outcomes ? (*outcomes)[0] : Committed{Outcome::kRejected, 0, outcomes.error().detail(), {}};
  }
  void expect_counts_right(MysqlIndex& index) {
    const auto differences = index.verify_counts(ctx);
    ASSERT_TRUE(differences) << differences.error().detail();
    EXPECT_THAT(*differences, IsEmpty());
  }

  TestDatabase database;
  RequestContext ctx = context_for("clinic-a");
};

TEST_F(Mysql, AnInstanceThatTheDatabaseRefusesFailsAlone) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  database.run("ALTER TABLE dicom_image_meta ADD CONSTRAINT no_seven CHECK (instance_number <> '7')", true);
  std::vector<InstanceRecord> batch;
  for (int i = 5; i < 10; ++i) {
    batch.push_back(instance("1", "1.1", "1.1." + std::to_string(i)));
    batch.back().attributes.instance_number = std::to_string(i);
  }
  const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
  ASSERT_TRUE(outcomes) << outcomes.error().detail();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ((*outcomes)[i].outcome, i == 2 ? Outcome::kRejected : Outcome::kStored);
  }
  EXPECT_THAT((*outcomes)[2].detail, HasSubstr("no_seven"));
  EXPECT_EQ((*outcomes)[3].version, (*outcomes)[1].version + 1) << "it took no number";
  EXPECT_EQ(index->totals(ctx)->instances, 4U);
  expect_counts_right(*index);
}

TEST_F(Mysql, TermsThatNoIndexEntryCouldHoldAreFound) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  std::string long_id;
  std::mt19937 random(3);
  while (long_id.size() < 8000)
    long_id += static_cast<char>('!' + random() % 90);  // nothing that could be compressed away
  const std::string nuls(5000, '\0');
  int n = 0;
  for (const std::string& id : {long_id + "a", long_id + "b", nuls, std::string(3000, '\xFF')}) {
    const std::string uid = "1." + std::to_string(++n);
    auto record = instance(uid, uid + ".1", uid + ".1.1");
    record.attributes.patient_id = record.attributes.accession_number = id;
    EXPECT_EQ(commit(*index, record).outcome, Outcome::kStored);
    for (const Field field : {Field::kPatientId, Field::kAccessionNumber}) {
      SearchQuery query;
      query.matches = {{field, Match::Kind::kAnyOf, {id}, {}}};
      EXPECT_EQ(*index->count(ctx, query, 10), 1U);
      query.matches = {{field, Match::Kind::kWildcard, {id.substr(0, 500) + "*" + id.back()}, {}}};
      EXPECT_EQ(*index->count(ctx, query, 10), 1U);
    }
  }
}

TEST_F(Mysql, ConnectionsThatTheServerEndedAreReplacedUnseen) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int i = 0; i < 5; ++i) {
    database.end_connections("1 = 1");
    EXPECT_EQ(commit(*index, instance("1", "1.1", std::to_string(i))).outcome, Outcome::kStored);
    EXPECT_TRUE(index->totals(ctx));
  }
  EXPECT_GE(index->pool_stats()->broken, 5U);
  expect_counts_right(*index);
}

// A connection that ends while its transaction runs: the transaction is gone, and runs again.
TEST_F(Mysql, CommitsSurviveConnectionsThatEndInTheMiddleOfThem) {
  auto many = settings();
  many.connections = 12;
  const auto index = open(many);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  constexpr int kThreads = 6, kEach = 40;
  std::atomic<int> running = kThreads, failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::vector batch{
            instance("1", "1." + std::to_string(t % 3), std::to_string(t) + "." + std::to_string(i))};
        for (;;) {
          const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
          if (outcomes) {
            // What an unanswered attempt may have stored is unchanged now; never is it stored twice.
            EXPECT_TRUE((*outcomes)[0].outcome == Outcome::kStored || (*outcomes)[0].outcome == Outcome::kUnchanged);
            break;
          }
          EXPECT_EQ(outcomes.error().kind(), ErrorKind::kUnavailable) << outcomes.error().detail();
          ++failed;
        }
      }
      --running;
    });
  }
  while (running > 0) {
    database.end_connections("command <> 'Sleep' ORDER BY RAND() LIMIT 1");
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(index->totals(ctx)->instances, static_cast<std::uint64_t>(kThreads * kEach));
  EXPECT_EQ(index->changes(ctx, 0, 10'000)->size(), static_cast<std::size_t>(kThreads * kEach))
      << "each was stored once";
  expect_counts_right(*index);
}

TEST_F(Mysql, ACommitWhoseAnswerWasLostIsFoundAndNotDoneTwice) {
  FaultProxy proxy(settings().port);
  auto through = settings();
  through.port = proxy.port();
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  commit(*index, instance("1", "1.1", "1"));
  proxy.lose_answer_with(kDoneAndNoTransaction);
  const Committed committed = commit(*index, instance("1", "1.1", "2"));
  EXPECT_EQ(proxy.lost(), 1);
  EXPECT_EQ(committed.outcome, Outcome::kStored);
  EXPECT_EQ(committed.version, 2U);
  EXPECT_EQ(index->totals(ctx)->instances, 2U);
  EXPECT_EQ(index->changes(ctx, 0, 100)->size(), 2U);
  // A removal is not read back: it says that it does not know, and may be asked for again.
  proxy.lose_answer_with(kDoneAndNoTransaction);
  const auto removed = index->remove(ctx, StudyUid("1"), std::nullopt, SopUid("2"), std::chrono::seconds(0));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(*index->remove(ctx, StudyUid("1"), std::nullopt, SopUid("2"), std::chrono::seconds(0)), 0U);
  expect_counts_right(*index);
}

TEST_F(Mysql, ACommitThatEndedUnheardAndWasNotMadeIsMadeOnce) {
  FaultProxy proxy(settings().port);
  auto through = settings();
  through.port = proxy.port();
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  proxy.lose_requests_with(";COMMIT", 1);
  EXPECT_EQ(commit(*index, instance("1", "1.1", "1")).outcome, Outcome::kStored);
  EXPECT_EQ(proxy.lost(), 1);
  EXPECT_EQ(index->totals(ctx)->instances, 1U);
  expect_counts_right(*index);
}

TEST_F(Mysql, ACommitThatNeverGetsThroughIsUnavailableAndNotStored) {
  FaultProxy proxy(settings().port);
  auto through = settings();
  through.port = proxy.port();
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  proxy.lose_requests_with(";COMMIT", 1000);
  const std::vector batch{instance("1", "1.1", "1")};
  const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(index->totals(ctx)->instances, 0U);
}

TEST_F(Mysql, ADatabaseThatHangsIsATimeoutAndIsBackWhenItIsBack) {
  FaultProxy proxy(settings().port);
  auto through = settings();
  through.port = proxy.port();
  through.connect_time = through.statement_time = std::chrono::milliseconds(400);
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int round = 0; round < 3; ++round) {
    proxy.stall(true);
    const auto stalled = index->totals(ctx);
    ASSERT_FALSE(stalled);
    EXPECT_EQ(stalled.error().kind(), ErrorKind::kTimeout);
    const std::vector batch{instance("1", "1.1", std::to_string(round))};
    const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
    ASSERT_FALSE(outcomes) << "nothing is acknowledged";
    EXPECT_EQ(outcomes.error().kind(), ErrorKind::kUnavailable) << "no connection can be made";
    proxy.stall(false);
    EXPECT_TRUE(index->totals(ctx)) << "the first request after it";
    EXPECT_EQ(commit(*index, instance("1", "1.1", std::to_string(round))).outcome, Outcome::kStored);
  }
  expect_counts_right(*index);
}

TEST_F(Mysql, ADatabaseThatIsAwayIsUnavailableAtOnceAndIsBackWhenItIsBack) {
  FaultProxy proxy(settings().port);
  auto through = settings();
  through.port = proxy.port();
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int round = 0; round < 3; ++round) {
    proxy.away(true);
    const auto gone = index->check(ctx);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind(), ErrorKind::kUnavailable);
    EXPECT_THAT(gone.error().detail(), Not(HasSubstr("gantry:"))) << "no password";
    const std::vector batch{instance("1", "1.1", "1")};
    EXPECT_FALSE(index->commit(ctx, batch, ConflictPolicy::kReject));
    EXPECT_FALSE(index->locate(ctx, StudyUid("1"), SeriesUid("1.1"), SopUid("1"))) << "a failure is not *not found*";
    proxy.away(false);
    EXPECT_TRUE(index->check(ctx)) << "the first request after it";
  }
  EXPECT_GT(index->pool_stats()->open_failures, 0U);
}

TEST_F(Mysql, WhoFindsNoFreeConnectionIsToldSo) {
  auto one = settings();
  one.connections = 1;
  one.wait_time = std::chrono::milliseconds(50);
  const auto index = open(one);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  commit(*index, instance("1", "1.1", "1"));
  ErrorKind without_deadline{}, with_deadline{};
  SearchQuery query;
  query.with_attributes = true;
  ASSERT_TRUE(index->search(ctx, query, [&](SearchRow&&) {
    without_deadline = index->totals(ctx).error().kind();
    RequestContext soon = ctx;
    soon.deadline = Clock::now() + std::chrono::milliseconds(10);
    with_deadline = index->totals(soon).error().kind();
    return true;
  }));
  EXPECT_EQ(without_deadline, ErrorKind::kUnavailable);
  EXPECT_EQ(with_deadline, ErrorKind::kTimeout);
  EXPECT_EQ(index->pool_stats()->wait_timeouts, 2U);
  EXPECT_TRUE(index->totals(ctx));
}

TEST_F(Mysql, ReadersLeaveConnectionsToWriters) {
  auto few = settings();
  few.connections = 3;
  few.for_writing = 1;
  few.wait_time = std::chrono::milliseconds(50);
  const auto index = open(few);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  commit(*index, instance("1", "1.1", "1"));
  SearchQuery query;
  query.with_attributes = true;
  bool wrote = false, read = true;
  ASSERT_TRUE(index->search(ctx, query, [&](SearchRow&&) {
    return bool(index->search(ctx, query, [&](SearchRow&&) {
      read = index->totals(ctx).ok();
      wrote = index->set_quotas(ctx, {}).ok();
      return true;
    }));
  }));
  EXPECT_FALSE(read);
  EXPECT_TRUE(wrote);
}

TEST_F(Mysql, AWaitForALockEndsAtTheDeadline) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  const auto other = *mysql::Connection::open(settings(), Clock::now() + std::chrono::seconds(10));
  const auto ask = [&other](const char* text) { EXPECT_TRUE(other->run_once(text, Deadline::max())); };
  ask("START TRANSACTION");
  ask("SELECT 1 FROM dicom_tenant WHERE tenant_id = 'clinic-a' FOR UPDATE");
  RequestContext soon = ctx;
  soon.deadline = Clock::now() + std::chrono::milliseconds(300);
  const std::vector batch{instance("1", "1.1", "1")};
  const auto outcomes = index->commit(soon, batch, ConflictPolicy::kReject);
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(index->totals(ctx)) << "readers don't wait";
  ask("ROLLBACK");
  EXPECT_EQ(commit(*index, instance("1", "1.1", "1")).outcome, Outcome::kStored);
}

TEST_F(Mysql, CommitsTakeTwoRoundTripsWhateverTheirSize) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (const int size : {1, 64}) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < size; ++i) {
      const std::string study = std::to_string(size) + "." + std::to_string(i);
      batch.push_back(instance(study, study + ".1", study + ".1.1"));
      batch.back().attributes.patient_name = "Doe^" + study;
    }
    const auto before = index->pool_stats()->round_trips;
    ASSERT_TRUE(index->commit(ctx, batch, ConflictPolicy::kReject));
    EXPECT_EQ(index->pool_stats()->round_trips - before, 2U) << size;
  }
}

TEST_F(Mysql, ASearchForAPageIsOneRoundTripAndWalksTheIndex) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int b = 0; b < 40; ++b) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 64; ++i) {
      const std::string study = std::to_string(b) + "." + std::to_string(i);
      batch.push_back(instance(study, study + ".1", study + ".1.1"));
      batch.back().attributes.study_date = "2024010" + std::to_string(i % 9 + 1);
      batch.back().attributes.patient_id = "P" + study;
    }
    ASSERT_TRUE(index->commit(ctx, batch, ConflictPolicy::kReject));
  }
  database.run("ANALYZE TABLE dicom_study_meta, dicom_term", true);
  SearchQuery page;
  page.limit = 25;
  const auto before = index->pool_stats()->round_trips;
  int rows = 0;
  ASSERT_TRUE(index->search(ctx, page, [&rows](SearchRow&&) { return ++rows > 0; }));
  EXPECT_EQ(rows, 25);
  EXPECT_EQ(index->pool_stats()->round_trips - before, 1U);
  EXPECT_THAT(*index->explain(ctx, page),
              ElementsAre(AllOf(HasSubstr("| dicom_study_order |"), Not(HasSubstr("filesort")))));
  page.matches = {{Field::kPatientId, Match::Kind::kAnyOf, {"P3.7"}, {}}};
  const auto plan = *index->explain(ctx, page);
  EXPECT_THAT(plan, Contains(AllOf(HasSubstr("t | ref"), HasSubstr("| PRIMARY |"))));
  EXPECT_THAT(plan, Not(Contains(HasSubstr("| ALL |"))));
  EXPECT_THAT(plan, Not(Contains(HasSubstr("filesort"))));
}

TEST_F(Mysql, ALongListIsReadAsItComesAndMayBeLeft) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int b = 0; b < 25; ++b) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 64; ++i) {
      batch.push_back(instance("1", "1.1", std::to_string(b) + "." + std::to_string(i)));
      batch.back().attributes_zstd = random_hex(20'000);
    }
    ASSERT_TRUE(index->commit(ctx, batch, ConflictPolicy::kReject));
  }
  SearchQuery query;
  query.level = Level::kInstance;
  query.study = StudyUid("1");
  query.with_attributes = true;
  int rows = 0;
  ASSERT_TRUE(index->search(ctx, query, [&rows](SearchRow&& row) {
    EXPECT_EQ(row.attributes_zstd.size(), 40'000U);
    return ++rows > 0;
  }));
  EXPECT_EQ(rows, 1600);
  rows = 0;
  ASSERT_TRUE(index->search(ctx, query, [&rows](SearchRow&&) { return ++rows < 300; }));
  EXPECT_EQ(rows, 300);
  EXPECT_EQ(index->pool_stats()->in_use, 0U);
  EXPECT_TRUE(index->totals(ctx));
}

TEST_F(Mysql, ManyNodesMayMakeTheSchemaAtOnce) {
  std::vector<std::thread> nodes;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 6; ++i) {
    nodes.emplace_back([&] { opened += MysqlIndex::open(settings()).ok() ? 1 : 0; });
  }
  for (auto& node : nodes) node.join();
  EXPECT_EQ(opened, 6);
  EXPECT_EQ(database.run("SELECT COUNT(*) FROM gantry_schema", true), std::to_string(sql::kLastMigration));
}

TEST_F(Mysql, ANewerMajorIsRefusedAndANewerMinorIsServed) {
  auto as_it_is = settings();
  as_it_is.migrate = false;
  EXPECT_EQ(refusal(as_it_is).kind(), ErrorKind::kUnavailable) << "no schema";
  EXPECT_THAT(refusal(as_it_is).detail(), HasSubstr("gantry migrate"));
  open();
  EXPECT_TRUE(open(as_it_is));
  database.run("INSERT INTO gantry_schema (migration, major, minor) VALUES (100, 1, 107)", true);
  EXPECT_TRUE(open());
  EXPECT_TRUE(open(as_it_is));
  database.run("INSERT INTO gantry_schema (migration, major, minor) VALUES (101, 2, 0)", true);
  EXPECT_EQ(refusal(settings()).kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(refusal(as_it_is).detail(), HasSubstr("newer"));
}

TEST_F(Mysql, AMigrationThatWasCutOffIsFinishedByTheNext) {
  database.run("CREATE TABLE dicom_study_meta (nothing INT)", true);  // somebody else's, of the same name
  EXPECT_FALSE(MysqlIndex::open(settings()));
  EXPECT_EQ(database.run("SELECT COUNT(*) FROM gantry_schema", true), "0") << "what did not end is not noted";
  database.run("DROP TABLE dicom_study_meta", true);
  const auto index = open();
  EXPECT_TRUE(index->ensure_tenant(ctx));
  EXPECT_EQ(database.run("SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND "
                         "index_name = 'dicom_image_sop'",
                         true),
            "2");
}

TEST_F(Mysql, AServersCertificateIsVerified) {
  const char* authority = std::getenv("MYSQL_CA");
  ASSERT_NE(authority, nullptr) << "scripts/services prints it";
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  const auto with = [&](const std::string& host, std::uint16_t port, Parameters parameters) {
    auto made = settings();
    made.host = host;
    made.port = port;
    made.parameters = std::move(parameters);
    return MysqlIndex::open(made);
  };
  const auto port = settings().port;
  const std::pair<std::string, std::string> known{"sslrootcert", authority}, full{"sslmode", "verify-full"};
  EXPECT_TRUE(with("localhost", port, {full, known}));
  EXPECT_TRUE(with("127.0.0.1", port, {full, known}));
  EXPECT_FALSE(with("localhost", port, {full})) << "an authority that this machine does not know";
  // Its certificate is for localhost and 127.0.0.1; the same server stands at 127.0.0.2, too.
  FaultProxy elsewhere(port, 2);
  const auto wrong_name = with("127.0.0.2", elsewhere.port(), {full, known});
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().kind(), ErrorKind::kUnavailable);
  EXPECT_TRUE(with("127.0.0.2", elsewhere.port(), {{"sslmode", "require"}})) << "weaker only when said so";
}

TEST_F(Mysql, WrongUrlsAreRefusedWithoutTheirPasswords) {
  auto wrong = settings();
  wrong.parameters = {{"no_such_parameter", "1"}};
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kInvalid);
  wrong.parameters = {{"sslmode", "perhaps"}};
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kInvalid);
  wrong = settings();
  wrong.database.clear();
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kInvalid);
  wrong = settings();
  wrong.password = "sesame";
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(refusal(wrong).detail(), Not(HasSubstr("sesame")));
}

TEST(MysqlDurability, IsDecidedByTheLogThatDecidesAfterACrash) {
  EXPECT_THAT(mysql::why_not_durable({true, 1, false, 0}), IsEmpty());
  EXPECT_THAT(mysql::why_not_durable({false, 1, true, 1}), IsEmpty());
  EXPECT_THAT(mysql::why_not_durable({true, 3, true, 0}), IsEmpty());
  EXPECT_THAT(mysql::why_not_durable({false, 3, false, 1}), HasSubstr("innodb_flush_log_at_trx_commit = 3"));
  EXPECT_THAT(mysql::why_not_durable({true, 2, true, 1}), HasSubstr("innodb_flush_log_at_trx_commit = 2"));
  EXPECT_THAT(mysql::why_not_durable({true, 1, true, 0}), HasSubstr("sync_binlog = 0"));
  EXPECT_THAT(mysql::why_not_durable({false, 1, true, 1000}), HasSubstr("sync_binlog = 1000"));
}

TEST_F(Mysql, WhatIsLongerThanAPacketGoesInSeveral) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  const auto most = std::stoull(database.run("SELECT @@max_allowed_packet"));
  std::vector<InstanceRecord> batch;
  for (int i = 0; i < 8; ++i) {
    batch.push_back(instance("1", "1.1", "1." + std::to_string(i)));
    batch.back().attributes_zstd = std::string(most / 6, static_cast<char>('a' + i));
  }
  batch[5].attributes_zstd = std::string(most / 2, 'x');  // more than one packet by itself
  const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
  ASSERT_TRUE(outcomes) << outcomes.error().detail();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ((*outcomes)[i].outcome, i == 5 ? Outcome::kRejected : Outcome::kStored) << i;
  }
  EXPECT_THAT((*outcomes)[5].detail, HasSubstr("max_allowed_packet"));
  EXPECT_EQ(index->totals(ctx)->instances, 7U);
  expect_counts_right(*index);
}

TEST_F(Mysql, TheDatabasesOwnDefaultsChangeNothing) {
  database.run("ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_general_ci", true);
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  auto record = instance("1", "1.1", "1.1.1");
  record.attributes.patient_id = "abc ";
  record.attributes.patient_name = "山田^𠮷";
  commit(*index, record);
  const auto count = [&](Field field, const std::string& value) {
    SearchQuery query;
    query.matches = {{field, Match::Kind::kAnyOf, {value}, {}}};
    return *index->count(ctx, query, 10);
  };
  EXPECT_EQ(count(Field::kPatientId, "abc "), 1U);
  EXPECT_EQ(count(Field::kPatientId, "ABC "), 0U) << "case counts";
  EXPECT_EQ(count(Field::kPatientId, "abc"), 0U) << "spaces count";
  EXPECT_EQ(count(Field::kPatientName, "山田^𠮷"), 1U);
}

}  // namespace
}  // namespace gantry::index

// What only PostgreSQL can do wrong: its connections, its locks, its schema, its second lock.

#include "gantry/index/postgres/postgres_index.hpp"

#include <thread>

#include "contract/fault_proxy.hpp"
#include "contract/index_contract.hpp"
#include "gantry/index/postgres/test_database.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index {
namespace {

using contract::context_for;
using contract::instance;
using gantry::contract::FaultProxy;
using postgres::TestDatabase;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Outcome = Committed::Outcome;

std::uint16_t port_of(const std::string& url) {
  const auto colon = url.rfind(':');
  return static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
}

/// The same server by way of another port or host.
std::string moved(std::string url, const std::string& host, std::uint16_t port) {
  const auto at = url.rfind('@') + 1;
  return url.replace(at, url.find('/', at) - at, host + ":" + std::to_string(port));
}

class Postgres : public testing::Test {
 protected:
  std::unique_ptr<PostgresIndex> open(PostgresSettings settings) {
    auto opened = PostgresIndex::open(std::move(settings));
    EXPECT_TRUE(opened) << opened.error().detail();
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<PostgresIndex> open() { return open(settings()); }
  PostgresSettings settings() const {
    PostgresSettings settings;
    settings.url = database.url();
    return settings;
  }
  Error refusal(PostgresSettings settings) {
    const auto opened = PostgresIndex::open(std::move(settings));
    EXPECT_FALSE(opened);
    return opened ? Error::internal("opened") : opened.error();
  }
  Committed commit(PostgresIndex& index, InstanceRecord record) {
    const std::vector batch{std::move(record)};
    const auto outcomes = index.commit(ctx, batch, ConflictPolicy::kReject);
    EXPECT_TRUE(outcomes) << outcomes.error().detail();
    return outcomes ? (*outcomes)[0] : Committed{Outcome::kRejected, 0, outcomes.error().detail(), {}};
  }
  void expect_counts_right(PostgresIndex& index) {
    const auto differences = index.verify_counts(ctx);
    ASSERT_TRUE(differences) << differences.error().detail();
    EXPECT_THAT(*differences, IsEmpty());
  }

  TestDatabase database;
  RequestContext ctx = context_for("clinic-a");
};

TEST_F(Postgres, ASessionThatDoesNotNameItsTenantSeesNoRow) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  commit(*index, instance("1", "1.1", "1.1.1"));
  for (const char* table :
       {"dicom_tenant", "dicom_study_meta", "dicom_state_meta", "dicom_image_meta", "dicom_change"}) {
    const std::string count = std::string("SELECT COUNT(*) FROM ") + table;
    EXPECT_EQ(database.run(count, true), "0") << table;
    const auto as = [&](const std::string& tenant) {
      return database.run("SELECT COUNT(*) FROM (SELECT set_config('gantry.tenant', '" + tenant +
                              "', false)) s CROSS JOIN "
                              "LATERAL (SELECT 1 FROM " +
                              table + " WHERE s.set_config IS NOT NULL) x",
                          true);
    };
    EXPECT_EQ(as("clinic-a"), "1") << table;
    EXPECT_EQ(as("clinic-b"), "0") << table;
  }
  EXPECT_EQ(database.run(
                "SELECT COUNT(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND "
                "a.attname = 'tenant_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
                true),
            "0")
      << "every table with tenants has the lock";
}

TEST_F(Postgres, AnInstanceThatTheDatabaseRefusesFailsAlone) {
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

TEST_F(Postgres, TermsThatNoIndexEntryCouldHoldAreFound) {
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

TEST_F(Postgres, ConnectionsThatTheServerEndedAreReplacedUnseen) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  for (int i = 0; i < 5; ++i) {
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gantry-%' AND "
        "datname = current_database()",
        true);
    EXPECT_EQ(commit(*index, instance("1", "1.1", std::to_string(i))).outcome, Outcome::kStored);
    EXPECT_TRUE(index->totals(ctx));
  }
  EXPECT_GE(index->pool_stats()->broken, 5U);
  expect_counts_right(*index);
}

// A connection that ends while its transaction runs: the transaction is gone, and runs again.
TEST_F(Postgres, CommitsSurviveConnectionsThatEndInTheMiddleOfThem) {
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
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gantry-%' AND "
        "datname = current_database() AND state <> 'idle' ORDER BY random() LIMIT 1",
        true);
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(index->totals(ctx)->instances, static_cast<std::uint64_t>(kThreads * kEach));
  EXPECT_EQ(index->changes(ctx, 0, 10'000)->size(), static_cast<std::size_t>(kThreads * kEach))
      << "each was stored once";
  expect_counts_right(*index);
}

TEST_F(Postgres, ACommitWhoseAnswerWasLostIsFoundAndNotDoneTwice) {
  FaultProxy proxy(port_of(database.url()));
  auto through = settings();
  through.url = moved(database.url(), "127.0.0.1", proxy.port()) + "?sslmode=disable";
  const auto index = open(through);
  ASSERT_TRUE(index->ensure_tenant(ctx));
  commit(*index, instance("1", "1.1", "1"));
  proxy.lose_answer_with(std::string("COMMIT\0", 7));
  const Committed committed = commit(*index, instance("1", "1.1", "2"));
  EXPECT_EQ(proxy.lost(), 1);
  EXPECT_EQ(committed.outcome, Outcome::kStored);
  EXPECT_EQ(committed.version, 2U);
  EXPECT_EQ(index->totals(ctx)->instances, 2U);
  EXPECT_EQ(index->changes(ctx, 0, 100)->size(), 2U);
  // A removal is not read back: it says that it does not know, and may be asked for again.
  proxy.lose_answer_with(std::string("COMMIT\0", 7));
  const auto removed = index->remove(ctx, StudyUid("1"), std::nullopt, SopUid("2"), std::chrono::seconds(0));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(*index->remove(ctx, StudyUid("1"), std::nullopt, SopUid("2"), std::chrono::seconds(0)), 0U);
  expect_counts_right(*index);
}

/// Makes the server end the session that commits, in its COMMIT, as long as the sequence is below `times`.
void end_sessions_at_commit(const TestDatabase& database, int times) {
  database.run("CREATE SEQUENCE ended", true);
  database.run("CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('ended') <= " +
                   std::to_string(times) +
                   " THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END IF; "
                   "RETURN NULL; END $$",
               true);
  database.run(
      "CREATE CONSTRAINT TRIGGER end_session AFTER INSERT ON dicom_image_meta DEFERRABLE INITIALLY DEFERRED FOR EACH "
      "ROW EXECUTE FUNCTION end_session()",
      true);
}

TEST_F(Postgres, ACommitThatEndedUnheardAndWasNotMadeIsMadeOnce) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  end_sessions_at_commit(database, 1);
  EXPECT_EQ(commit(*index, instance("1", "1.1", "1")).outcome, Outcome::kStored);
  EXPECT_EQ(index->totals(ctx)->instances, 1U);
  expect_counts_right(*index);
}

TEST_F(Postgres, ACommitThatNeverGetsThroughIsUnavailableAndNotStored) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  end_sessions_at_commit(database, 1000);
  const std::vector batch{instance("1", "1.1", "1")};
  const auto outcomes = index->commit(ctx, batch, ConflictPolicy::kReject);
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(index->totals(ctx)->instances, 0U);
}

TEST_F(Postgres, ADatabaseThatHangsIsATimeoutAndIsBackWhenItIsBack) {
  FaultProxy proxy(port_of(database.url()));
  auto through = settings();
  through.url = moved(database.url(), "127.0.0.1", proxy.port());
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

TEST_F(Postgres, ADatabaseThatIsAwayIsUnavailableAtOnceAndIsBackWhenItIsBack) {
  FaultProxy proxy(port_of(database.url()));
  auto through = settings();
  through.url = moved(database.url(), "127.0.0.1", proxy.port());
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

TEST_F(Postgres, WhoFindsNoFreeConnectionIsToldSo) {
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

TEST_F(Postgres, ReadersLeaveConnectionsToWriters) {
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

TEST_F(Postgres, AWaitForALockEndsAtTheDeadline) {
  const auto index = open();
  ASSERT_TRUE(index->ensure_tenant(ctx));
  const Handle<PGconn, &PQfinish> other(PQconnectdb(database.url().c_str()));
  const auto ask = [&other](const char* text) { Handle<PGresult, &PQclear> done(PQexec(other.get(), text)); };
  ask("SET gantry.tenant = 'clinic-a'");
  ask("BEGIN");
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

TEST_F(Postgres, CommitsTakeTwoRoundTripsWhateverTheirSize) {
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

TEST_F(Postgres, ASearchForAPageIsOneRoundTripAndWalksTheIndex) {
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
  database.run("ANALYZE dicom_study_meta, dicom_term", true);
  SearchQuery page;
  page.limit = 25;
  const auto before = index->pool_stats()->round_trips;
  int rows = 0;
  ASSERT_TRUE(index->search(ctx, page, [&rows](SearchRow&&) { return ++rows > 0; }));
  EXPECT_EQ(rows, 25);
  EXPECT_EQ(index->pool_stats()->round_trips - before, 1U);
  EXPECT_THAT(*index->explain(ctx, page), Contains(HasSubstr("using dicom_study_order")));
  page.matches = {{Field::kPatientId, Match::Kind::kAnyOf, {"P3.7"}, {}}};
  const auto plan = *index->explain(ctx, page);
  EXPECT_THAT(plan, Contains(HasSubstr("using dicom_term_key")));
  EXPECT_THAT(plan, Not(Contains(HasSubstr("Seq Scan"))));
}

TEST_F(Postgres, ALongListIsReadInPartsAndMayBeLeft) {
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
  const auto before = index->pool_stats()->round_trips;
  ASSERT_TRUE(index->search(ctx, query, [&rows](SearchRow&& row) {
    EXPECT_EQ(row.attributes_zstd.size(), 40'000U);
    return ++rows > 0;
  }));
  EXPECT_EQ(rows, 1600);
  EXPECT_GT(index->pool_stats()->round_trips - before, 20U) << "some MB at a time";
  rows = 0;
  ASSERT_TRUE(index->search(ctx, query, [&rows](SearchRow&&) { return ++rows < 300; }));
  EXPECT_EQ(rows, 300);
  EXPECT_EQ(index->pool_stats()->in_use, 0U);
  EXPECT_TRUE(index->totals(ctx));
}

TEST_F(Postgres, ManyNodesMayMakeTheSchemaAtOnce) {
  std::vector<std::thread> nodes;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 6; ++i) {
    nodes.emplace_back([&] { opened += PostgresIndex::open(settings()).ok() ? 1 : 0; });
  }
  for (auto& node : nodes) node.join();
  EXPECT_EQ(opened, 6);
  EXPECT_EQ(database.run("SELECT COUNT(*) FROM gantry_schema", true), std::to_string(sql::kLastMigration));
}

TEST_F(Postgres, ANewerMajorIsRefusedAndANewerMinorIsServed) {
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

TEST_F(Postgres, AMigrationThatWasCutOffIsFinishedByTheNext) {
  database.run("CREATE TABLE dicom_change (nothing text)", true);  // somebody else's, of the same name
  EXPECT_FALSE(PostgresIndex::open(settings()));
  EXPECT_EQ(database.run("SELECT COUNT(*) FROM pg_class WHERE relname = 'dicom_study_meta'", true), "0")
      << "all or nothing";
  database.run("DROP TABLE dicom_change", true);
  const auto index = open();
  EXPECT_TRUE(index->ensure_tenant(ctx));
}

TEST_F(Postgres, AServersCertificateIsVerified) {
  const char* authority = std::getenv("POSTGRES_CA");
  ASSERT_NE(authority, nullptr) << "scripts/services prints it";
  const auto port = port_of(database.url());
  const auto with = [&](const std::string& host, const std::string& parameters) {
    auto made = settings();
    made.url = moved(database.url(), host, port) + "?" + parameters;
    return PostgresIndex::open(made);
  };
  const std::string known = std::string("sslrootcert=") + authority;
  EXPECT_TRUE(with("localhost", "sslmode=verify-full&" + known));
  EXPECT_FALSE(with("localhost", "sslmode=verify-full")) << "an authority that this machine does not know";
  // By default a server elsewhere must prove its name; db.example leads to this machine here.
  EXPECT_FALSE(with("db.example", "hostaddr=127.0.0.1"));
  const auto wrong_name = with("db.example", "hostaddr=127.0.0.1&" + known);
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(wrong_name.error().detail(), HasSubstr("db.example"));
  EXPECT_TRUE(with("db.example", "hostaddr=127.0.0.1&sslmode=verify-ca&" + known)) << "weaker only when said so";
}

TEST_F(Postgres, WrongUrlsAreRefusedWithoutTheirPasswords) {
  auto wrong = settings();
  wrong.url = "postgresql://user:sesame@127.0.0.1/x?no_such_parameter=1";
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kInvalid);
  EXPECT_THAT(refusal(wrong).detail(), Not(HasSubstr("sesame")));
  wrong.url = moved("postgresql://gantry:sesame@h/gantry", "127.0.0.1", port_of(database.url()));
  EXPECT_EQ(refusal(wrong).kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(refusal(wrong).detail(), Not(HasSubstr("sesame")));
}

TEST_F(Postgres, ADatabaseInAnotherEncodingIsRefused) {
  const std::string name = "gantry_latin_" + random_hex(4);
  database.run("CREATE DATABASE " + name + " ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  auto latin = settings();
  latin.url = latin.url.replace(latin.url.rfind('/') + 1, std::string::npos, name);
  EXPECT_EQ(refusal(latin).kind(), ErrorKind::kUnsupported);
  database.run("DROP DATABASE " + name);
}

}  // namespace
}  // namespace gantry::index

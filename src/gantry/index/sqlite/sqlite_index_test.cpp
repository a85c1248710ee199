#include "gantry/index/sqlite/sqlite_index.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract/index_samples.hpp"
#include "gantry/base/handle.hpp"

namespace gantry::index {
namespace {

using contract::context_for;
using contract::instance;
using testing::HasSubstr;
using testing::IsEmpty;

class SqliteIndexTest : public testing::Test {
 protected:
  SqliteIndexTest() : folder_(std::filesystem::temp_directory_path() / ("gantry-sqlite-" + random_hex(8))) {
    std::filesystem::create_directories(folder_);
    settings_.path = folder_ / "index.db";
  }
  ~SqliteIndexTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SqliteIndex> open() {
    auto opened = SqliteIndex::open(settings_);
    EXPECT_TRUE(opened) << opened.error().detail();
    if (!opened) return nullptr;
    EXPECT_TRUE((*opened)->ensure_tenant(ctx_));
    return *std::move(opened);
  }
  /// Many studies of one instance each, with what searches narrow by.
  static void fill(InstanceIndex& index, const RequestContext& ctx, int studies) {
    std::vector<InstanceRecord> batch;
    for (int n = 0; n < studies; ++n) {
      const std::string uid = "1." + std::to_string(n);
      batch.push_back(instance(uid, uid + ".1", uid + ".1.1"));
      auto& a = batch.back().attributes;
      a.patient_id = "P" + std::to_string(n / 3);
      a.patient_name = "Name" + std::to_string(n % 5000) + "^Given";
      a.accession_number = "A" + std::to_string(n);
      a.study_date = std::to_string(20200101 + n % 28);
      a.study_time = std::to_string(100000 + n % 50);
      a.study_description = n % 1000 == 0 ? "Rare finding" : "Common";
      a.modality = n % 700 == 0 ? "XA" : "CT";
      if (batch.size() == 64 || n + 1 == studies) {
        ASSERT_TRUE(index.commit(ctx, batch, ConflictPolicy::kReject));
        batch.clear();
      }
    }
  }
  static std::string explained(SqliteIndex& index, const RequestContext& ctx, const SearchQuery& query) {
    auto lines = index.explain(ctx, query);
    EXPECT_TRUE(lines) << lines.error().detail();
    std::string text;
    for (const auto& line : *lines) text += line + "\n";
    return text;
  }
  void execute(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(settings_.path.c_str(), &raw), SQLITE_OK);
    const Handle<sqlite3, &sqlite3_close> database(raw);
    ASSERT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
  }

  std::filesystem::path folder_;
  SqliteSettings settings_;
  RequestContext ctx_ = context_for("clinic-a");
};

SearchQuery page_of(Field field, Match::Kind kind, std::vector<std::string> values, Level level = Level::kStudy) {
  SearchQuery query;
  query.level = level;
  query.limit = 25;
  query.matches = {{field, kind, std::move(values), {}}};
  return query;
}

TEST_F(SqliteIndexTest, PagesWalkAnIndexAndSortNothing) {
  const auto index = open();
  fill(*index, ctx_, 6000);
  using Kind = Match::Kind;
  std::vector<SearchQuery> walks{
      page_of(Field::kPatientId, Kind::kAnyOf, {"P7"}),
      page_of(Field::kAccessionNumber, Kind::kAnyOf, {"A70"}),
      page_of(Field::kPatientName, Kind::kName, {"NAME7^given"}),
      page_of(Field::kStudyDate, Kind::kRange, {"20200102", "20200120"}),
      page_of(Field::kModalitiesInStudy, Kind::kAnyOf, {"CT"}),
      page_of(Field::kModality, Kind::kAnyOf, {"CT"}, Level::kSeries),
      page_of(Field::kPatientId, Kind::kAnyOf, {"P7"}, Level::kInstance),
      page_of(Field::kPatientSex, Kind::kAnyOf, {"M"}),
  };
  for (const Level level : {Level::kStudy, Level::kSeries, Level::kInstance}) {
    SearchQuery query;
    query.level = level;
    query.limit = 25;
    query.with_attributes = true;
    walks.push_back(query);
    query.study = StudyUid("1.5");
    walks.push_back(query);
  }
  for (const SearchQuery& query : walks) {
    const std::string plan = explained(*index, ctx_, query);
    EXPECT_THAT(plan, Not(HasSubstr("SCAN"))) << contract::describe(query) << plan;
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << contract::describe(query) << plan;
  }
}

TEST_F(SqliteIndexTest, WhatNarrowsASearchIsLookedUpFirst) {
  const auto index = open();
  fill(*index, ctx_, 6000);
  using Kind = Match::Kind;
  // Few studies: their list begins the search, and its short result is sorted.
  for (const SearchQuery& query : {
           page_of(Field::kPatientName, Kind::kName, {"name77*"}),
           page_of(Field::kPatientName, Kind::kName, {"*77^given"}),
           page_of(Field::kPatientId, Kind::kWildcard, {"P19*"}),
           page_of(Field::kStudyDescription, Kind::kFolded, {"*rare*"}),
           page_of(Field::kStudyUid, Kind::kAnyOf, {"1.7", "1.8"}),
           page_of(Field::kSeriesUid, Kind::kAnyOf, {"1.7.1"}, Level::kSeries),
           page_of(Field::kSopUid, Kind::kAnyOf, {"1.7.1.1"}, Level::kInstance),
           page_of(Field::kModalitiesInStudy, Kind::kAnyOf, {"XA", "MR"}),
       }) {
    const std::string plan = explained(*index, ctx_, query);
    EXPECT_THAT(plan, HasSubstr("SCAN k")) << contract::describe(query) << plan;
    EXPECT_THAT(plan, Not(HasSubstr("SCAN st"))) << plan;
    EXPECT_THAT(plan, Not(HasSubstr("SCAN t"))) << plan;
  }
  // Many studies: the default order is walked and each row asked.
  for (const SearchQuery& query : {
           page_of(Field::kPatientName, Kind::kName, {"name*"}),
           page_of(Field::kStudyDescription, Kind::kFolded, {"*common*"}),
           page_of(Field::kModalitiesInStudy, Kind::kAnyOf, {"CT", "MR"}),
       }) {
    const std::string plan = explained(*index, ctx_, query);
    EXPECT_THAT(plan, HasSubstr("SEARCH st USING INDEX dicom_study_order")) << plan;
    EXPECT_THAT(plan, Not(HasSubstr("ORDER BY"))) << plan;
  }
}

TEST_F(SqliteIndexTest, AFileOfANewerMajorIsRefusedAndANewerMinorServed) {
  (void)open();
  execute("INSERT INTO gantry_schema VALUES (900, 1, 99, 0)");
  EXPECT_NE(open(), nullptr);
  execute("INSERT INTO gantry_schema VALUES (901, 2, 0, 0)");
  const auto refused = SqliteIndex::open(settings_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().detail(), HasSubstr("newer Gantry"));
}

TEST_F(SqliteIndexTest, WhatIsNoDatabaseIsInternalAndWhatCannotBeOpenedUnavailable) {
  std::ofstream(settings_.path) << std::string(8192, 'x');
  auto refused = SqliteIndex::open(settings_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInternal);
  settings_.path = folder_ / "nowhere" / "index.db";
  refused = SqliteIndex::open(settings_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(SqliteIndexTest, ADamagedPageIsAnErrorAndNeverAbsence) {
  {
    const auto index = open();
    fill(*index, ctx_, 2000);
  }
  {
    // Everything behind the schema's pages is overwritten.
    std::fstream file(settings_.path, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(settings_.path));
    file.seekp(40 * 4096);
    const std::string junk(4096, '\x5a');
    for (std::streamoff at = 40 * 4096; at + 4096 <= size; at += 4096) file.write(junk.data(), 4096);
  }
  const auto opened = SqliteIndex::open(settings_);
  if (!opened) {
    EXPECT_EQ(opened.error().kind(), ErrorKind::kInternal);
    return;
  }
  int failed = 0, found = 0;
  for (int n = 0; n < 2000; ++n) {
    const std::string uid = "1." + std::to_string(n);
    const auto located = (*opened)->locate(ctx_, StudyUid(uid), SeriesUid(uid + ".1"), SopUid(uid + ".1.1"));
    if (!located) {
      EXPECT_EQ(located.error().kind(), ErrorKind::kInternal);
      ++failed;
    } else {
      ASSERT_TRUE(*located) << "absent, though it was stored";
      ++found;
    }
  }
  EXPECT_GT(failed, 0);
}

TEST_F(SqliteIndexTest, AFullDiskIsUnavailableLosesNothingAndPasses) {
  // The size limit of this process's files stands in for a full disk.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto index = open();
    fill(*index, ctx_, 64);
    const rlimit small{512 * 1024, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &small);
    bool refused = false;
    int stored = 64;
    for (int n = 0; n < 100 && !refused; ++n) {
      std::vector<InstanceRecord> batch;
      for (int i = 0; i < 64; ++i) batch.push_back(instance("2", "2.1", std::to_string(n) + "." + std::to_string(i)));
      const auto outcome = index->commit(ctx_, batch, ConflictPolicy::kReject);
      refused = !outcome;
      if (outcome) stored += 64;
      if (refused && outcome.error().kind() != ErrorKind::kUnavailable) _exit(2);
    }
    if (!refused) _exit(3);
    const auto totals = index->totals(ctx_);
    if (!totals || totals->instances != static_cast<std::uint64_t>(stored)) _exit(4);
    const rlimit large{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &large);
    if (!index->commit(ctx_, std::vector{instance("3", "3.1", "3.1.1")}, ConflictPolicy::kReject)) _exit(5);
    const auto differences = index->verify_counts(ctx_);
    _exit(differences && differences->empty() ? 0 : 6);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SqliteIndexTest, ASearchThatComputesTooLongIsATimeoutAndTheNextOneWorks) {
  settings_.statement_time = std::chrono::milliseconds(0);  // over at the first look at the clock
  settings_.readers = 1;
  const auto index = open();
  fill(*index, ctx_, 6000);
  SearchQuery slow = page_of(Field::kStudyDescription, Match::Kind::kFolded, {"*c*o*m*m*o*n*x*"});
  slow.order = {{Field::kPatientSex, false}};
  slow.matches.push_back({Field::kPatientSex, Match::Kind::kFolded, {"*x*"}, {}});
  const auto result = index->search(ctx_, slow, [](SearchRow&&) { return true; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::kTimeout);
  EXPECT_TRUE(index->locate(ctx_, StudyUid("1.1"), SeriesUid("1.1.1"), SopUid("1.1.1.1")));
  EXPECT_TRUE(index->search(ctx_, page_of(Field::kAccessionNumber, Match::Kind::kAnyOf, {"A70"}),
                            [](SearchRow&&) { return true; }));
}

TEST_F(SqliteIndexTest, AReaderSeesOneStateHoweverLongItsVisitorTakes) {
  settings_.readers = 2;
  const auto index = open();
  std::vector<InstanceRecord> batch;
  for (int n = 0; n < 3000; ++n) {
    batch.push_back(instance("1", "1.1", "1.1." + std::to_string(n)));
    if (batch.size() == 60) {
      ASSERT_TRUE(index->commit(ctx_, batch, ConflictPolicy::kReject));
      batch.clear();
    }
  }
  SearchQuery query;
  query.level = Level::kInstance;
  query.study = StudyUid("1");
  int rows = 0;
  ASSERT_TRUE(index->search(ctx_, query, [&](SearchRow&& row) {
    if (rows++ == 0) {
      EXPECT_EQ(*index->remove(ctx_, StudyUid("1"), std::nullopt, std::nullopt, std::chrono::seconds(0)), 3000U);
    }
    EXPECT_EQ(row.study.instance_count, 3000U);
    return true;
  }));
  EXPECT_EQ(rows, 3000);
  EXPECT_EQ(*index->count(ctx_, query, 10), 0U);
}

TEST_F(SqliteIndexTest, TheLogStaysBoundedUnderSteadyWritesAndReads) {
  settings_.log_bytes = 1 << 20;
  const auto index = open();
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!done) EXPECT_TRUE(index->search(ctx_, SearchQuery{}, [](SearchRow&&) { return true; }));
    });
  }
  std::uintmax_t most = 0, written = 0;
  for (int n = 0; n < 300; ++n) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 32; ++i) {
      batch.push_back(instance("1", "1.1", std::to_string(n) + "." + std::to_string(i)));
      batch.back().attributes_zstd = random_hex(1000);
      written += 2000;
    }
    ASSERT_TRUE(index->commit(ctx_, batch, ConflictPolicy::kReject));
    most = std::max(most, std::filesystem::file_size(settings_.path + "-wal"));
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GT(written, 16U << 20);
  // A slow machine may need what the checkpointer does from 16 times log_bytes on: wait longer for readers.
  EXPECT_LT(most, 24U << 20) << "without restarts it would hold everything written, several times";
}

TEST_F(SqliteIndexTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  (void)open();
  constexpr int kRounds = 25;
  std::map<std::string, std::string> acknowledged;  // SOP UID to object key
  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    UniqueFd from(ends[0]), to(ends[1]);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      from.reset();
      SqliteSettings settings = settings_;
      settings.log_bytes = 256 << 10;
      const auto opened = SqliteIndex::open(settings);
      if (!opened) _exit(1);
      for (int n = 0;; ++n) {
        std::vector<InstanceRecord> batch;
        std::string lines;
        for (int i = 0; i < 1 + n % 20; ++i) {
          const std::string sop = std::to_string(round) + "." + std::to_string(n) + "." + std::to_string(i);
          batch.push_back(instance("1." + std::to_string(i % 3), "1." + std::to_string(i % 3) + "." + std::to_string(n % 2), sop));
          lines += sop + " " + batch.back().object_key.str() + "\n";
        }
        const auto outcomes = (*opened)->commit(ctx_, batch, ConflictPolicy::kReject);
        if (!outcomes) _exit(2);
        if (::write(to.get(), lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) _exit(3);
      }
    }
    to.reset();
    // The kill comes at some point of the work: after so many acknowledged bytes.
    std::string text;
    const std::size_t enough = 500 + static_cast<std::size_t>(round) * 731 % 9000;
    char buffer[4096];
    bool killed = false;
    for (;;) {
      const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
      if (!killed && text.size() >= enough) {
        kill(child, SIGKILL);
        killed = true;
      }
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(killed && WIFSIGNALED(status)) << "the child ended by itself";
    std::istringstream lines(text);
    for (std::string sop, key; lines >> sop >> key && !lines.eof();) acknowledged[sop] = key;

    const auto index = open();
    ASSERT_NE(index, nullptr);
    std::map<std::string, std::string> held;
    ASSERT_TRUE(index->visit_objects(ctx_, [&](const HeldObject& object) {
      held[object.sop.str()] = object.object_key.str();
      return true;
    }));
    for (const auto& [sop, key] : acknowledged) ASSERT_EQ(held[sop], key) << "round " << round;
    const auto differences = index->verify_counts(ctx_);
    ASSERT_TRUE(differences);
    EXPECT_THAT(*differences, IsEmpty());
    const auto totals = index->totals(ctx_);
    EXPECT_EQ(totals->instances, held.size());
    EXPECT_EQ(totals->change_no, index->changes(ctx_, 0, 1'000'000)->size());
  }
  EXPECT_GT(acknowledged.size(), 1000U);
}

}  // namespace
}  // namespace gantry::index

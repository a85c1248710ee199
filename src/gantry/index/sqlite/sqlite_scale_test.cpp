// What SQLite does in a large archive: every statement of every call, by its plan.

#include <filesystem>
#include <atomic>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/archive_rows.hpp"
#include "contract/index_scale_calls.hpp"
#include "gantry/index/sql/cells.hpp"
#include "gantry/index/sql/search_plan.hpp"
#include "gantry/index/sqlite/connection.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"

namespace gantry::index {
namespace {

using testing::IsEmpty;

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("gantry-scale-" + random_hex(8))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::unique_ptr<SqliteIndex> open(const std::string& name) const {
    SqliteSettings settings;
    settings.path = path_ / name;
    auto opened = SqliteIndex::open(settings);
    EXPECT_TRUE(opened) << opened.error().detail();
    return *std::move(opened);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// All statements that connections made in its life begin to run, as they were prepared.
class Statements {
 public:
  Statements() {
    texts().clear();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&Statements::watch));
  }
  ~Statements() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&Statements::watch)); }
  Statements(const Statements&) = delete;
  Statements& operator=(const Statements&) = delete;
  static std::set<std::string> take() { return std::exchange(texts(), {}); }

 private:
  static std::set<std::string>& texts() {
    static std::set<std::string> all;
    return all;
  }
  static int watch(sqlite3* database, char**, const void*) {
    return sqlite3_trace_v2(
        database, SQLITE_TRACE_STMT,
        [](unsigned, void*, void* statement, void*) {
          if (const char* const text = sqlite3_sql(static_cast<sqlite3_stmt*>(statement))) texts().insert(text);
          return 0;
        },
        nullptr);
  }
};

std::vector<std::string> plan_of(sqlite3* database, const std::string& text) {
  sqlite3_stmt* raw = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, ("EXPLAIN QUERY PLAN " + text).c_str(), -1, &raw, nullptr), SQLITE_OK)
      << text << sqlite3_errmsg(database);
  const sqlite::Prepared statement(raw);
  std::vector<std::string> lines;
  while (sqlite3_step(raw) == SQLITE_ROW) lines.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(raw, 3)));
  return lines;
}

/// The steps of a statement that read a whole table, or sort more than a study or what a list names.
std::vector<std::string> wide_steps(const std::string& text, const std::vector<std::string>& plan) {
  const auto has = [](const std::string& in, std::string_view part) { return in.find(part) != std::string::npos; };
  // Of a list of keys in the statement (alias k), of counted hits, of constants: no table is meant.
  const auto reads_list = [](const std::string& line) {
    return line.starts_with("SCAN k") || line.starts_with("SCAN hits") || line.starts_with("SCAN CONSTANT ROW");
  };
  const auto any = [&plan](auto is) { return std::any_of(plan.begin(), plan.end(), is); };
  const bool sorts = any([&](const std::string& line) { return has(line, "TEMP B-TREE"); });
  // A page in the order of a key ends at its limit.
  const bool is_page = !has(text, " WHERE ") && has(text, " ORDER BY ") && has(text, " LIMIT ") && !sorts;
  const bool by_list = any(reads_list);
  const bool of_one = any([&](const std::string& line) { return has(line, "study_uid=?") || has(line, "sop_uid=?"); });
  // What probes look up is counted to a limit, and none of it twice.
  const bool is_probe = text.ends_with(" LIMIT " + std::to_string(sql::SearchPlan::kProbeMost + 1));
  std::vector<std::string> wide;
  for (const std::string& line : plan) {
    if (line.starts_with("SCAN") && !reads_list(line) && !is_page) wide.push_back(line);
    // All rows of a tenant; but the default order is walked as far as a page needs, and a tenant has one row of its own.
    const bool is_walk = line.starts_with("SEARCH st USING INDEX") && has(text, " LIMIT ") && !sorts;
    if (line.ends_with("(tenant_id=?)") && !is_walk && !has(line, " dicom_tenant ")) wide.push_back(line);
    if (!has(line, "TEMP B-TREE") || by_list || of_one || (is_probe && has(line, "DISTINCT"))) continue;
    wide.push_back(line);
  }
  return wide;
}

TEST(SqliteScale, NoCallReadsOrSortsAWholeTable) {
  const contract::Archive archive(4000);
  const Folder folder;
  const Statements watched;
  const auto index = folder.open("index.db");
  ASSERT_TRUE(contract::fill(*index, archive));
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("index.db").c_str(), &raw), SQLITE_OK);
  const sqlite::Database database(raw);
  ASSERT_TRUE(sqlite::register_functions(raw));
  Statements::take();

  std::map<std::string, std::set<std::string>> all;
  for (const auto& [name, call] : contract::scale_calls(*index, *index, archive)) {
    call();
    for (const std::string& text : Statements::take()) all[text].insert(name);
  }
  EXPECT_GT(all.size(), 60U) << "the statements are not seen";
  // What the planner knows of the rows' spread must not lead it astray.
  for (const bool analyzed : {false, true}) {
    if (analyzed) {
      ASSERT_EQ(sqlite3_exec(raw, "ANALYZE", nullptr, nullptr, nullptr), SQLITE_OK);
    }
    for (const auto& [text, names] : all) {
      const auto plan = plan_of(raw, text);
      EXPECT_THAT(wide_steps(text, plan), IsEmpty())
          << *names.begin() << (analyzed ? ", analyzed\n" : "\n") << text << "\n" << testing::PrintToString(plan);
    }
  }
}

TEST(SqliteScale, TheWideStepsOfAPlanAreSeen) {
  const Folder folder;
  const auto index = folder.open("index.db");
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("index.db").c_str(), &raw), SQLITE_OK);
  const sqlite::Database database(raw);
  for (const char* const text : {"SELECT * FROM dicom_study_meta st WHERE patient_weight = '80'",
                                 "SELECT * FROM dicom_study_meta WHERE tenant_id = 'a' ORDER BY patient_id LIMIT 25",
                                 "SELECT COUNT(*) FROM dicom_image_meta", "DELETE FROM dicom_change WHERE sop_uid = '1'"}) {
    EXPECT_FALSE(wide_steps(text, plan_of(raw, text)).empty()) << text;
  }
}

/// Of what commits write, the part that a made archive has none of: nobody stored it, so nobody's act is on record.
bool is_audit(std::string_view column) { return column == "audit_no" || column == "audit_hash"; }

/// All rows of a table but for what only a clock or the audit says, in the store's order.
sql::CellRows rows_of(TableStore& store, const sql::Table& table) {
  sql::CellRows all;
  std::string from;
  do {
    const auto page = store.read_page({}, table, from, 1000, 1 << 20);
    EXPECT_TRUE(page);
    for (sql::CellRow row : page->rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto& column = table.columns[i];
        if (column.type == sql::ColumnType::kTime || column.name == "json_due" || is_audit(column.name)) {
          row[i] = std::int64_t{0};
        }
      }
      all.push_back(std::move(row));
    }
    from = page->next;
  } while (!from.empty());
  return all;
}

TEST(ArchiveRows, AreWhatCommitsOfTheSameInstancesWrite) {
  const contract::Archive archive(300, 7);
  const Folder folder;
  const auto filled = folder.open("filled.db"), committed = folder.open("committed.db");
  ASSERT_TRUE(contract::fill(*filled, archive));
  for (const TenantId& tenant : contract::Archive::tenants()) {
    ASSERT_TRUE(committed->ensure_tenant(contract::context_for(tenant.str())));
  }
  for (std::uint64_t n = 0; n < archive.studies(); ++n) {
    const auto ctx = contract::context_for(contract::Archive::tenants()[archive.tenant_of(n)].str());
    const auto outcomes = committed->commit(ctx, archive.instances_of(n), ConflictPolicy::kReject);
    ASSERT_TRUE(outcomes);
    for (const Committed& outcome : *outcomes) ASSERT_EQ(outcome.outcome, Committed::Outcome::kStored);
  }
  for (const sql::Table* const table :
       {&sql::kTenantTable, &sql::kStudyTable, &sql::kStateTable, &sql::kImageTable, &sql::kChangeTable, &sql::kTermTable}) {
    const auto has = rows_of(*filled, *table), should = rows_of(*committed, *table);
    EXPECT_GE(has.size(), 4U) << table->name;
    EXPECT_EQ(has, should) << table->name;
  }
}

TEST(ArchiveRows, CountsAreRightAndAFewSeriesAreDue) {
  const contract::Archive archive(400);
  const Folder folder;
  const auto index = folder.open("index.db");
  ASSERT_TRUE(contract::fill(*index, archive));
  EXPECT_THAT(*index->verify_counts({}), IsEmpty());
  std::uint64_t studies = 0, series = 0, instances = 0;
  for (const TenantId& tenant : contract::Archive::tenants()) {
    const TenantTotals totals = *index->totals(contract::context_for(tenant.str()));
    EXPECT_GT(totals.studies, 0U);
    studies += totals.studies, series += totals.series, instances += totals.instances;
  }
  EXPECT_EQ(studies, 400U);
  EXPECT_NEAR(static_cast<double>(instances), 4000, 500);
  EXPECT_NEAR(static_cast<double>(series), 800, 100);
  EXPECT_NEAR(static_cast<double>(index->get_json_metaes({}, timestamp_now(), 1000)->size()), 24, 16);
}

/// Fails after so many writes, as a database does that goes away.
class Failing final : public TableStore {
 public:
  Failing(TableStore& behind, int writes) : behind_(behind), left_(writes) {}
  Result<Page> read_page(const RequestContext& ctx, const sql::Table& table, const std::string& from,
                         std::size_t rows_most, std::size_t bytes_most) override {
    return behind_.read_page(ctx, table, from, rows_most, bytes_most);
  }
  Result<void> put_rows(const RequestContext& ctx, const sql::Table& table, const sql::CellRows& rows) override {
    if (left_-- <= 0) return Error::unavailable("gone");
    return behind_.put_rows(ctx, table, rows);
  }

 private:
  TableStore& behind_;
  std::atomic<int> left_;
};

TEST(ArchiveRows, AFillThatFailedGoesOnWhereItWas) {
  const contract::Archive archive(2500);
  const Folder folder;
  const auto whole = folder.open("whole.db"), parts = folder.open("parts.db");
  ASSERT_TRUE(contract::fill(*whole, archive));
  Failing failing(*parts, 13);  // in the middle of the second thousand
  EXPECT_FALSE(contract::fill(failing, archive));
  std::vector<std::uint64_t> told;
  ASSERT_TRUE(contract::fill(*parts, archive, [&told](std::uint64_t done) { told.push_back(done); }));
  EXPECT_THAT(told, testing::ElementsAre(2000, 2500)) << "the first thousand is not written again";
  for (const sql::Table* const table : sql::tables()) {
    EXPECT_EQ(rows_of(*parts, *table), rows_of(*whole, *table)) << table->name;
  }
  EXPECT_EQ(contract::fill(*parts, contract::Archive(2501)).error().kind(), ErrorKind::kInvalid);
}

}  // namespace
}  // namespace gantry::index

// What PostgreSQL does in a large archive: every statement of every call, by its plan.

#include "gantry/index/postgres/postgres_index.hpp"

#include <charconv>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/archive_rows.hpp"
#include "contract/index_scale_calls.hpp"
#include "gantry/index/postgres/dialect.hpp"
#include "gantry/index/postgres/session.hpp"
#include "gantry/index/postgres/test_database.hpp"
#include "gantry/index/sql/search_plan.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index::postgres {
namespace {

using testing::IsEmpty;

/// Statements that were run, each with its plan as it was with its parameters.
using Plans = std::map<std::string, std::string>;

/// A session that asks for each statement's plan before it runs it.
class ExplainingSession final : public sql::Session {
 public:
  ExplainingSession(PostgresSession& behind, Plans& plans) : behind_(behind), plans_(plans) {}
  [[nodiscard]] const sql::NetworkDialect& dialect() const override { return behind_.dialect(); }
  void hold_snapshot() override { behind_.hold_snapshot(); }
  [[nodiscard]] bool refused() const override { return behind_.refused(); }
  Result<std::vector<sql::Rows>> run(std::span<const sql::Text> statements) override {
    GANTRY_TRY(explain(statements));
    return behind_.run(statements);
  }
  Result<void> run_and_commit(std::span<const sql::Text> statements) override {
    GANTRY_TRY(explain(statements));
    return behind_.run_and_commit(statements);
  }
  Result<bool> run_unless_refused(const sql::Text& statement, std::string& why) override {
    GANTRY_TRY(explain(std::span(&statement, 1)));
    return behind_.run_unless_refused(statement, why);
  }
  Result<void> stream(const sql::Text& statement, const std::function<bool(const sql::RowRef&)>& visit) override {
    GANTRY_TRY(explain(std::span(&statement, 1)));
    return behind_.stream(statement, visit);
  }

 private:
  Result<void> explain(std::span<const sql::Text> statements) {
    for (const sql::Text& statement : statements) {
      sql::Text question = statement;
      question.prepend("EXPLAIN ");
      GANTRY_LET(const std::vector<sql::Rows> sets, behind_.run(std::span(&question, 1)));
      std::string& plan = plans_[statement.text()];
      plan.clear();
      for (std::size_t i = 0; i < sets[0]->size(); ++i) plan.append(sets[0]->view(i, 0)).append("\n");
    }
    return {};
  }
  PostgresSession& behind_;
  Plans& plans_;
};

/// PostgresIndex's statements on sessions that explain them.
class ExplainedIndex final : public sql::SqlIndex {
 public:
  explicit ExplainedIndex(PostgresSettings settings) : pool_(std::move(settings)) {}
  Plans take() { return std::exchange(plans_, {}); }

 protected:
  [[nodiscard]] const sql::NetworkDialect& dialect() const override { return postgres::dialect(); }
  Result<void> read(const RequestContext& ctx, Tenants tenants, const Work& work) override {
    return work_on(PostgresSession::Mode::kRead, ctx, tenants, work);
  }
  Result<void> write(const RequestContext& ctx, Tenants tenants, const Work& work, Doubt&) override {
    return work_on(PostgresSession::Mode::kWrite, ctx, tenants, work);
  }
  Result<void> settle(const std::string&) override { return Error::internal("nothing is in doubt here"); }

 private:
  Result<void> work_on(PostgresSession::Mode mode, const RequestContext& ctx, Tenants tenants, const Work& work) {
    GANTRY_LET(const Pool::Lease lease, pool_.acquire(ctx.deadline, true));
    PostgresSession session(pool_, *lease, mode, tenants == Tenants::kAll ? "*" : ctx.tenant.str(), ctx.deadline);
    ExplainingSession explaining(session, plans_);
    const auto done = work(explaining);
    session.end();
    return done;
  }
  Pool pool_;
  Plans plans_;
};

std::size_t rows_of_step(const std::string& line) {
  const auto at = line.find("rows=");
  std::size_t rows = 0;
  if (at != std::string::npos) std::from_chars(line.data() + at + 5, line.data() + line.size(), rows);
  return rows;
}

/// The steps that read a whole table, or sort or hash more than what a search looks up beforehand.
std::vector<std::string> wide_steps(const std::string& plan) {
  std::vector<std::string> wide;
  std::size_t begin = 0;
  while (begin < plan.size()) {
    const std::size_t end = plan.find('\n', begin);
    const std::string line = plan.substr(begin, end - begin);
    begin = end + 1;
    const auto has = [&line](std::string_view text) { return line.find(text) != std::string::npos; };
    if (has("Seq Scan on")) wide.push_back(line);
    // A study's series are put in order as they come; the studies are in order already.
    if (has("Incremental Sort") && plan.find("Presorted Key: st.study_date_key") != std::string::npos) continue;
    const bool gathers = has("Sort  (") || has("Hash  (") || has("HashAggregate  (") || has("Materialize  (");
    if (gathers && rows_of_step(line) > 2 * sql::SearchPlan::kProbeMost) wide.push_back(line);
  }
  return wide;
}

class PostgresScale : public testing::Test {
 protected:
  static constexpr std::uint64_t kStudies = 10'000;

  void fill() {
    PostgresSettings settings;
    settings.url = database.url();
    settings.statement_time = std::chrono::minutes(1);
    auto index = PostgresIndex::open(settings);
    ASSERT_TRUE(index) << index.error().detail();
    const auto filled = contract::fill(**index, archive);
    ASSERT_TRUE(filled) << filled.error().detail();
    EXPECT_THAT(*(*index)->verify_counts({}), IsEmpty());
    database.run("ANALYZE dicom_study_meta, dicom_state_meta, dicom_image_meta, dicom_json_meta, dicom_change, dicom_term, "
                 "dicom_delete_queue, dicom_tenant", true);
  }
  /// Makes every call and gives the wide steps of the statements, with where they are.
  std::vector<std::string> wide_statements() {
    PostgresSettings settings;
    settings.url = database.url();
    ExplainedIndex index(settings);
    std::vector<std::string> wide;
    std::size_t statements = 0;
    for (const auto& [name, call] : contract::scale_calls(index, index, archive)) {
      call();
      for (const auto& [text, plan] : index.take()) {
        ++statements;
        for (const auto& step : wide_steps(plan)) {
          wide.push_back(name + ": " + step + "\n" + text + "\n" + plan);
        }
      }
    }
    EXPECT_GT(statements, 100U) << "the statements are not seen";
    return wide;
  }

  TestDatabase database;
  contract::Archive archive{kStudies};
};

TEST_F(PostgresScale, NoCallReadsOrSortsAWholeTable) {
  fill();
  EXPECT_THAT(wide_statements(), IsEmpty());
}

TEST_F(PostgresScale, TheWideStepsOfAPlanAreSeen) {
  EXPECT_EQ(wide_steps("Limit  (cost=0.1..2 rows=25)\n  ->  Seq Scan on dicom_study_meta st  (cost=0 rows=9)\n").size(),
            1U);
  EXPECT_EQ(wide_steps("Sort  (cost=0.1..2 rows=20000 width=8)\n").size(), 1U);
  EXPECT_THAT(wide_steps("Sort  (cost=0.1..2 rows=20 width=8)\n  ->  Index Scan using a on b  (cost=0)\n"), IsEmpty());
}

}  // namespace
}  // namespace gantry::index::postgres

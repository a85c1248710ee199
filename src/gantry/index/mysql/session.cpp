#include "gantry/index/mysql/session.hpp"

#include <algorithm>

#include "gantry/index/mysql/dialect.hpp"
#include "gantry/index/mysql/literal.hpp"

namespace gantry::index::mysql {
namespace {

using sql::Text;

constexpr std::chrono::seconds kEndMost{1};
/// The server should be the first to give a statement up: then the connection stays.
constexpr std::chrono::milliseconds kGrace{250};

}  // namespace

MysqlSession::MysqlSession(Pool& pool, Connection& connection, Mode mode, Deadline deadline)
    : pool_(pool), connection_(connection), mode_(mode), request_(deadline), left_(pool.settings().statement_time) {}

const sql::NetworkDialect& MysqlSession::dialect() const { return mysql::dialect(); }

Deadline MysqlSession::deadline() const { return std::min(request_, Clock::now() + left_ + kGrace); }

// Sends what must come first with what was asked: the beginning of a transaction, where one is due.
Result<std::vector<sql::Rows>> MysqlSession::exchange(std::span<const Text> statements, bool ends) {
  if (Clock::now() >= request_) return Error::timeout("the deadline passed");
  std::vector<std::string> all;
  if (!begun_ && mode_ == Mode::kWrite) {
    all.emplace_back("START TRANSACTION");
  } else if (!begun_ && snapshot_) {
    all.emplace_back("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    all.emplace_back("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  }
  const std::size_t skipped = all.size();
  for (const Text& statement : statements) all.push_back(rendered(statement));
  if (skipped > 0) begun_ = true;
  if (ends) {
    all.emplace_back("COMMIT");
    commit_sent_ = true;
  }
  const auto start = Clock::now();
  auto sets = connection_.run(all, deadline());
  left_ -= Clock::now() - start;
  pool_.count_round_trip();
  if (!sets) return sets;
  sets->erase(sets->begin(), sets->begin() + static_cast<std::ptrdiff_t>(skipped));
  sets->resize(statements.size());
  return sets;
}

Result<std::vector<sql::Rows>> MysqlSession::run(std::span<const Text> statements) {
  return exchange(statements, false);
}

Result<void> MysqlSession::run_and_commit(std::span<const Text> statements) {
  GANTRY_LET(const auto sets, exchange(statements, true));
  (void)sets;
  begun_ = false;
  return {};
}

// What a statement did before it was refused is taken back by the server alone; the transaction stays.
Result<bool> MysqlSession::run_unless_refused(const Text& statement, std::string& why) {
  auto done = exchange(std::span(&statement, 1), false);
  if (done) return true;
  if (!refused() || !connection_.is_usable()) return done.error();
  why = done.error().detail();
  return false;
}

Result<void> MysqlSession::stream(const Text& statement, const std::function<bool(const sql::RowRef&)>& visit) {
  if (snapshot_ && !begun_) {
    GANTRY_LET(const auto begun, exchange({}, false));
    (void)begun;
  }
  if (Clock::now() >= request_) return Error::timeout("the deadline passed");
  pool_.count_round_trip();
  return connection_.stream(rendered(statement), left_ + kGrace, request_, [&](const sql::RowRef& row) {
    delivered_ = true;
    return visit(row);
  });
}

// What can't be ended in time is closed, and the server rolls it back.
void MysqlSession::end() {
  if (!connection_.is_usable() || !begun_) return;
  (void)connection_.run_once("ROLLBACK", Clock::now() + kEndMost);
}

}  // namespace gantry::index::mysql

#include "gantry/index/postgres/session.hpp"

#include <algorithm>

#include "gantry/index/postgres/dialect.hpp"

namespace gantry::index::postgres {
namespace {

using sql::Text;

/// A transaction that writes holds its tenant's lock: a node that fell silent in one is not waited for longer.
constexpr const char* kIdleInTransaction = "10s";
/// Rows of a stream are fetched so that a fetch is about this large.
constexpr std::size_t kFetchBytes = 1 << 20;
constexpr std::size_t kFetchFirst = 101, kFetchLeast = 4, kFetchMost = 1000;
constexpr std::chrono::seconds kEndMost{1};
/// The server should be the first to give a statement up: then the connection stays.
constexpr std::chrono::milliseconds kGrace{250};

}  // namespace

PostgresSession::PostgresSession(Pool& pool, Connection& connection, Mode mode, std::string tenant, Deadline deadline)
    : pool_(pool),
      connection_(connection),
      mode_(mode),
      tenant_(std::move(tenant)),
      request_(deadline),
      left_(pool.settings().statement_time) {}

const sql::NetworkDialect& PostgresSession::dialect() const { return postgres::dialect(); }

Deadline PostgresSession::deadline() const { return std::min(request_, Clock::now() + left_ + kGrace); }

// The server gives up by itself what nobody waits for. In few steps, so that the variable is seldom set.
int PostgresSession::statement_ms() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min(request_ - Clock::now(), left_)).count();
  const auto most = pool_.settings().statement_time.count();
  for (auto step = most; step > 1; step /= 2) {
    if (step / 2 < left) return static_cast<int>(step);
  }
  return 1;
}

// Sends what must come first with what was asked: the tenant's name always, BEGIN where one is due.
Result<std::vector<sql::Rows>> PostgresSession::exchange(std::vector<Text> statements, std::size_t own, bool ends) {
  if (Clock::now() >= request_) return Error::timeout("the deadline passed");
  std::vector<Text> all;
  const bool begins = !begun_ && (snapshot_ || mode_ == Mode::kWrite);
  Connection::Variables& kept = connection_.variables;
  const int statement_ms = this->statement_ms();
  if (begins) {
    all.emplace_back(dialect(), mode_ == Mode::kWrite ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
                                                      : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  if (begins || (!begun_ && (kept.tenant != tenant_ || kept.statement_ms != statement_ms))) {
    const char* const local = begins ? ", true)" : ", false)";
    Text& set = all.emplace_back(dialect());
    set << "SELECT set_config('" << kTenantVariable << "', ";
    set.bind(tenant_) << local << ", set_config('statement_timeout', ";
    set.bind(std::to_string(statement_ms)) << local;
    if (begins && mode_ == Mode::kWrite) {
      set << ", set_config('idle_in_transaction_session_timeout', '" << kIdleInTransaction << "', true)";
    }
    if (!begins) kept = {tenant_, statement_ms};
  }
  const std::size_t skipped = all.size();
  std::move(statements.begin(), statements.end(), std::back_inserter(all));
  if (begins) begun_ = true;
  if (ends) commit_sent_ = true;
  const auto start = Clock::now();
  auto sets = connection_.run(all, deadline());
  left_ -= Clock::now() - start;
  pool_.count_round_trip();
  if (!sets) {
    kept = {};  // an error takes back what was set with it
    return sets;
  }
  sets->erase(sets->begin(), sets->begin() + static_cast<std::ptrdiff_t>(skipped));
  sets->resize(own);
  return sets;
}

Result<std::vector<sql::Rows>> PostgresSession::run(std::span<const Text> statements) {
  return exchange({statements.begin(), statements.end()}, statements.size(), false);
}

Result<void> PostgresSession::run_and_commit(std::span<const Text> statements) {
  std::vector<Text> all(statements.begin(), statements.end());
  all.emplace_back(dialect(), "COMMIT");
  GANTRY_LET(const auto sets, exchange(std::move(all), 0, true));
  (void)sets;
  begun_ = false;
  return {};
}

Result<bool> PostgresSession::run_unless_refused(const Text& statement, std::string& why) {
  const std::vector<Text> tried{Text(dialect(), "SAVEPOINT gantry"), statement,
                                Text(dialect(), "RELEASE SAVEPOINT gantry")};
  auto done = exchange(tried, 0, false);
  if (done) return true;
  if (!refused()) return done.error();
  why = done.error().detail();
  const std::vector<Text> back{Text(dialect(), "ROLLBACK TO SAVEPOINT gantry"),
                               Text(dialect(), "RELEASE SAVEPOINT gantry")};
  GANTRY_LET(const auto sets, exchange(back, 0, false));
  (void)sets;
  return false;
}

Result<void> PostgresSession::stream(const Text& statement, const std::function<bool(const sql::RowRef&)>& visit) {
  hold_snapshot();  // a cursor lives in a transaction
  const auto fetch = [this](std::size_t rows) {
    return Text(dialect(), "FETCH FORWARD " + std::to_string(rows) + " FROM gantry_rows");
  };
  Text declare = statement;  // with its parameters
  declare.prepend("DECLARE gantry_rows NO SCROLL CURSOR FOR ");
  std::size_t wanted = kFetchFirst;
  GANTRY_LET(std::vector<sql::Rows> sets, exchange({declare, fetch(wanted)}, 2, false));
  sql::Rows rows = std::move(sets[1]);
  for (;;) {
    const auto& set = static_cast<const BinaryRows&>(*rows);
    for (std::size_t i = 0; i < set.size(); ++i) {
      delivered_ = true;
      if (!visit(sql::RowRef(set, i))) return {};
    }
    if (set.size() < wanted) return {};
    const std::size_t row_bytes = set.bytes() / std::max<std::size_t>(1, set.size()) + 1;
    wanted = std::clamp(kFetchBytes / row_bytes, kFetchLeast, kFetchMost);
    GANTRY_LET(sets, exchange({fetch(wanted)}, 1, false));
    rows = std::move(sets[0]);
  }
}

// What can't be ended in time is closed, and the server rolls it back.
void PostgresSession::end() {
  if (!connection_.is_usable() || !connection_.in_transaction()) return;
  const Text rollback(dialect(), "ROLLBACK");
  (void)connection_.run(std::span(&rollback, 1), Clock::now() + kEndMost);
}

}  // namespace gantry::index::postgres

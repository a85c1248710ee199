#include "gantry/index/mysql/mysql_index.hpp"

#include <algorithm>
#include <thread>

#include "gantry/index/mysql/dialect.hpp"
#include "gantry/index/mysql/literal.hpp"
#include "gantry/index/mysql/schema.hpp"
#include "gantry/index/mysql/session.hpp"
#include "gantry/index/sql/search_plan.hpp"

namespace gantry::index {

using mysql::Connection;
using mysql::MysqlSession;
using mysql::Pool;

namespace {

constexpr std::chrono::minutes kMigrateMost{10};
/// How long the end of a commit of unknown end is looked for, beside the request's own time.
constexpr std::chrono::seconds kSettleMost{5};
constexpr std::chrono::milliseconds kSettlePause{20};
/// How often a transaction that was a deadlock's victim, or whose connection was dead, begins again.
constexpr int kTriesMost = 3;

/// Uptimes are whole seconds, and are read some time after.
constexpr std::chrono::seconds kUptimeError{3};

/// A connection as settle() needs to know it, as one word.
struct SessionName {
  std::string number, server;
  Deadline server_start;

  static std::string of(const Connection& connection) {
    return connection.number() + " " + std::to_string(connection.server_start().time_since_epoch().count()) + " " +
           connection.server();
  }
  static SessionName of(const std::string& text) {
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    return {text.substr(0, first), text.substr(second + 1),
            Deadline(Clock::duration(std::stoll(text.substr(first + 1, second - first - 1))))};
  }
};

/// With its own connection.
class OwnSchema final : public SchemaAdmin {
 public:
  explicit OwnSchema(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Result<SchemaState> state(Deadline deadline) override { return schema_.state(deadline); }
  Result<void> migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) override {
    return schema_.migrate(deadline, told);
  }

 private:
  std::unique_ptr<Connection> connection_;
  mysql::MysqlSchema schema_{*connection_};
};

}  // namespace

struct MysqlIndex::Impl {
  explicit Impl(MysqlSettings settings) : pool(std::move(settings)) {}
  Pool pool;
};

MysqlIndex::MysqlIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MysqlIndex::~MysqlIndex() = default;

Result<std::unique_ptr<MysqlIndex>> MysqlIndex::open(MysqlSettings settings) {
  settings.connections = std::max(1U, settings.connections);
  {
    GANTRY_LET(const auto connection, Connection::open(settings, Clock::now() + settings.connect_time));
    mysql::MysqlSchema schema(*connection);
    if (settings.migrate) GANTRY_TRY(schema.migrate(Clock::now() + kMigrateMost, [](const SchemaStep&) {}));
    GANTRY_LET(const SchemaState state, schema.state(Clock::now() + settings.statement_time));
    GANTRY_TRY(check_schema(state));
  }
  return std::unique_ptr<MysqlIndex>(new MysqlIndex(std::make_unique<Impl>(std::move(settings))));
}

Result<std::unique_ptr<SchemaAdmin>> MysqlIndex::open_schema(const MysqlSettings& settings) {
  GANTRY_LET(auto connection, Connection::open(settings, Clock::now() + settings.connect_time));
  return std::unique_ptr<SchemaAdmin>(std::make_unique<OwnSchema>(std::move(connection)));
}

const sql::NetworkDialect& MysqlIndex::dialect() const { return mysql::dialect(); }

std::optional<PoolStats> MysqlIndex::pool_stats() const { return impl_->pool.stats(); }

// Statements name their tenants; there is no second lock in this database.
Result<void> MysqlIndex::read(const RequestContext& ctx, Tenants, const Work& work) {
  Pool& pool = impl_->pool;
  for (int attempt = 1;; ++attempt) {
    GANTRY_LET(const Pool::Lease lease, pool.acquire(ctx.deadline, false));
    MysqlSession session(pool, *lease, MysqlSession::Mode::kRead, ctx.deadline);
    auto done = work(session);
    const bool broke = !done && done.error().kind() == ErrorKind::kUnavailable && !lease->is_usable();
    session.end();
    if (!broke) return done;
    pool.suspect();
    if (session.delivered() || attempt == kTriesMost) return done;
  }
}

Result<void> MysqlIndex::write(const RequestContext& ctx, Tenants, const Work& work, Doubt& doubt) {
  Pool& pool = impl_->pool;
  for (int attempt = 1;; ++attempt) {
    doubt = {};
    GANTRY_LET(const Pool::Lease lease, pool.acquire(ctx.deadline, true));
    MysqlSession session(pool, *lease, MysqlSession::Mode::kWrite, ctx.deadline);
    auto done = work(session);
    const auto failure = lease->failure();
    if (!done) {
      doubt.refused = failure == Connection::Failure::kRefused;
      // A statement that the server refused kept it from the COMMIT behind it; silence tells nothing.
      doubt.unknown = session.commit_was_sent() && failure == Connection::Failure::kBroken;
      doubt.session = SessionName::of(*lease);
    }
    session.end();
    if (done) return done;
    const bool broke = failure == Connection::Failure::kBroken;
    if (broke) pool.suspect();
    const bool again = !doubt.unknown && done.error().kind() == ErrorKind::kUnavailable &&
                       (broke || failure == Connection::Failure::kRetry);
    if (!again || attempt == kTriesMost) return done;
  }
}

// The session may still hold a COMMIT that it has not read: it is ended, and gone when it is not listed any more. A
// server that started since has none of the old sessions; another server knows nothing of them.
Result<void> MysqlIndex::settle(const std::string& session) {
  const Deadline deadline = Clock::now() + kSettleMost;
  const SessionName name = SessionName::of(session);
  std::string last = "the database did not answer";
  while (Clock::now() < deadline) {
    auto connection = Connection::open(impl_->pool.settings(), deadline);
    if (connection) {
      if ((*connection)->server() != name.server) {
        last = "another server answers now (" + (*connection)->server() + ")";
        break;
      }
      if ((*connection)->server_start() > name.server_start + kUptimeError) return {};
      for (;;) {
        (void)(*connection)->run_once("KILL CONNECTION " + name.number, deadline);  // fails once it is gone
        auto listed =
            (*connection)->run_once("SELECT 1 FROM information_schema.processlist WHERE id = " + name.number, deadline);
        if (listed && (*listed)->size() == 0) return {};
        if (!listed) {
          last = listed.error().detail();
          break;
        }
        std::this_thread::sleep_for(kSettlePause);
        if (Clock::now() >= deadline) break;
      }
    } else {
      last = connection.error().detail();
    }
    std::this_thread::sleep_for(kSettlePause);
  }
  return Error::unavailable("it is not known whether the commit succeeded: " + last);
}

Result<std::vector<std::string>> MysqlIndex::explain(const RequestContext& ctx, const SearchQuery& query) {
  GANTRY_TRY(validate(query));
  std::vector<std::string> lines;
  GANTRY_TRY(read(ctx, Tenants::kOne, [&](sql::Session& session) -> Result<void> {
    lines.clear();
    const auto explain_text = [&](sql::Text text) -> Result<void> {
      GANTRY_LET(const sql::Rows rows, session.run(text.prepend("EXPLAIN ")));
      for (std::size_t i = 0; i < rows->size(); ++i) {
        // id, select_type, table, type, possible_keys, key, … Extra; MySQL has two more columns in between.
        std::string line;
        for (int column = 2; column <= 9; ++column) line.append(rows->view(i, column)).append(" | ");
        lines.push_back(std::move(line));
      }
      return {};
    };
    const auto probe = [&](const sql::Text& text) -> Result<std::vector<std::string>> {
      GANTRY_TRY(explain_text(text));
      GANTRY_LET(const sql::Rows rows, session.run(text));
      std::vector<std::string> found;
      for (std::size_t i = 0; i < rows->size(); ++i) found.emplace_back(rows->view(i, 0));
      return found;
    };
    GANTRY_LET(const sql::SearchPlan plan, sql::SearchPlan::make(dialect(), ctx.tenant, query, probe));
    return explain_text(plan.select());
  }));
  return lines;
}

}  // namespace gantry::index

#include "gantry/index/postgres/postgres_index.hpp"

#include <algorithm>
#include <thread>

#include "gantry/index/postgres/dialect.hpp"
#include "gantry/index/postgres/schema.hpp"
#include "gantry/index/postgres/session.hpp"
#include "gantry/index/sql/search_plan.hpp"

namespace gantry::index {

using postgres::Connection;
using postgres::Pool;
using postgres::PostgresSession;

namespace {

constexpr std::chrono::minutes kMigrateMost{10};
/// How long the end of a commit of unknown end is looked for, beside the request's own time.
constexpr std::chrono::seconds kSettleMost{5};
constexpr std::chrono::milliseconds kSettlePause{20};
/// How often a transaction that was a deadlock's victim, or whose connection was dead, begins again.
constexpr int kTriesMost = 3;

}  // namespace

struct PostgresIndex::Impl {
  explicit Impl(PostgresSettings settings) : pool(std::move(settings)) {}
  Pool pool;
};

PostgresIndex::PostgresIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

PostgresIndex::~PostgresIndex() = default;

Result<std::unique_ptr<PostgresIndex>> PostgresIndex::open(PostgresSettings settings) {
  settings.connections = std::max(1U, settings.connections);
  {
    GANTRY_LET(const auto connection, Connection::open(settings, Clock::now() + settings.connect_time));
    postgres::PostgresSchema schema(*connection);
    if (settings.migrate) GANTRY_TRY(schema.migrate(Clock::now() + kMigrateMost, [](const SchemaStep&) {}));
    GANTRY_LET(const SchemaState state, schema.state(Clock::now() + settings.statement_time));
    GANTRY_TRY(check_schema(state));
  }
  return std::unique_ptr<PostgresIndex>(new PostgresIndex(std::make_unique<Impl>(std::move(settings))));
}

namespace {

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
  postgres::PostgresSchema schema_{*connection_};
};

}  // namespace

Result<std::unique_ptr<SchemaAdmin>> PostgresIndex::open_schema(const PostgresSettings& settings) {
  GANTRY_LET(auto connection, Connection::open(settings, Clock::now() + settings.connect_time));
  return std::unique_ptr<SchemaAdmin>(std::make_unique<OwnSchema>(std::move(connection)));
}

const sql::NetworkDialect& PostgresIndex::dialect() const { return postgres::dialect(); }

std::optional<PoolStats> PostgresIndex::pool_stats() const { return impl_->pool.stats(); }

Result<void> PostgresIndex::read(const RequestContext& ctx, Tenants tenants, const Work& work) {
  Pool& pool = impl_->pool;
  for (int attempt = 1;; ++attempt) {
    GANTRY_LET(const Pool::Lease lease, pool.acquire(ctx.deadline, false));
    PostgresSession session(pool, *lease, PostgresSession::Mode::kRead,
                            tenants == Tenants::kAll ? "*" : ctx.tenant.str(), ctx.deadline);
    auto done = work(session);
    const bool broke = !done && done.error().kind() == ErrorKind::kUnavailable && !lease->is_usable();
    session.end();
    if (!broke) return done;
    pool.suspect();
    if (session.delivered() || attempt == kTriesMost) return done;
  }
}

Result<void> PostgresIndex::write(const RequestContext& ctx, Tenants tenants, const Work& work, Doubt& doubt) {
  Pool& pool = impl_->pool;
  for (int attempt = 1;; ++attempt) {
    doubt = {};
    GANTRY_LET(const Pool::Lease lease, pool.acquire(ctx.deadline, true));
    PostgresSession session(pool, *lease, PostgresSession::Mode::kWrite,
                            tenants == Tenants::kAll ? "*" : ctx.tenant.str(), ctx.deadline);
    auto done = work(session);
    const auto failure = lease->failure();
    if (!done) {
      doubt.refused = failure == Connection::Failure::kRefused;
      // A statement that the server refused took the COMMIT behind it along; silence tells nothing.
      doubt.unknown = session.commit_was_sent() && !lease->is_usable();
      doubt.session = lease->name();
    }
    session.end();
    if (done) return done;
    const bool broke = !lease->is_usable();
    if (broke) pool.suspect();
    const bool again = !doubt.unknown && done.error().kind() == ErrorKind::kUnavailable &&
                       (broke || failure == Connection::Failure::kRetry);
    if (!again || attempt == kTriesMost) return done;
  }
}

// The session may still hold a COMMIT that it has not read: it is ended, and gone when it is not listed any more.
Result<void> PostgresIndex::settle(const std::string& session) {
  const Deadline deadline = Clock::now() + kSettleMost;
  std::string last = "the database did not answer";
  while (Clock::now() < deadline) {
    auto connection = Connection::open(impl_->pool.settings(), deadline);
    if (connection) {
      const std::string of_session = " FROM pg_stat_activity WHERE application_name = '" + session + "'";
      for (;;) {
        auto ended = (*connection)->run_once("SELECT pg_terminate_backend(pid)" + of_session, deadline);
        if (ended && (*ended)->size() == 0) return {};
        if (!ended) {
          last = ended.error().detail();
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

Result<std::vector<std::string>> PostgresIndex::explain(const RequestContext& ctx, const SearchQuery& query) {
  GANTRY_TRY(validate(query));
  std::vector<std::string> lines;
  GANTRY_TRY(read(ctx, Tenants::kOne, [&](sql::Session& session) -> Result<void> {
    lines.clear();
    const auto explain_text = [&](sql::Text text) -> Result<void> {
      GANTRY_LET(const sql::Rows rows, session.run(text.prepend("EXPLAIN ")));
      for (std::size_t i = 0; i < rows->size(); ++i) lines.emplace_back(rows->view(i, 0));
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

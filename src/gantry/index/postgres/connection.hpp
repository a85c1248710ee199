#pragma once

// One connection to PostgreSQL. libpq is met in this folder alone.

#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/postgres/binary.hpp"
#include "gantry/index/postgres/postgres_settings.hpp"

namespace gantry::index::postgres {

using Connected = Handle<PGconn, &PQfinish>;

/// Used by one thread at a time. After an error look at failure().
class Connection {
 public:
  /// Connects, checks that the server is one we can write to, and sets the session up. kUnavailable, kTimeout;
  /// kUnsupported: another encoding than UTF-8, or too old; kInvalid: the URL is none.
  static Result<std::unique_ptr<Connection>> open(const PostgresSettings& settings, Deadline deadline);

  /// Runs the statements in order in one round trip and gives the rows of each. The first that fails ends it; outside
  /// of BEGIN and COMMIT they are one transaction. At the deadline the connection is given up (kTimeout).
  Result<std::vector<sql::Rows>> run(std::span<const sql::Text> statements, Deadline deadline);
  /// Text that is not to be prepared (DDL), alone.
  Result<sql::Rows> run_once(const std::string& text, Deadline deadline);

  /// Does the server answer?
  Result<void> ping(Deadline deadline);

  enum class Failure {
    kNone,
    kBroken,   ///< nothing more will be heard; what was sent may have been done
    kRefused,  ///< what was to be written can't be (constraint, limit, bad value)
    kRetry,    ///< a deadlock or the like: the same again may succeed
    kOther,
  };
  /// Of the last run().
  [[nodiscard]] Failure failure() const noexcept { return failure_; }
  /// False when it must not be used again.
  [[nodiscard]] bool is_usable() const noexcept { return !broken_ && PQstatus(raw_.get()) == CONNECTION_OK; }
  [[nodiscard]] bool in_transaction() const noexcept { return PQtransactionStatus(raw_.get()) != PQTRANS_IDLE; }
  /// Looks whether the server ended it, without a round trip.
  [[nodiscard]] bool is_alive();
  /// What names it in pg_stat_activity, unique among all.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// When it was last used.
  [[nodiscard]] Deadline last_used() const noexcept { return last_used_; }

  /// What the session's variables were set to outside of a transaction; for who sets them.
  struct Variables {
    std::string tenant;
    int statement_ms = -1;
  };
  Variables variables;

 private:
  struct Prepared {
    std::string text, name;
    std::vector<Oid> types;
  };
  static constexpr std::size_t kPreparedMost = 256;

  explicit Connection(std::string name) : name_(std::move(name)) {}
  Result<void> connect(const std::string& conninfo, Deadline deadline);
  Result<void> set_up(Deadline deadline);
  /// Sends one; adds to `expected` how many results come before the statement's own.
  bool send(const sql::Text& statement, std::vector<int>& expected);
  Result<void> wait(bool for_write, Deadline deadline);
  Result<void> flush(Deadline deadline);
  Result<Answer> next(Deadline deadline);
  Error failed(const PGresult& result);
  Error lost(std::string_view what);
  Error passed();

  Connected raw_;
  std::string name_;
  bool broken_ = false;
  Failure failure_ = Failure::kNone;
  Deadline last_used_ = Clock::now();
  std::list<Prepared> prepared_;  ///< most recently used first
  std::unordered_map<std::string_view, std::list<Prepared>::iterator> by_text_;
  std::vector<Prepared> to_forget_;  ///< those being prepared by the run() at hand
  unsigned long long next_name_ = 0;
};

}  // namespace gantry::index::postgres

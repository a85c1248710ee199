#pragma once

// One connection to MariaDB or MySQL and what it is asked. libmariadb is met in this folder alone.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mysql.h>

#include "gantry/base/context.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/mysql/mysql_settings.hpp"
#include "gantry/index/sql/session.hpp"

namespace gantry::index::mysql {

using Connected = Handle<MYSQL, &mysql_close>;
using Answer = Handle<MYSQL_RES, &mysql_free_result>;

/// What a server says of how it writes.
struct Durability {
  bool maria = false;
  std::int64_t flush_log = 1;  ///< innodb_flush_log_at_trx_commit
  bool binary_log = false;
  std::int64_t sync_binary_log = 1;
};
/// How such a server may lose what it acknowledged when the power fails, and what is to be set; "": it does not. With a
/// binary log the commit itself is not synced: after a crash the log decides which transactions there were.
[[nodiscard]] std::string why_not_durable(const Durability& durability);

/// Used by one thread at a time. After an error look at failure().
class Connection {
 public:
  /// Connects, checks that the server is one we can write to, and sets the session up. kUnavailable, kTimeout;
  /// kUnsupported: too old, or one that may lose what it acknowledged; kInvalid: a parameter of the URL is none.
  static Result<std::unique_ptr<Connection>> open(const MysqlSettings& settings, Deadline deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs the statements in order, in one round trip as long as their text is not longer than the server takes at once,
  /// and gives the rows of each. The first that fails ends it. At the deadline the connection is given up (kTimeout).
  Result<std::vector<sql::Rows>> run(std::span<const std::string> statements, Deadline deadline);
  Result<sql::Rows> run_once(const std::string& statement, Deadline deadline);
  /// Visits the rows of a statement as they come, until `visit` gives false. `most` is for the waits together; the
  /// visits' time is not counted.
  Result<void> stream(const std::string& statement, Clock::duration most, Deadline deadline,
                      const std::function<bool(const sql::RowRef&)>& visit);
  /// Does the server answer?
  Result<void> ping(Deadline deadline);

  enum class Failure {
    kNone,
    kBroken,   ///< nothing more will be heard; what was sent may have been done
    kRefused,  ///< what was to be written can't be (constraint, limit, bad value)
    kRetry,    ///< a deadlock or the like: the same again may succeed
    kOther,
  };
  /// Of the last call.
  [[nodiscard]] Failure failure() const noexcept { return failure_; }
  [[nodiscard]] unsigned error_number() const noexcept { return error_number_; }
  /// False when it must not be used again.
  [[nodiscard]] bool is_usable() const noexcept { return !broken_; }
  [[nodiscard]] bool in_transaction() const noexcept { return (raw_->server_status & SERVER_STATUS_IN_TRANS) != 0; }
  /// Looks whether the server ended it, without a round trip.
  [[nodiscard]] bool is_alive();
  /// Its number among the server's connections.
  [[nodiscard]] const std::string& number() const noexcept { return number_; }
  /// The server at the other end: where it says that it runs.
  [[nodiscard]] const std::string& server() const noexcept { return server_; }
  /// When that server started, to some seconds, on our clock.
  [[nodiscard]] Deadline server_start() const noexcept { return server_start_; }
  /// When it was last used.
  [[nodiscard]] Deadline last_used() const noexcept { return last_used_; }

 private:
  Connection() = default;
  Result<void> connect(const MysqlSettings& settings, Deadline deadline);
  Result<void> set_up(const MysqlSettings& settings, Deadline deadline);
  Result<void> send(std::string_view text, Deadline deadline);
  /// The answers of what was sent, `count` of them.
  Result<void> receive(std::size_t count, std::vector<sql::Rows>& sets, Deadline deadline);
  template <class Start, class Proceed>
  void drive(Deadline deadline, Start start, Proceed proceed);
  Error failed();
  Error lost(std::string_view what);

  Connected raw_;
  std::string number_, server_;
  Deadline server_start_{};
  std::size_t packet_bytes_ = 1 << 20;
  bool broken_ = false, late_ = false;
  Failure failure_ = Failure::kNone;
  unsigned error_number_ = 0;
  Deadline last_used_ = Clock::now();
};

}  // namespace gantry::index::mysql

#include "gantry/index/mysql/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>

#include <climits>

#include <errmsg.h>
#include <poll.h>
#include <sys/socket.h>

namespace gantry::index::mysql {
namespace {

constexpr unsigned long kMariaDbLeast = 10'06'00, kMysqlLeast = 8'00'13;
constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";
/// A session that is silent for so long is ended by the server, and with it a transaction's locks; so a node that fell
/// silent in one is not waited for longer. Idle connections of ours are looked at before they are used.
constexpr int kSilenceSeconds = 60;
/// A row's visitor may write to a slow client: the server waits for it as long as a request may live.
constexpr int kSlowReaderSeconds = 6 * 3600;

// Numbers of the servers' errors; the library names only some, and the two servers not the same ones.
constexpr unsigned kDuplicateEntry = 1062, kLockWait = 1205, kDeadlock = 1213, kInterrupted = 1317,
                   kStatementTimeMariaDb = 1969, kStatementTimeMysql = 3024;

/// Milliseconds to wait for `deadline`, as poll() takes them; -1 waits for ever.
int poll_ms(Deadline deadline) {
  if (deadline == Deadline::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

bool is_this_machine(std::string_view host) {
  return host.empty() || host == "localhost" || host.starts_with("127.") || host == "::1";
}

/// The parameters of the URL.
struct Words {
  std::string sslmode, sslrootcert, sslcert, sslkey, socket;
};

Result<Words> words_of(const MysqlSettings& settings) {
  Words words;
  const std::pair<std::string_view, std::string Words::*> known[] = {{"sslmode", &Words::sslmode},
                                                                     {"sslrootcert", &Words::sslrootcert},
                                                                     {"sslcert", &Words::sslcert},
                                                                     {"sslkey", &Words::sslkey},
                                                                     {"socket", &Words::socket}};
  for (const auto& [name, value] : settings.parameters) {
    const auto* const found =
        std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return k.first == name; });
    if (found == std::end(known)) {
      return Error::invalid("the index's URL has the parameter \"" + name +
                            "\"; MySQL's are sslmode, sslrootcert, sslcert, sslkey and socket");
    }
    words.*(found->second) = value;
  }
  if (words.sslmode.empty()) {
    words.sslmode = is_this_machine(settings.host) || !words.socket.empty() ? "disable" : "verify-full";
  }
  // The library checks a certificate's name and authority together.
  const std::string_view modes[] = {"disable", "require", "verify-full"};
  if (std::find(std::begin(modes), std::end(modes), words.sslmode) == std::end(modes)) {
    return Error::invalid("the index's URL has sslmode=" + words.sslmode +
                          "; it is one of disable, require, verify-full");
  }
  if (words.sslmode == "verify-full" && words.sslrootcert.empty()) words.sslrootcert = kSystemAuthorities;
  return words;
}

void set(MYSQL* raw, mysql_option option, const void* value) { mysql_options(raw, option, value); }

void set_tls(MYSQL* raw, const Words& words) {
  if (words.sslmode == "disable") return;
  const my_bool yes = 1, verify = words.sslmode == "verify-full" ? 1 : 0;
  set(raw, MYSQL_OPT_SSL_ENFORCE, &yes);
  set(raw, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (!words.sslrootcert.empty()) set(raw, MYSQL_OPT_SSL_CA, words.sslrootcert.c_str());
  if (!words.sslcert.empty()) set(raw, MYSQL_OPT_SSL_CERT, words.sslcert.c_str());
  if (!words.sslkey.empty()) set(raw, MYSQL_OPT_SSL_KEY, words.sslkey.c_str());
}

std::int64_t number_of(std::string_view digits) {
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// One row, as long as the library keeps it.
class OneRow final : public sql::RowSet {
 public:
  OneRow(MYSQL_ROW row, const unsigned long* lengths) : row_(row), lengths_(lengths) {}
  std::size_t size() const override { return 1; }
  std::string_view view(std::size_t, int column) const override {
    return row_[column] == nullptr ? std::string_view() : std::string_view(row_[column], lengths_[column]);
  }
  std::int64_t integer(std::size_t row, int column) const override { return number_of(view(row, column)); }
  Timestamp time(std::size_t row, int column) const override { return sql::timestamp(integer(row, column)); }

 private:
  MYSQL_ROW row_;
  const unsigned long* lengths_;
};

class TextRows final : public sql::RowSet {
 public:
  explicit TextRows(Answer answer) : answer_(std::move(answer)) {
    if (!answer_) return;
    columns_ = mysql_num_fields(answer_.get());
    rows_.reserve(mysql_num_rows(answer_.get()));
    while (MYSQL_ROW row = mysql_fetch_row(answer_.get())) {
      const unsigned long* const lengths = mysql_fetch_lengths(answer_.get());
      rows_.push_back(row);
      lengths_.insert(lengths_.end(), lengths, lengths + columns_);
    }
  }
  std::size_t size() const override { return rows_.size(); }
  std::string_view view(std::size_t row, int column) const override {
    const auto at = static_cast<std::size_t>(column);
    const char* const text = rows_[row][at];
    return text == nullptr ? std::string_view() : std::string_view(text, lengths_[row * columns_ + at]);
  }
  std::int64_t integer(std::size_t row, int column) const override { return number_of(view(row, column)); }
  Timestamp time(std::size_t row, int column) const override { return sql::timestamp(integer(row, column)); }

 private:
  Answer answer_;
  std::size_t columns_ = 0;
  std::vector<MYSQL_ROW> rows_;
  std::vector<unsigned long> lengths_;
};

Connection::Failure kind_of(unsigned error) {
  using Failure = Connection::Failure;
  switch (error) {
    case kDeadlock: return Failure::kRetry;
    case 1048:  // a NULL where none may be
    case kDuplicateEntry:
    case 1118:  // a row that is too long
    case 1153:  // a packet that is too long
    case 1264:  // a number out of range
    case 1292:
    case 1364:
    case 1366:
    case 1406:  // text that is too long
    case 3819:  // a constraint of MySQL's
    case 4025:  // the same of MariaDB's
      return Failure::kRefused;
    default: return Failure::kOther;
  }
}

/// The server goes on to answer, but not on this connection.
bool ends_connection(unsigned error) {
  if (error >= CR_MIN_ERROR && error <= CR_MAX_ERROR) return true;
  switch (error) {
    case 1053:  // it shuts down
    case 1152:
    case 1153:  // it reads no further
    case 1158:
    case 1159:
    case 1160:
    case 1161:
    case 1184:
    case 1927:  // it was killed
    case 4031:  // it was idle for too long
      return true;
    default: return false;
  }
}

bool is_a_matter_of_time(unsigned error) {
  return error == kLockWait || error == kInterrupted || error == kStatementTimeMariaDb || error == kStatementTimeMysql;
}

/// Full, read-only, starting, or with too many connections: later it may do it.
bool may_pass(unsigned error) {
  switch (error) {
    case 1021:
    case 1040:
    case 1114:
    case 1203:
    case 1226:
    case 1290:
    case 1792:
    case 1836:
    case kDeadlock: return true;
    default: return ends_connection(error);
  }
}

}  // namespace

std::string why_not_durable(const Durability& durability) {
  // MariaDB's 3 syncs more than 1 does: the commit, too.
  if (durability.maria && durability.flush_log == 3) return {};
  if (durability.flush_log != 1) {
    return "it has innodb_flush_log_at_trx_commit = " + std::to_string(durability.flush_log) + "; set it to 1";
  }
  if (durability.binary_log && durability.sync_binary_log != 1) {
    return "it writes a binary log and has sync_binlog = " + std::to_string(durability.sync_binary_log) +
           "; set it to 1";
  }
  return {};
}

Connection::~Connection() {
  // A farewell is not worth waiting for on a connection that stands still.
  if (raw_ && broken_ && mysql_get_socket(raw_.get()) >= 0) ::shutdown(mysql_get_socket(raw_.get()), SHUT_RDWR);
}

// Runs a call of the library that waits for the server, as long as the deadline allows; then the socket is shut down,
// and the call comes to its end by that.
template <class Start, class Proceed>
void Connection::drive(Deadline deadline, Start start, Proceed proceed) {
  int waits = start();
  while (waits != 0) {
    pollfd waiting{mysql_get_socket(raw_.get()), 0, 0};
    if ((waits & MYSQL_WAIT_READ) != 0) waiting.events |= POLLIN;
    if ((waits & MYSQL_WAIT_WRITE) != 0) waiting.events |= POLLOUT;
    if ((waits & MYSQL_WAIT_EXCEPT) != 0) waiting.events |= POLLPRI;
    const int ready = poll(&waiting, 1, late_ ? 1000 : poll_ms(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      if (late_) {
        broken_ = true;  // can't be: what was shut down is readable
        return;
      }
      late_ = true;
      ::shutdown(waiting.fd, SHUT_RDWR);
      continue;
    }
    int happened = 0;
    if ((waiting.revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL)) != 0) happened |= MYSQL_WAIT_READ;
    if ((waiting.revents & (POLLOUT | POLLHUP | POLLERR)) != 0) happened |= MYSQL_WAIT_WRITE;
    if ((waiting.revents & POLLPRI) != 0) happened |= MYSQL_WAIT_EXCEPT;
    waits = proceed(happened & waits);
  }
}

Error Connection::failed() {
  error_number_ = mysql_errno(raw_.get());
  const std::string words = mysql_error(raw_.get());
  if (late_) {
    broken_ = true;
    failure_ = Failure::kBroken;
    return Error::timeout("the database did not answer in time");
  }
  if (ends_connection(error_number_)) {
    broken_ = true;
    failure_ = error_number_ == 1153 ? Failure::kRefused : Failure::kBroken;
    return Error::unavailable("the database's connection broke: " + words);
  }
  failure_ = kind_of(error_number_);
  const std::string text = "the database: " + words + " (" + std::to_string(error_number_) + ")";
  if (is_a_matter_of_time(error_number_)) return Error::timeout(text);
  if (may_pass(error_number_)) return Error::unavailable(text);
  return Error::internal(text);
}

Error Connection::lost(std::string_view what) {
  broken_ = true;
  failure_ = Failure::kBroken;
  return Error::unavailable(std::string(what));
}

Result<std::unique_ptr<Connection>> Connection::open(const MysqlSettings& settings, Deadline deadline) {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  std::unique_ptr<Connection> connection(new Connection);
  connection->raw_.reset(mysql_init(nullptr));
  if (!connection->raw_) return Error::unavailable("no memory for a connection to the database");
  GANTRY_TRY(connection->connect(settings, deadline));
  GANTRY_TRY(connection->set_up(settings, deadline));
  return connection;
}

Result<void> Connection::connect(const MysqlSettings& settings, Deadline deadline) {
  GANTRY_LET(const Words words, words_of(settings));
  if (settings.database.empty()) return Error::invalid("the index's URL names no database: mysql://USER@HOST/DATABASE");
  MYSQL* const raw = raw_.get();
  const unsigned off = 0, protocol = words.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  const unsigned long packet = 1UL << 30;
  set(raw, MYSQL_OPT_NONBLOCK, nullptr);
  set(raw, MYSQL_OPT_LOCAL_INFILE, &off);  // the server asks for none of our files
  set(raw, MYSQL_OPT_PROTOCOL, &protocol);
  set(raw, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
  set(raw, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  set_tls(raw, words);
  MYSQL* done = nullptr;
  const std::string host = settings.host.empty() ? "127.0.0.1" : settings.host;
  const char* const socket = words.socket.empty() ? nullptr : words.socket.c_str();
  drive(
      deadline,
      [&] {
        return mysql_real_connect_start(&done, raw, host.c_str(), settings.user.c_str(), settings.password.c_str(),
                                        settings.database.c_str(), settings.port, socket,
                                        CLIENT_MULTI_STATEMENTS | CLIENT_REMEMBER_OPTIONS);
      },
      [&](int happened) { return mysql_real_connect_cont(&done, raw, happened); });
  if (done != nullptr) return {};
  const std::string why = late_ ? "it did not take a connection in time" : mysql_error(raw);
  broken_ = true;
  return Error::unavailable("connecting to the database: " + why);
}

Result<void> Connection::set_up(const MysqlSettings& settings, Deadline deadline) {
  const unsigned long version = mysql_get_server_version(raw_.get());
  const bool maria = mariadb_connection(raw_.get()) != 0;
  if (version < (maria ? kMariaDbLeast : kMysqlLeast)) {
    return Error::unsupported("MariaDB 10.6 or MySQL 8.0.13 or later is needed; this one is " +
                              std::string(mysql_get_server_info(raw_.get())));
  }
  const auto statement_ms = std::max<std::int64_t>(1, settings.statement_time.count());
  const std::string limit = maria ? "max_statement_time = " + std::to_string(statement_ms / 1000) + "." +
                                        std::to_string(1000 + statement_ms % 1000).substr(1)
                                  : "max_execution_time = " + std::to_string(statement_ms);
  const std::string statements[] = {
      // Bytes come as they are; || joins; what does not fit is an error.
      "SET SESSION character_set_results = NULL, time_zone = '+00:00', "
      "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', autocommit = 1, " +
          limit +
          ", innodb_lock_wait_timeout = " + std::to_string(std::max<std::int64_t>(1, (statement_ms + 999) / 1000)) +
          ", wait_timeout = " + std::to_string(kSilenceSeconds) +
          ", net_write_timeout = " + std::to_string(kSlowReaderSeconds),
      "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
      "SELECT CONNECTION_ID(), @@max_allowed_packet, @@global.innodb_flush_log_at_trx_commit, @@global.read_only, "
      "@@global.log_bin, @@global.sync_binlog, CONCAT(@@hostname, ':', @@port)",
      "SHOW GLOBAL STATUS LIKE 'Uptime'",
  };
  GANTRY_LET(const std::vector<sql::Rows> sets, run(statements, deadline));
  const sql::RowRef row(*sets[2], 0);
  number_ = row.text(0);
  server_ = row.text(6);
  if (sets[3]->size() == 1) server_start_ = Clock::now() - std::chrono::seconds(sets[3]->integer(0, 1));
  packet_bytes_ = static_cast<std::size_t>(row.count(1));
  const std::string lossy = why_not_durable({maria, row.integer(2), row.integer(4) != 0, row.integer(5)});
  if (!lossy.empty()) return Error::unsupported("the database may lose what it acknowledged: " + lossy);
  if (row.integer(3) != 0) return Error::unavailable("the database is read-only now");
  return {};
}

Result<void> Connection::send(std::string_view text, Deadline deadline) {
  int error = 0;
  drive(
      deadline, [&] { return mysql_real_query_start(&error, raw_.get(), text.data(), text.size()); },
      [&](int happened) { return mysql_real_query_cont(&error, raw_.get(), happened); });
  if (late_ || error != 0) return failed();
  return {};
}

Result<void> Connection::receive(std::size_t count, std::vector<sql::Rows>& sets, Deadline deadline) {
  MYSQL* const raw = raw_.get();
  for (std::size_t i = 0; i < count; ++i) {
    MYSQL_RES* result = nullptr;
    drive(
        deadline, [&] { return mysql_store_result_start(&result, raw); },
        [&](int happened) { return mysql_store_result_cont(&result, raw, happened); });
    Answer answer(result);
    if (late_ || (!answer && mysql_errno(raw) != 0)) return failed();
    sets.push_back(std::make_unique<TextRows>(std::move(answer)));
    if (mysql_more_results(raw) == 0)
      return i + 1 == count ? Result<void>() : lost("the database's answers are out of step");
    int next = 0;
    drive(
        deadline, [&] { return mysql_next_result_start(&next, raw); },
        [&](int happened) { return mysql_next_result_cont(&next, raw, happened); });
    if (late_ || next > 0) return failed();
  }
  return lost("the database's answers are out of step");
}

Result<std::vector<sql::Rows>> Connection::run(std::span<const std::string> statements, Deadline deadline) {
  failure_ = Failure::kNone;
  error_number_ = 0;
  std::vector<sql::Rows> sets;
  std::string text;
  std::size_t first = 0;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (statements[i].size() + 1 > packet_bytes_) {
      failure_ = Failure::kRefused;
      return Error::too_large("a row is longer than the database takes (max_allowed_packet is " +
                              std::to_string(packet_bytes_) + ")");
    }
    if (!text.empty()) text += ';';
    text += statements[i];
    const bool last = i + 1 == statements.size();
    if (!last && text.size() + statements[i + 1].size() + 2 <= packet_bytes_) continue;
    GANTRY_TRY(send(text, deadline));
    GANTRY_TRY(receive(i + 1 - first, sets, deadline));
    text.clear();
    first = i + 1;
  }
  last_used_ = Clock::now();
  return sets;
}

Result<sql::Rows> Connection::run_once(const std::string& statement, Deadline deadline) {
  GANTRY_LET(std::vector<sql::Rows> sets, run(std::span(&statement, 1), deadline));
  return std::move(sets[0]);
}

Result<void> Connection::stream(const std::string& statement, Clock::duration most, Deadline deadline,
                                const std::function<bool(const sql::RowRef&)>& visit) {
  failure_ = Failure::kNone;
  error_number_ = 0;
  Clock::duration left = most;
  const auto until = [&] { return std::min(deadline, Clock::now() + left); };
  auto began = Clock::now();
  GANTRY_TRY(send(statement, until()));
  const Answer answer(mysql_use_result(raw_.get()));
  if (!answer) return failed();
  for (;;) {
    MYSQL_ROW row = nullptr;
    drive(
        until(), [&] { return mysql_fetch_row_start(&row, answer.get()); },
        [&](int happened) { return mysql_fetch_row_cont(&row, answer.get(), happened); });
    if (late_ || (row == nullptr && mysql_errno(raw_.get()) != 0)) return failed();
    left -= Clock::now() - began;
    last_used_ = Clock::now();
    if (row == nullptr) return {};
    const unsigned long* const lengths = mysql_fetch_lengths(answer.get());
    const OneRow one(row, lengths);
    if (!visit(sql::RowRef(one, 0))) {
      // What was not read would have to be: another connection costs less than rows without a bound.
      broken_ = true;
      ::shutdown(mysql_get_socket(raw_.get()), SHUT_RDWR);
      return {};
    }
    began = Clock::now();
  }
}

Result<void> Connection::ping(Deadline deadline) {
  GANTRY_LET(const sql::Rows rows, run_once("SELECT 1", deadline));
  (void)rows;
  return {};
}

bool Connection::is_alive() {
  if (broken_) return false;
  pollfd waiting{mysql_get_socket(raw_.get()), POLLIN, 0};
  // Nothing was asked, so what can be read is a farewell.
  if (poll(&waiting, 1, 0) != 0) broken_ = true;
  return !broken_;
}

}  // namespace gantry::index::mysql

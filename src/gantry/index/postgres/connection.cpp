#include "gantry/index/postgres/connection.hpp"

#include <algorithm>
#include <cerrno>

#include <climits>

#include <poll.h>

#include "gantry/base/sha256.hpp"
#include "gantry/index/postgres/dialect.hpp"

namespace gantry::index::postgres {
namespace {

constexpr int kServerLeast = 130'000;  ///< PostgreSQL 13
constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

using Options = Handle<PQconninfoOption, &PQconninfoFree>;
struct FreeMemory {
  void operator()(char* memory) const noexcept { PQfreemem(memory); }
};

/// Milliseconds to wait for `deadline`, as poll() takes them; -1 waits for ever.
int poll_ms(Deadline deadline) {
  if (deadline == Deadline::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

/// libpq's words in one line. They name hosts and users, never a password.
std::string one_line(const char* message) {
  std::string text(message == nullptr ? "" : message);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool is_this_machine(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host.starts_with("127.") || host == "::1";
}

/// Keywords and values for PQconnectStartParams.
class ConnectionWords {
 public:
  void set(std::string name, std::string value) {
    const auto same = std::find_if(words_.begin(), words_.end(), [&](const auto& word) { return word.first == name; });
    if (same != words_.end()) {
      same->second = std::move(value);
    } else {
      words_.emplace_back(std::move(name), std::move(value));
    }
  }
  [[nodiscard]] std::string_view get(std::string_view name) const {
    for (const auto& [key, value] : words_) {
      if (key == name) return value;
    }
    return {};
  }
  void set_default(const std::string& name, std::string value) {
    if (get(name).empty()) set(name, std::move(value));
  }
  [[nodiscard]] std::vector<const char*> names() const {
    std::vector<const char*> list;
    for (const auto& word : words_) list.push_back(word.first.c_str());
    list.push_back(nullptr);
    return list;
  }
  [[nodiscard]] std::vector<const char*> values() const {
    std::vector<const char*> list;
    for (const auto& word : words_) list.push_back(word.second.c_str());
    list.push_back(nullptr);
    return list;
  }

 private:
  std::vector<std::pair<std::string, std::string>> words_;
};

Result<ConnectionWords> words_of(const PostgresSettings& settings, const std::string& name) {
  char* raw_message = nullptr;
  const Options options(PQconninfoParse(settings.url.c_str(), &raw_message));
  const std::unique_ptr<char, FreeMemory> message(raw_message);
  if (!options)
    return Error::invalid("the index's URL is none that libpq takes (postgresql://USER@HOST/DATABASE?sslmode=…)");
  ConnectionWords words;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) words.set(option->keyword, option->val);
  }
  // The name decides, not where it leads: a name that is to be believed is to be proven.
  const std::string host(words.get("host").empty() ? words.get("hostaddr") : words.get("host"));
  const bool is_local = is_this_machine(host) && host.find(',') == std::string::npos;
  if (words.get("sslmode").empty() && !is_local) words.set("sslmode", "verify-full");
  if (words.get("sslmode").starts_with("verify")) words.set_default("sslrootcert", kSystemAuthorities);
  words.set_default("target_session_attrs", "read-write");
  words.set_default("gssencmode", "disable");
  words.set_default("keepalives_idle", "10");
  words.set_default("keepalives_interval", "5");
  words.set_default("keepalives_count", "3");
  words.set_default("tcp_user_timeout", std::to_string(settings.statement_time.count()));
  words.set("client_encoding", "UTF8");
  words.set("application_name", name);
  // Compiling statements takes longer than ours run. Ours come first: what the URL says beats them.
  words.set("options",
            "-c jit=off -c client_min_messages=error -c default_transaction_isolation=read\\ committed "
            "-c TimeZone=UTC " +
                std::string(words.get("options")));
  return words;
}

Connection::Failure kind_of(std::string_view state) {
  using Failure = Connection::Failure;
  if (state == "40001" || state == "40P01") return Failure::kRetry;
  const auto klass = state.substr(0, 2);
  return klass == "22" || klass == "23" || klass == "54" ? Failure::kRefused : Failure::kOther;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const PostgresSettings& settings, Deadline deadline) {
  std::unique_ptr<Connection> connection(new Connection("gantry-" + random_hex(8)));
  GANTRY_LET(const ConnectionWords words, words_of(settings, connection->name_));
  connection->raw_.reset(PQconnectStartParams(words.names().data(), words.values().data(), 0));
  PGconn* const raw = connection->raw_.get();
  if (raw == nullptr) return Error::unavailable("no memory for a connection to the database");
  // A connection that is being made may change its socket from one step to the next.
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(raw)) {
    if (step == PGRES_POLLING_FAILED || PQstatus(raw) == CONNECTION_BAD) {
      return Error::unavailable("connecting to the database: " + one_line(PQerrorMessage(raw)));
    }
    pollfd waiting{PQsocket(raw), static_cast<short>(step == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const int ready = poll(&waiting, 1, poll_ms(deadline));
    if (ready < 0 && errno != EINTR) return Error::from_errno(errno, "connecting to the database");
    if (ready == 0) return Error::unavailable("the database did not take a connection in time");
  }
  GANTRY_TRY(connection->set_up(deadline));
  return connection;
}

namespace {

/// Our statements name the order in which tables are read, each by an index that fits. Left to itself the planner takes
/// the keys of a join for independent of each other, believes that a page over three tables finds one row, and reads
/// and sorts all of them; before the first ANALYZE it does so for a commit, too.
constexpr std::string_view kPlanning =
    ", set_config('join_collapse_limit', '1', false), set_config('enable_seqscan', 'off', false), "
    "set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), "
    "set_config('enable_sort', 'off', false), set_config('jit', 'off', false), "
    "set_config('max_parallel_workers_per_gather', '0', false)";

}  // namespace

Result<void> Connection::set_up(Deadline deadline) {
  PGconn* const raw = raw_.get();
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);
  if (PQsetnonblocking(raw, 1) != 0 || PQenterPipelineMode(raw) != 1) return lost("setting a connection up");
  if (PQserverVersion(raw) < kServerLeast) {
    return Error::unsupported("PostgreSQL 13 or later is needed; this one is " +
                              std::to_string(PQserverVersion(raw) / 10'000));
  }
  // An acknowledged commit is on the disk, whatever the database's default is; stronger ones stay.
  GANTRY_LET(
      const sql::Rows rows,
      run_once("SELECT current_setting('server_encoding'), CASE WHEN current_setting('synchronous_commit') = 'off' "
               "THEN set_config('synchronous_commit', 'on', false) END, current_setting('fsync')" +
                   std::string(kPlanning),
               deadline));
  if (rows->size() == 1 && rows->view(0, 0) != "UTF8") {
    return Error::unsupported("the database's encoding is " + std::string(rows->view(0, 0)) + ", UTF8 is needed");
  }
  if (rows->size() == 1 && rows->view(0, 2) == "off") {
    return Error::unsupported("the database may lose what it acknowledged: it has fsync = off; set it to on");
  }
  return {};
}

Result<void> Connection::ping(Deadline deadline) {
  GANTRY_LET(const sql::Rows rows, run_once("SELECT 1", deadline));
  (void)rows;
  return {};
}

bool Connection::is_alive() {
  pollfd waiting{PQsocket(raw_.get()), POLLIN, 0};
  if (!is_usable() || poll(&waiting, 1, 0) < 0) return false;
  // Nothing was asked, so what can be read is a farewell (or a notice, which is taken in).
  if (waiting.revents != 0 && PQconsumeInput(raw_.get()) != 1) broken_ = true;
  return is_usable() && (waiting.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

Error Connection::lost(std::string_view what) {
  broken_ = true;
  failure_ = Failure::kBroken;
  return Error::unavailable(std::string(what) + ": " + one_line(PQerrorMessage(raw_.get())));
}

Error Connection::passed() {
  broken_ = true;
  failure_ = Failure::kBroken;
  return Error::timeout("the database did not answer before the deadline");
}

Error Connection::failed(const PGresult& result) {
  const auto field = [&result](int code) {
    const char* text = PQresultErrorField(&result, code);
    return std::string(text == nullptr ? "" : text);
  };
  const std::string state = field(PG_DIAG_SQLSTATE);
  const std::string severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  if (state.empty() || severity == "FATAL" || severity == "PANIC") {
    broken_ = true;
    failure_ = Failure::kBroken;
    return Error::unavailable("the database ended the connection: " + field(PG_DIAG_MESSAGE_PRIMARY));
  }
  failure_ = kind_of(state);
  // Messages about values may hold them; a constraint's name says enough.
  const std::string klass = state.substr(0, 2);
  const std::string constraint = field(PG_DIAG_CONSTRAINT_NAME);
  std::string detail = "the database says " + state;
  if (klass != "22" && klass != "23") detail += ": " + field(PG_DIAG_MESSAGE_PRIMARY);
  if (!constraint.empty()) detail += " (" + constraint + ")";
  if (state == "57014" || state == "55P03") return Error::timeout("the database did not answer before the deadline");
  if (failure_ == Failure::kRetry || klass == "08" || klass == "53" || klass == "57" || klass == "58" ||
      klass == "25") {
    if (state == "25006") broken_ = true;  // it has become a standby: others are to be asked
    return Error::unavailable(std::move(detail));
  }
  return Error::internal(std::move(detail));
}

Result<void> Connection::wait(bool for_write, Deadline deadline) {
  pollfd waiting{PQsocket(raw_.get()), static_cast<short>(POLLIN | (for_write ? POLLOUT : 0)), 0};
  const int ready = poll(&waiting, 1, poll_ms(deadline));
  if (ready == 0) return passed();
  if (ready < 0 && errno != EINTR) return lost("waiting for the database");
  if ((waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && PQconsumeInput(raw_.get()) != 1) {
    return lost("the connection to the database broke");
  }
  return {};
}

// Reads while it writes: a server whose answers nobody takes would take nothing either.
Result<void> Connection::flush(Deadline deadline) {
  for (;;) {
    const int more = PQflush(raw_.get());
    if (more == 0) return {};
    if (more < 0) return lost("the connection to the database broke");
    GANTRY_TRY(wait(true, deadline));
  }
}

Result<Answer> Connection::next(Deadline deadline) {
  while (PQisBusy(raw_.get()) == 1) GANTRY_TRY(wait(false, deadline));
  return Answer(PQgetResult(raw_.get()));
}

bool Connection::send(const sql::Text& statement, std::vector<int>& expected) {
  PGconn* const raw = raw_.get();
  const Parameters parameters(statement.values());
  int before = 0;
  const auto known = by_text_.find(statement.text());
  if (known != by_text_.end() && std::equal(known->second->types.begin(), known->second->types.end(),
                                            parameters.types(), parameters.types() + parameters.count())) {
    prepared_.splice(prepared_.begin(), prepared_, known->second);
  } else {
    if (known != by_text_.end()) {
      // The same text with other types: the old one stays on the server under its name, and is asked no more.
      const auto old = known->second;
      by_text_.erase(known);
      prepared_.erase(old);
    }
    if (prepared_.size() >= kPreparedMost) {
      const std::string name = prepared_.back().name;
      by_text_.erase(prepared_.back().text);
      prepared_.pop_back();
      if (PQsendQueryParams(raw, ("DEALLOCATE " + name).c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) != 1)
        return false;
      ++before;
    }
    prepared_.push_front(Prepared{statement.text(),
                                  "g" + std::to_string(next_name_++),
                                  {parameters.types(), parameters.types() + parameters.count()}});
    by_text_.emplace(prepared_.front().text, prepared_.begin());
    to_forget_.push_back(prepared_.front());
    if (PQsendPrepare(raw, prepared_.front().name.c_str(), statement.text().c_str(), parameters.count(),
                      parameters.types()) != 1) {
      return false;
    }
    ++before;
  }
  expected.push_back(before);
  return PQsendQueryPrepared(raw, prepared_.front().name.c_str(), parameters.count(), parameters.values(),
                             parameters.lengths(), parameters.formats(), 1) == 1;
}

Result<std::vector<sql::Rows>> Connection::run(std::span<const sql::Text> statements, Deadline deadline) {
  failure_ = Failure::kNone;
  last_used_ = Clock::now();
  std::vector<int> before;
  to_forget_.clear();
  for (const sql::Text& statement : statements) {
    if (!send(statement, before)) return lost("sending to the database");
  }
  if (PQpipelineSync(raw_.get()) != 1) return lost("sending to the database");
  GANTRY_TRY(flush(deadline));
  std::vector<sql::Rows> sets;
  std::optional<Error> error;
  // Each command gives its results and a null; what follows the first error gives PIPELINE_ABORTED.
  const auto take = [&](bool is_own) -> Result<void> {
    for (;;) {
      GANTRY_LET(Answer answer, next(deadline));
      if (!answer) return {};
      const auto status = PQresultStatus(answer.get());
      if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (is_own) sets.push_back(std::make_unique<BinaryRows>(std::move(answer)));
      } else if (!error && status != PGRES_PIPELINE_ABORTED) {
        error = failed(*answer);
        if (broken_) return *error;
      }
    }
  };
  for (const int count : before) {
    for (int i = 0; i < count; ++i) GANTRY_TRY(take(false));
    GANTRY_TRY(take(true));
  }
  GANTRY_LET(const Answer sync, next(deadline));
  if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) return lost("the database's answers are out of step");
  if (error) {
    // Of what this run prepared, nobody knows what the server has.
    for (const Prepared& each : to_forget_) {
      const auto known = by_text_.find(each.text);
      if (known == by_text_.end() || known->second->name != each.name) continue;
      const auto entry = known->second;
      by_text_.erase(known);
      prepared_.erase(entry);
    }
    return *std::move(error);
  }
  if (sets.size() != statements.size()) return lost("the database's answers are out of step");
  return sets;
}

Result<sql::Rows> Connection::run_once(const std::string& text, Deadline deadline) {
  failure_ = Failure::kNone;
  if (PQsendQueryParams(raw_.get(), text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) != 1 ||
      PQpipelineSync(raw_.get()) != 1) {
    return lost("sending to the database");
  }
  GANTRY_TRY(flush(deadline));
  sql::Rows rows;
  std::optional<Error> error;
  for (;;) {
    GANTRY_LET(Answer answer, next(deadline));
    if (!answer) break;
    const auto status = PQresultStatus(answer.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      rows = std::make_unique<BinaryRows>(std::move(answer));
    } else if (!error) {
      error = failed(*answer);
      if (broken_) return *error;
    }
  }
  GANTRY_LET(const Answer sync, next(deadline));
  if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) return lost("the database's answers are out of step");
  if (error) return *std::move(error);
  if (!rows) return lost("the database gave no answer");
  return rows;
}

}  // namespace gantry::index::postgres

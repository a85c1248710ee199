#include "gantry/index/sqlite/connection.hpp"

#include <cassert>

namespace gantry::index::sqlite {
namespace {

constexpr int kProgressOps = 2000;       ///< instructions between looks at the clock: some 50 us
constexpr int kBusyMs = 5000;            ///< other processes (sqlite3, fsck) may hold a lock for a moment
constexpr int kValueBytesMost = 64 << 20;

int passed_deadline(void* connection) {
  return Clock::now() >= static_cast<const Connection*>(connection)->deadline() ? 1 : 0;
}

}  // namespace

Error error_of(sqlite3* database, int code, std::string_view what) {
  std::string detail = std::string(what) + ": " + sqlite3_errstr(code);
  if (database != nullptr && (code & 0xFF) == SQLITE_ERROR) detail += std::string(": ") + sqlite3_errmsg(database);
  switch (code & 0xFF) {
    case SQLITE_INTERRUPT: return Error::timeout("the index did not answer before the deadline");
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS: return Error::unavailable(std::move(detail));
    default: return Error::internal(std::move(detail));
  }
}

Query::~Query() {
  if (statement_ != nullptr) connection_->give_back(statement_);
}

// A bind fails only when the index is out of range or memory is short; the step that follows tells either.
Query& Query::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Query& Query::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Query& Query::bind_blob(int index, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    sqlite3_bind_zeroblob(statement_, index, 0);  // a null pointer would bind NULL
  } else {
    sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC);
  }
  return *this;
}

Query& Query::bind_blob(int index, std::string_view bytes) {
  return bind_blob(index, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

Query& Query::bind_all(std::span<const sql::Value> values) {
  for (const sql::Value& value : values) {
    ++next_;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      bind(next_, *integer);
    } else if (const auto* time = std::get_if<Timestamp>(&value)) {
      bind(next_, sql::micros(*time));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      bind(next_, std::string_view(*text));
    } else {
      assert(false && "lists are bound as JSON, columns of rows by no statement of this provider");
    }
  }
  return *this;
}

Result<bool> Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return error_of(connection_->raw(), code, "index");
}

Result<void> Query::run() {
  GANTRY_LET(const bool row, step());
  (void)row;
  return {};
}

Result<bool> Query::run_unless_refused(std::string& why) {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_DONE) return true;
  if ((code & 0xFF) == SQLITE_CONSTRAINT || (code & 0xFF) == SQLITE_TOOBIG) {
    why = sqlite3_errmsg(connection_->raw());
    return false;
  }
  return error_of(connection_->raw(), code, "index");
}

std::string_view Query::view(int column) const {
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int length = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string_view{} : std::string_view(bytes, static_cast<std::size_t>(length));
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, const Options& options) {
  std::unique_ptr<Connection> connection(new Connection);
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (options.writer ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  connection->database_.reset(raw);
  if (code != SQLITE_OK) return error_of(raw, code, "opening the index " + path);
  GANTRY_TRY(connection->configure(options));
  return connection;
}

// No mmap: a read error would be a SIGBUS instead of an Error. Temporary B-trees go to files beyond the cache (the
// default), so that a search that sorts much is bounded in memory.
Result<void> Connection::configure(const Options& options) {
  sqlite3_busy_timeout(raw(), kBusyMs);
  sqlite3_limit(raw(), SQLITE_LIMIT_LENGTH, kValueBytesMost);
  sqlite3_limit(raw(), SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(raw(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  GANTRY_TRY(register_functions(raw()));
  if (options.writer) {
    // Deleted patient data is overwritten; a full sync of the log makes each commit survive a power cut.
    GANTRY_TRY(run("PRAGMA journal_mode = WAL"));
    GANTRY_TRY(run("PRAGMA synchronous = FULL"));
    GANTRY_TRY(run("PRAGMA wal_autocheckpoint = 0"));  // the Checkpointer does it
    GANTRY_TRY(run("PRAGMA journal_size_limit = 67108864"));
    GANTRY_TRY(run("PRAGMA secure_delete = ON"));
    GANTRY_TRY(run("PRAGMA cell_size_check = ON"));
  } else {
    GANTRY_TRY(run("PRAGMA query_only = ON"));
  }
  GANTRY_TRY(run("PRAGMA trusted_schema = OFF"));
  GANTRY_TRY(run("PRAGMA cache_size = -" + std::to_string(options.cache_kb)));
  sqlite3_progress_handler(raw(), kProgressOps, &passed_deadline, this);
  return {};
}

Result<Query> Connection::query(std::string_view text) {
  if (const auto found = by_text_.find(text); found != by_text_.end() && !found->second->busy) {
    cached_.splice(cached_.begin(), cached_, found->second);
    found->second->busy = true;
    return Query(*this, found->second->statement.get());
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(raw(), text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return error_of(raw(), code, "preparing a statement");
  cached_.push_front(Cached{std::string(text), Prepared(statement), true});
  by_text_.emplace(cached_.front().text, cached_.begin());  // the first of two users of one text stays the known one
  for (auto last = std::prev(cached_.end()); cached_.size() > kStatementsMost && last != cached_.begin();) {
    const auto before = std::prev(last);
    if (!last->busy) {
      if (const auto known = by_text_.find(last->text); known != by_text_.end() && known->second == last) by_text_.erase(known);
      cached_.erase(last);
    }
    last = before;
  }
  return Query(*this, statement);
}

void Connection::give_back(sqlite3_stmt* statement) noexcept {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  for (auto& cached : cached_) {
    if (cached.statement.get() == statement) {
      cached.busy = false;
      return;
    }
  }
}

Result<void> Connection::run(std::string_view text) {
  sqlite3_stmt* raw_statement = nullptr;
  const int code = sqlite3_prepare_v2(raw(), text.data(), static_cast<int>(text.size()), &raw_statement, nullptr);
  const Prepared statement(raw_statement);
  if (code != SQLITE_OK) return error_of(raw(), code, "preparing a statement");
  for (;;) {
    const int stepped = sqlite3_step(statement.get());
    if (stepped == SQLITE_DONE) return {};
    if (stepped != SQLITE_ROW) return error_of(raw(), stepped, "index");
  }
}

Result<Transaction> Transaction::begin(Connection& connection, bool immediate) {
  GANTRY_LET(Query begin, connection.query(immediate ? "BEGIN IMMEDIATE" : "BEGIN"));
  GANTRY_TRY(begin.run());
  return Transaction(connection);
}

Transaction::~Transaction() {
  if (connection_ == nullptr || !connection_->in_transaction()) return;
  connection_->set_deadline(Deadline::max());
  // A rollback can only fail where SQLite rolled back by itself (disk full), which the test above has seen.
  if (auto rollback = connection_->query("ROLLBACK")) (void)rollback->run();
}

Result<void> Transaction::commit() {
  if (Clock::now() >= connection_->deadline()) return Error::timeout("the deadline passed");
  connection_->set_deadline(Deadline::max());
  GANTRY_LET(Query commit, connection_->query("COMMIT"));
  GANTRY_TRY(commit.run());
  connection_ = nullptr;
  return {};
}

}  // namespace gantry::index::sqlite

#include "gantry/index/mongo/connection.hpp"

#include <algorithm>
#include <array>

#include "gantry/index/state_row.hpp"

namespace gantry::index::mongo {
namespace {

constexpr int kOldestWireVersion = 9;  // MongoDB 4.4
constexpr int kDuplicateKey = 11000;
/// How long a commit of a transaction may be asked for again, beside the request's own time.
constexpr std::chrono::seconds kCommitMost{10};

/// Codes of servers that will answer again: stepping down, shutting down, lost among themselves.
constexpr std::array kComeBack{6, 7, 89, 91, 133, 189, 9001, 10107, 11600, 11602, 13435, 13436, 24, 251, 112};
constexpr std::array kOutOfTime{50, 202, 262};

template <std::size_t N>
bool is_one_of(int code, const std::array<int, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

void start_library() {
  static const bool started = [] {
    mongoc_init();
    // Errors come back as values; the library's own words would be a second, unstructured log.
    mongoc_log_set_handler([](mongoc_log_level_t, const char*, const char*, void*) {}, nullptr);
    return true;
  }();
  (void)started;
}

using Uri = Handle<mongoc_uri_t, &mongoc_uri_destroy>;
using Cursor = Handle<mongoc_cursor_t, &mongoc_cursor_destroy>;
using BulkOperation = Handle<mongoc_bulk_operation_t, &mongoc_bulk_operation_destroy>;

/// A reply that is destroyed, whatever happens.
struct Reply {
  bson_t raw = BSON_INITIALIZER;
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() { bson_destroy(&raw); }
  /// For functions that initialise the reply themselves.
  bson_t* fresh() {
    bson_destroy(&raw);
    return &raw;
  }
};

void set_unless_given(mongoc_uri_t& uri, const char* option, std::chrono::milliseconds value) {
  if (mongoc_uri_has_option(&uri, option)) return;
  mongoc_uri_set_option_as_int32(&uri, option,
                                 static_cast<std::int32_t>(std::min<std::int64_t>(value.count(), INT32_MAX)));
}

/// True when every error of a bulk is a key that was taken.
bool are_duplicates(const bson_t& reply) {
  if (has(reply, "writeConcernErrors") && !document_of(reply, "writeConcernErrors").empty()) return false;
  const Document errors = document_of(reply, "writeErrors");
  if (errors.empty()) return false;
  bson_iter_t at;
  bson_iter_init(&at, errors.raw());
  while (bson_iter_next(&at)) {
    if (number_of(*document_of(*errors.raw(), bson_iter_key(&at)).raw(), "code") != kDuplicateKey) return false;
  }
  return true;
}

}  // namespace

void Bulk::insert(const Document& document) { steps_.push_back({Kind::kInsert, {}, Document(*document.raw())}); }
void Bulk::put(Document filter, const Document& document) {
  steps_.push_back({Kind::kReplace, std::move(filter), Document(*document.raw())});
}
void Bulk::update_one(Document filter, const Document& update, bool upsert) {
  steps_.push_back({upsert ? Kind::kUpsertOne : Kind::kUpdateOne, std::move(filter), Document(*update.raw())});
}
void Bulk::update_many(Document filter, const Document& update) {
  steps_.push_back({Kind::kUpdateMany, std::move(filter), Document(*update.raw())});
}
void Bulk::remove(Document filter) { steps_.push_back({Kind::kRemove, std::move(filter), {}}); }

// --- Session -----------------------------------------------------------------------------------------------------

Session::Session(Session&& other) noexcept
    : pool_(other.pool_),
      client_(std::exchange(other.client_, nullptr)),
      deadline_(other.deadline_),
      session_(std::move(other.session_)),
      transient_(other.transient_),
      unknown_(other.unknown_) {}

Session::~Session() {
  if (client_ == nullptr) return;
  abort();
  session_.reset();
  pool_->give_back(client_);
}

Result<std::int64_t> Session::milliseconds_left() const {
  const auto now = Clock::now();
  if (now >= deadline_) return Error::timeout("the deadline passed");
  const auto left = deadline_ - now > pool_->settings_.statement_time
                        ? pool_->settings_.statement_time
                        : std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now);
  return std::int64_t{std::max<std::int64_t>(1, left.count())};
}

Document Session::options(bool writes, Durability durability) const {
  Document options;
  if (session_) {
    bson_error_t error;
    mongoc_client_session_append(session_.get(), options.raw(), &error);
    return options;  // the transaction says how sure its reads and writes are
  }
  if (writes && durability == Durability::kDurable) {
    options.document("writeConcern", by_text("w", "majority").flag("j", true));
  } else if (writes) {
    Document concern;
    concern.small("w", 1);
    options.document("writeConcern", concern);
  } else if (pool_->server_.transactions) {
    options.document("readConcern", by_text("level", "majority"));
  }
  return options;
}

Error Session::failed(const bson_error_t& error, const bson_t* reply) {
  transient_ = unknown_ = false;
  if (reply != nullptr) {
    transient_ = mongoc_error_has_label(reply, "TransientTransactionError");
    unknown_ = mongoc_error_has_label(reply, "UnknownTransactionCommitResult");
  }
  const int code = static_cast<int>(error.code);
  const bool of_server = error.domain == MONGOC_ERROR_SERVER || error.domain == MONGOC_ERROR_WRITE_CONCERN ||
                         error.domain == MONGOC_ERROR_QUERY || error.domain == MONGOC_ERROR_COMMAND;
  // Messages may quote documents, and those hold patients' data: of what a server says only the code goes on.
  const std::string what = "MongoDB: " + (of_server ? "error " + std::to_string(code) : std::string(error.message));
  if (Clock::now() >= deadline_) return Error::timeout("the deadline passed; " + what);
  const bool lost = error.domain == MONGOC_ERROR_STREAM || error.domain == MONGOC_ERROR_SERVER_SELECTION ||
                    error.domain == MONGOC_ERROR_CLIENT || error.domain == MONGOC_ERROR_PROTOCOL;
  if (lost) {
    ++pool_->broken_;
    unknown_ = true;
    return Error::unavailable(what);
  }
  if (is_one_of(code, kOutOfTime)) return Error::timeout(what + ", the statement took too long");
  if (is_one_of(code, kComeBack) || transient_) {
    if (code != 112 && code != 251 && code != 24) unknown_ = true;
    return Error::unavailable(what);
  }
  if (code == 18 || code == 13) return Error::unavailable(what + ", the user may not");
  return Error::internal(what);
}

Handle<mongoc_collection_t, &mongoc_collection_destroy> Session::collection(std::string_view name) const {
  return Handle<mongoc_collection_t, &mongoc_collection_destroy>(
      mongoc_client_get_collection(client_, pool_->database_.c_str(), std::string(name).c_str()));
}

Result<void> Session::drain(mongoc_cursor_t& cursor, const Visit& visit) {
  const bson_t* row = nullptr;
  ++pool_->round_trips_;
  while (mongoc_cursor_next(&cursor, &row)) {
    GANTRY_LET(const bool more, visit(*row));
    if (!more) return {};
    if (Clock::now() >= deadline_) return Error::timeout("the deadline passed");
  }
  bson_error_t error;
  const bson_t* reply = nullptr;
  if (mongoc_cursor_error_document(&cursor, &error, &reply)) return failed(error, reply);
  return {};
}

Result<void> Session::find(std::string_view collection, const Find& what, const Visit& visit) {
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  Document options = this->options(false);
  if (!what.sort.empty()) options.document("sort", what.sort).flag("allowDiskUse", true);
  if (!what.projection.empty()) options.document("projection", what.projection);
  if (what.limit > 0) options.number("limit", what.limit);
  if (what.batch > 0) options.small("batchSize", what.batch);
  options.number("maxTimeMS", left);
  const auto from = this->collection(collection);
  const Cursor cursor(mongoc_collection_find_with_opts(from.get(), what.filter.raw(), options.raw(), nullptr));
  return drain(*cursor, visit);
}

Result<std::optional<Document>> Session::find_one(std::string_view collection, const Find& what) {
  std::optional<Document> found;
  GANTRY_TRY(find(collection, what, [&found](const bson_t& row) -> Result<bool> {
    found.emplace(row);
    return false;
  }));
  return found;
}

Result<void> Session::aggregate(std::string_view collection, std::span<const Document> pipeline, const Visit& visit) {
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  Document options = this->options(false);
  options.number("maxTimeMS", left).flag("allowDiskUse", true);
  Document stages;
  stages.documents("pipeline", pipeline);
  const auto from = this->collection(collection);
  const Cursor cursor(mongoc_collection_aggregate(from.get(), MONGOC_QUERY_NONE, stages.raw(), options.raw(), nullptr));
  return drain(*cursor, visit);
}

Result<std::optional<Document>> Session::change_one(std::string_view collection, const Document& filter,
                                                    const Document& update) {
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  Document command = by_text("findAndModify", collection);
  command.document("query", filter).document("update", update).flag("new", true).number("maxTimeMS", left);
  const Document options = this->options(true);
  Reply reply;
  bson_error_t error;
  ++pool_->round_trips_;
  if (!mongoc_client_write_command_with_opts(client_, pool_->database_.c_str(), command.raw(), options.raw(),
                                             reply.fresh(), &error)) {
    return failed(error, &reply.raw);
  }
  bson_iter_t at;
  if (!bson_iter_init_find(&at, &reply.raw, "value") || !BSON_ITER_HOLDS_DOCUMENT(&at))
    return std::optional<Document>();
  return std::optional<Document>(document_of(reply.raw, "value"));
}

Result<Session::Done> Session::write(std::string_view collection, const Bulk& bulk, Durability durability,
                                     bool may_repeat) {
  if (bulk.empty()) return Done{};
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  (void)left;  // the bulk has no limit of its own but the socket's
  Document options = this->options(true, durability);
  options.flag("ordered", false);
  const auto into = this->collection(collection);
  const BulkOperation operation(mongoc_collection_create_bulk_operation_with_opts(into.get(), options.raw()));
  Document upsert;
  upsert.flag("upsert", true);
  for (const Bulk::Step& step : bulk.steps_) {
    bson_error_t error;
    bool taken = false;
    const bson_t* const filter = step.filter.raw();
    const bson_t* const document = step.document.raw();
    switch (step.kind) {
      case Bulk::Kind::kInsert:
        taken = mongoc_bulk_operation_insert_with_opts(operation.get(), document, nullptr, &error);
        break;
      case Bulk::Kind::kReplace:
        taken = mongoc_bulk_operation_replace_one_with_opts(operation.get(), filter, document, upsert.raw(), &error);
        break;
      case Bulk::Kind::kUpdateOne:
        taken = mongoc_bulk_operation_update_one_with_opts(operation.get(), filter, document, nullptr, &error);
        break;
      case Bulk::Kind::kUpsertOne:
        taken = mongoc_bulk_operation_update_one_with_opts(operation.get(), filter, document, upsert.raw(), &error);
        break;
      case Bulk::Kind::kUpdateMany:
        taken = mongoc_bulk_operation_update_many_with_opts(operation.get(), filter, document, nullptr, &error);
        break;
      case Bulk::Kind::kRemove:
        taken = mongoc_bulk_operation_remove_many_with_opts(operation.get(), filter, nullptr, &error);
        break;
    }
    if (!taken) return failed(error, nullptr);
  }
  Reply reply;
  bson_error_t error;
  ++pool_->round_trips_;
  const bool done = mongoc_bulk_operation_execute(operation.get(), reply.fresh(), &error) != 0;
  if (!done && !(may_repeat && are_duplicates(reply.raw))) return failed(error, &reply.raw);
  return Done{number_of(reply.raw, "nMatched") + number_of(reply.raw, "nUpserted"), number_of(reply.raw, "nRemoved"),
              !done};
}

Result<Document> Session::command(const Document& command, bool on_admin) {
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  (void)left;
  Reply reply;
  bson_error_t error;
  ++pool_->round_trips_;
  if (!mongoc_client_command_simple(client_, on_admin ? "admin" : pool_->database_.c_str(), command.raw(), nullptr,
                                    reply.fresh(), &error)) {
    return failed(error, &reply.raw);
  }
  return Document(reply.raw);
}

Result<void> Session::begin(bool for_writing) {
  GANTRY_LET(const std::int64_t left, milliseconds_left());
  (void)left;
  const Handle<mongoc_transaction_opt_t, &mongoc_transaction_opts_destroy> options(mongoc_transaction_opts_new());
  const Handle<mongoc_read_concern_t, &mongoc_read_concern_destroy> reads(mongoc_read_concern_new());
  mongoc_read_concern_set_level(reads.get(), MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
  mongoc_transaction_opts_set_read_concern(options.get(), reads.get());
  const Handle<mongoc_write_concern_t, &mongoc_write_concern_destroy> writes(mongoc_write_concern_new());
  mongoc_write_concern_set_wmajority(writes.get(), 0);
  if (for_writing) mongoc_write_concern_set_journal(writes.get(), true);
  mongoc_transaction_opts_set_write_concern(options.get(), writes.get());
  bson_error_t error;
  session_.reset(mongoc_client_start_session(client_, nullptr, &error));
  if (!session_) return failed(error, nullptr);
  if (!mongoc_client_session_start_transaction(session_.get(), options.get(), &error)) {
    session_.reset();
    return failed(error, nullptr);
  }
  return {};
}

Result<void> Session::commit() {
  const Deadline give_up = std::max(deadline_, Clock::now() + kCommitMost);
  for (;;) {
    Reply reply;
    bson_error_t error;
    ++pool_->round_trips_;
    if (mongoc_client_session_commit_transaction(session_.get(), reply.fresh(), &error)) {
      session_.reset();
      return {};
    }
    const Error why = failed(error, &reply.raw);
    // Asking again is safe: the server knows the transaction by its number.
    if (mongoc_error_has_label(&reply.raw, "UnknownTransactionCommitResult") && Clock::now() < give_up) continue;
    return why;
  }
}

void Session::abort() {
  if (!session_) return;
  bson_error_t ignored;  // a server that can't be told ends it by itself
  if (mongoc_client_session_in_transaction(session_.get()))
    mongoc_client_session_abort_transaction(session_.get(), &ignored);
  session_.reset();
}

// --- Pool --------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Pool>> Pool::open(const MongoSettings& settings) {
  start_library();
  std::unique_ptr<Pool> pool(new Pool(settings));
  GANTRY_TRY(pool->connect());
  GANTRY_TRY(pool->ask_server());
  return pool;
}

Result<void> Pool::connect() {
  bson_error_t error;
  const Uri uri(mongoc_uri_new_with_error(settings_.url.c_str(), &error));
  if (!uri) return Error::invalid("the URL is none of MongoDB's: " + std::string(error.message));
  const char* const database = mongoc_uri_get_database(uri.get());
  database_ = database == nullptr || *database == '\0' ? "gantry" : database;
  set_unless_given(*uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, settings_.connect_time);
  set_unless_given(*uri, MONGOC_URI_CONNECTTIMEOUTMS, settings_.connect_time);
  // A statement that the server gave up says so before the socket is given up.
  set_unless_given(*uri, MONGOC_URI_SOCKETTIMEOUTMS, settings_.statement_time + std::chrono::seconds(1));
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_MAXPOOLSIZE, static_cast<std::int32_t>(settings_.connections));
  if (mongoc_uri_get_appname(uri.get()) == nullptr) mongoc_uri_set_appname(uri.get(), "gantry");
  raw_.reset(mongoc_client_pool_new_with_error(uri.get(), &error));
  if (!raw_) return Error::invalid("the URL can't be used: " + std::string(error.message));
  mongoc_client_pool_set_error_api(raw_.get(), MONGOC_ERROR_API_VERSION_2);
  return {};
}

Result<void> Pool::ask_server() {
  RequestContext ctx;
  ctx.deadline = Clock::now() + settings_.connect_time + settings_.wait_time;
  GANTRY_LET(Session session, lend(ctx));
  Document hello;
  hello.small("hello", 1);
  auto answer = session.command(hello, true);
  if (!answer) {
    ++open_failures_;
    return answer.error();
  }
  const bson_t& said = *answer->raw();
  if (number_of(said, "maxWireVersion") < kOldestWireVersion)
    return Error::unsupported("MongoDB 4.4 or later is needed");
  heard_clock(number_of(said, "localTime"));
  Document build_info;
  build_info.small("buildInfo", 1);
  GANTRY_LET(const Document info, session.command(build_info, true));
  server_.single_writer = has(*info.raw(), "ferretdb") || has(*info.raw(), "ferretdbVersion");
  server_.transactions = !server_.single_writer && (has(said, "setName") || text_of(said, "msg") == "isdbgrid");
  return {};
}

Result<Session> Pool::lend(const RequestContext& ctx) {
  const auto now = Clock::now();
  if (now >= ctx.deadline) return Error::timeout("the deadline passed");
  const Deadline until = ctx.deadline - now > settings_.wait_time ? now + settings_.wait_time : ctx.deadline;
  {
    std::unique_lock lock(mutex_);
    if (in_use_ >= settings_.connections) ++waits_;
    if (!freed_.wait_until(lock, until, [this] { return in_use_ < settings_.connections; })) {
      ++wait_timeouts_;
      if (Clock::now() >= ctx.deadline) return Error::timeout("no connection became free before the deadline");
      return Error::unavailable("all " + std::to_string(settings_.connections) + " connections to MongoDB are in use");
    }
    most_used_ = std::max(most_used_, ++in_use_);
  }
  return Session(*this, mongoc_client_pool_pop(raw_.get()), ctx.deadline);
}

void Pool::give_back(mongoc_client_t* client) {
  mongoc_client_pool_push(raw_.get(), client);
  {
    const std::scoped_lock lock(mutex_);
    --in_use_;
  }
  freed_.notify_one();
}

PoolStats Pool::stats() const {
  const std::scoped_lock lock(mutex_);
  PoolStats stats;
  stats.open = stats.opened = most_used_;
  stats.in_use = in_use_;
  stats.open_failures = open_failures_;
  stats.broken = broken_;
  stats.waits = waits_;
  stats.wait_timeouts = wait_timeouts_;
  stats.round_trips = round_trips_;
  return stats;
}

Timestamp Pool::database_now() const { return timestamp_now() + std::chrono::microseconds(clock_ahead_us_.load()); }

void Pool::heard_clock(std::int64_t milliseconds) {
  clock_ahead_us_ = milliseconds * 1000 - timestamp_now().time_since_epoch().count();
}

}  // namespace gantry::index::mongo

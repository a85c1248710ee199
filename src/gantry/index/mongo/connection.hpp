#pragma once

// Connections to MongoDB and what is asked of them. libmongoc is met in this folder alone.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mongoc/mongoc.h>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/mongo/bson.hpp"
#include "gantry/index/mongo/mongo_settings.hpp"
#include "gantry/index/pool_stats.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index::mongo {

/// What the server at the other end is.
struct Server {
  bool transactions = false;   ///< a replica set or sharded
  bool single_writer = false;  ///< FerretDB, whose updates of several connections may undo each other
};

class Pool;

/// What find() looks for.
struct Find {
  Document filter;
  Document sort;           ///< empty: any order
  Document projection;     ///< empty: whole documents
  std::int64_t limit = 0;  ///< 0: none
  int batch = 0;           ///< documents in a round trip; 0: as the server likes
};

/// Writes to one collection, sent together and done in any order.
class Bulk {
 public:
  void insert(const Document& document);
  /// Replaces the document that meets `filter`, or inserts.
  void put(Document filter, const Document& document);
  void update_one(Document filter, const Document& update, bool upsert = false);
  void update_many(Document filter, const Document& update);
  void remove(Document filter);
  [[nodiscard]] bool empty() const noexcept { return steps_.empty(); }

 private:
  friend class Session;
  enum class Kind { kInsert, kReplace, kUpdateOne, kUpsertOne, kUpdateMany, kRemove };
  struct Step {
    Kind kind;
    Document filter, document;
  };
  std::vector<Step> steps_;
};

/// How sure a write is when it returns. A stand-alone server's journal keeps the order of writes, so what is followed
/// by a kDurable write is as durable as that.
enum class Durability { kDurable, kLater };

/// A connection on loan to one thread, in a transaction or not. Every call honours the deadline.
class Session {
 public:
  using Visit = std::function<Result<bool>(const bson_t&)>;  ///< false: enough

  Session(Pool& pool, mongoc_client_t* client, Deadline deadline)
      : pool_(&pool), client_(client), deadline_(deadline) {}
  Session(Session&& other) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  Result<void> find(std::string_view collection, const Find& what, const Visit& visit);
  /// The first hit.
  Result<std::optional<Document>> find_one(std::string_view collection, const Find& what);
  Result<void> aggregate(std::string_view collection, std::span<const Document> pipeline, const Visit& visit);
  /// findAndModify on one document: what it became; nullopt when none meets `filter`.
  Result<std::optional<Document>> change_one(std::string_view collection, const Document& filter,
                                             const Document& update);
  struct Done {
    std::int64_t matched = 0, removed = 0;
    bool duplicates = false;  ///< some inserts and puts found their _id taken, and were not done
  };
  /// Not all or nothing. `duplicates` are no error when `may_repeat`.
  Result<Done> write(std::string_view collection, const Bulk& bulk, Durability durability = Durability::kDurable,
                     bool may_repeat = false);
  Result<Document> command(const Document& command, bool on_admin = false);

  /// From here on all calls see one state, and writes become visible together at commit().
  Result<void> begin(bool for_writing);
  /// kUnavailable with is_unknown() when the server can't be heard.
  Result<void> commit();
  /// Ends the transaction as if it had not been; does nothing without one.
  void abort();
  [[nodiscard]] bool in_transaction() const noexcept { return session_ != nullptr; }

  /// Of the last error: the transaction may be run again.
  [[nodiscard]] bool is_transient() const noexcept { return transient_; }
  /// Of the last error: nobody knows whether it was done.
  [[nodiscard]] bool is_unknown() const noexcept { return unknown_; }
  [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
  void set_deadline(Deadline deadline) noexcept { deadline_ = deadline; }

 private:
  Result<std::int64_t> milliseconds_left() const;
  Document options(bool writes, Durability durability = Durability::kDurable) const;
  Error failed(const bson_error_t& error, const bson_t* reply);
  Result<void> drain(mongoc_cursor_t& cursor, const Visit& visit);
  [[nodiscard]] Handle<mongoc_collection_t, &mongoc_collection_destroy> collection(std::string_view name) const;

  Pool* pool_;
  mongoc_client_t* client_;
  Deadline deadline_;
  Handle<mongoc_client_session_t, &mongoc_client_session_destroy> session_;
  bool transient_ = false, unknown_ = false;
};

/// Connections, each lent to one thread at a time. libmongoc replaces broken ones and finds the primary.
class Pool {
 public:
  /// Asks the server what it is. kInvalid: the URL is none; kUnavailable; kUnsupported: too old.
  static Result<std::unique_ptr<Pool>> open(const MongoSettings& settings);

  /// kTimeout at the deadline, kUnavailable after settings.wait_time.
  Result<Session> lend(const RequestContext& ctx);
  [[nodiscard]] const Server& server() const noexcept { return server_; }
  [[nodiscard]] PoolStats stats() const;

  /// The database's clock now, as far as answers told: a clock of its own, for times nobody sees.
  [[nodiscard]] Timestamp database_now() const;
  /// An answer said that it is `milliseconds` since 1970 there.
  void heard_clock(std::int64_t milliseconds);

 private:
  friend class Session;
  explicit Pool(MongoSettings settings) : settings_(std::move(settings)) {}
  Result<void> connect();
  Result<void> ask_server();
  void give_back(mongoc_client_t* client);

  MongoSettings settings_;
  std::string database_;
  Handle<mongoc_client_pool_t, &mongoc_client_pool_destroy> raw_;
  Server server_;
  std::atomic<std::int64_t> clock_ahead_us_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  unsigned in_use_ = 0, most_used_ = 0;
  std::uint64_t waits_ = 0, wait_timeouts_ = 0;
  std::atomic<std::uint64_t> broken_ = 0, round_trips_ = 0, open_failures_ = 0;
};

}  // namespace gantry::index::mongo

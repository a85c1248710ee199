#include "gantry/index/mongo/writer.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "gantry/base/sha256.hpp"

namespace gantry::index::mongo {
namespace {

using namespace std::chrono_literals;

/// How long a writer has the turn without a sign of life.
constexpr auto kLease = 5s;
/// Finishing is for the next writer of the tenant; when none comes, for whoever looks after this time.
constexpr auto kAbandoned = 30s;
/// Batches that nobody named, and those that were made and not removed.
constexpr auto kLitter = 1h;
constexpr auto kSettleMost = 10s;
/// How long transactions that collide, and turns that were lost, are tried again.
constexpr auto kRetryMost = 20s;

sql::TenantRow tenant_row(const bson_t& document) {
  const auto count = [&](const char* key) { return static_cast<std::uint64_t>(number_of(document, key)); };
  sql::TenantRow row;
  row.state = static_cast<TenantState>(number_of(document, "state"));
  row.change_no = count("change_no");
  row.bytes = count("bytes");
  row.instances = count("instances");
  row.studies = count("studies");
  row.series = count("series");
  row.quota_bytes = count("quota_bytes");
  row.quota_instances = count("quota_instances");
  row.audit = {count("audit_no"), text_of(document, "audit_hash")};
  row.now = Timestamp(std::chrono::milliseconds(number_of(document, "clock")));
  return row;
}

Document clock_update() {
  Document clock;
  clock.flag("clock", true);
  return clock;
}

Document lease_fields(const std::string& id, Timestamp until) {
  Document fields = by_text("writer_id", id);
  fields.number("writer_until", sql::micros(until));
  return fields;
}

Document no_lease() {
  Document fields = by_text("writer_id", "");
  fields.text("writer_until", "").text("writer_batch", "");
  return fields;
}

/// Waits a moment that differs from thread to thread; false at the deadline.
bool pause(Deadline deadline, std::chrono::milliseconds most) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto wait = std::chrono::microseconds(1000 + random() % static_cast<unsigned>(most.count() * 1000));
  if (Clock::now() + wait >= deadline) return false;
  std::this_thread::sleep_for(wait);
  return true;
}

}  // namespace

/// One writer of a tenant at a time in this process, and as many in all as there are lanes: the others wait here, and
/// not by asking the server.
class Writer::Turn {
 public:
  Turn(Writer& writer, std::string tenant) : writer_(writer), tenant_(std::move(tenant)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!taken_) return;
    {
      const std::scoped_lock lock(writer_.mutex_);
      --writer_.busy_lanes_;
      writer_.writing_.erase(tenant_);
    }
    writer_.freed_.notify_all();
  }
  Result<void> take(Deadline deadline) {
    std::unique_lock lock(writer_.mutex_);
    const auto free = [this] { return writer_.busy_lanes_ < writer_.lanes_ && !writer_.writing_.contains(tenant_); };
    // A wait has an end, whoever forgot to give one.
    const Deadline until = std::min(deadline, Clock::now() + 10min);
    if (!writer_.freed_.wait_until(lock, until, free))
      return Error::timeout("the deadline passed before the turn to write came");
    ++writer_.busy_lanes_;
    writer_.writing_.insert(tenant_);
    taken_ = true;
    return {};
  }

 private:
  Writer& writer_;
  std::string tenant_;
  bool taken_ = false;
};

Result<void> Writer::in_lane(const RequestContext& ctx, const std::function<Result<void>(Session&)>& work) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  Turn turn(*this, "/" + random_hex(8));  // no tenant's
  GANTRY_TRY(turn.take(ctx.deadline));
  GANTRY_LET(Session session, pool_.lend(ctx));
  return work(session);
}

Result<void> Writer::write(const RequestContext& ctx, std::string_view collection, const Bulk& bulk) {
  return in_lane(ctx, [&](Session& session) -> Result<void> {
    GANTRY_LET(const auto done, session.write(collection, bulk));
    (void)done;
    return {};
  });
}

Result<void> Writer::run(const RequestContext& ctx, const Work& work) {
  if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
  Turn turn(*this, ctx.tenant.str());
  GANTRY_TRY(turn.take(ctx.deadline));
  const bool transactions = pool_.server().transactions;
  const Deadline give_up = std::min(ctx.deadline, Clock::now() + kRetryMost);
  bool lost_once = false;
  for (;;) {
    GANTRY_LET(Session session, pool_.lend(ctx));
    Batch batch;
    batch.id = random_hex(16);
    batch.tenant = ctx.tenant;
    std::optional<sql::TenantRow> row;
    bool again = false;
    Result<void> result;
    bool locked = false, finished = false;
    if (transactions) {
      auto begun = session.begin(true);
      if (!begun) return begun;
    }
    auto lock = transactions ? lock_in_transaction(session, ctx.tenant, batch.id) : this->lock(session, ctx, batch.id);
    if (lock) {
      row = *lock;
      locked = row.has_value();
      BatchStore store(session, batch, row, [&](Batch& made) -> Result<void> {
        finished = true;
        GANTRY_LET(const End end, finish(session, ctx, made));
        if (end == End::kCommitted) return {};
        again = end == End::kNot;
        return Error::unavailable(end == End::kNot
                                      ? "the change was not made"
                                      : "the database did not say whether the change was made; it may be asked "
                                        "for again");
      });
      result = work(session, store);
    } else {
      result = lock.error();
    }
    // A connection may have been closed while nobody used it: that is seen once.
    if (!result && !finished)
      again = session.is_transient() || (session.is_unknown() && !std::exchange(lost_once, true));
    if (!result && result.error().kind() == ErrorKind::kTimeout) again = false;
    if (transactions) {
      session.abort();
    } else if (locked && !finished) {
      // Nothing was named, so nothing was done. Who can't be told finds a lease that runs out.
      session.set_deadline(std::max(ctx.deadline, Clock::now() + 1s));
      auto unlocked = unlock(session, ctx.tenant, batch.id);
      if (result && !unlocked) result = {};  // what was asked for is answered; the lease ends by itself
    }
    if (result || !again || !pause(give_up, 50ms)) return result;
  }
}

// --- The turn between nodes ----------------------------------------------------------------------------------------

Result<std::optional<sql::TenantRow>> Writer::lock_in_transaction(Session& session, const TenantId& tenant,
                                                                  const std::string& id) {
  Document update;
  update.document("$set", by_text("last_batch", id)).document("$currentDate", clock_update());
  GANTRY_LET(const auto locked, session.change_one(kTenants, by_text("_id", tenant.view()), update));
  if (!locked) return std::optional<sql::TenantRow>();
  const sql::TenantRow row = tenant_row(*locked->raw());
  pool_.heard_clock(number_of(*locked->raw(), "clock"));
  return std::optional(row);
}

Result<std::optional<sql::TenantRow>> Writer::lock(Session& session, const RequestContext& ctx, const std::string& id) {
  const TenantId& tenant = ctx.tenant;
  const Deadline give_up = std::min(ctx.deadline, Clock::now() + 3 * kLease);
  bool lost = false;
  for (;;) {
    Document free = by_text("_id", tenant.view());
    free.null("writer_id");  // also: has none
    Document update;
    update.document("$set", lease_fields(id, pool_.database_now() + kLease)).document("$currentDate", clock_update());
    auto locked = session.change_one(kTenants, free, update);
    if (!locked && session.is_unknown() && !std::exchange(lost, true) && pause(give_up, 20ms)) {
      // A connection that the server has closed meanwhile. Maybe we have the turn, maybe not: below we see.
      locked = std::optional<Document>();
    }
    if (!locked) return locked.error();
    if (!*locked) {
      Find find;
      find.filter = by_text("_id", tenant.view());
      GANTRY_LET(const auto there, session.find_one(kTenants, find));
      if (!there) return std::optional<sql::TenantRow>();
      const bson_t& document = *there->raw();
      const std::string owner = text_of(document, "writer_id");
      if (owner == id) {
        locked = std::optional<Document>(document);
      } else if (owner.empty()) {
        continue;
      } else if (sql::timestamp(number_of(document, "writer_until")) > pool_.database_now()) {
        if (!pause(give_up, 20ms)) {
          if (Clock::now() + 20ms >= ctx.deadline) return Error::timeout("another node writes for this tenant");
          return Error::unavailable("other nodes write for this tenant all the time");
        }
        continue;
      } else {
        Document expired = by_text("_id", tenant.view());
        expired.text("writer_id", owner).number("writer_until", number_of(document, "writer_until"));
        GANTRY_LET(const auto taken, session.change_one(kTenants, expired, update));
        if (!taken) continue;
        GANTRY_TRY(take_over(session, tenant, document, id));
        GANTRY_LET(*locked, session.find_one(kTenants, find));
        if (!*locked) return std::optional<sql::TenantRow>();
      }
    }
    const bson_t& document = *(*locked)->raw();
    pool_.heard_clock(number_of(document, "clock"));
    return std::optional(tenant_row(document));
  }
}

/// `locked` is the tenant's document when another writer had the turn, whose lease ran out and is ours now.
Result<void> Writer::take_over(Session& session, const TenantId& tenant, const bson_t& locked, const std::string& id) {
  const std::string named = text_of(locked, "writer_batch");
  const std::string owner = text_of(locked, "writer_id");
  if (!named.empty()) {
    GANTRY_LET(const auto batch, staged(session, tenant, named));
    if (!batch) return Error::internal("a batch that was committed is not there");
    GANTRY_TRY(complete(session, *batch, id, true));
  }
  Bulk litter;
  litter.remove(by_text("batch_key", batch_key(tenant, named.empty() ? owner : named)));
  GANTRY_LET(const auto done, session.write(kBatches, litter, Durability::kLater));
  (void)done;
  return {};
}

Result<void> Writer::unlock(Session& session, const TenantId& tenant, const std::string& id) {
  Document ours = by_text("_id", tenant.view());
  ours.text("writer_id", id).null("writer_batch");
  Bulk bulk;
  bulk.update_one(std::move(ours), wrapped("$unset", no_lease()));
  GANTRY_LET(const auto done, session.write(kTenants, bulk, Durability::kLater));
  (void)done;
  return {};
}

Result<void> Writer::finish_abandoned(const RequestContext& ctx) {
  if (pool_.server().transactions) return {};
  std::vector<std::string> tenants;
  {
    GANTRY_LET(Session session, pool_.lend(ctx));
    Find find;
    const std::int64_t before = sql::micros(pool_.database_now() - kAbandoned);
    find.filter.document("writer_until", Document().number("$lt", before).number("$gt", 0));
    find.projection.small("_id", 1);
    GANTRY_TRY(session.find(kTenants, find, [&](const bson_t& row) -> Result<bool> {
      tenants.push_back(text_of(row, "_id"));
      return true;
    }));
  }
  RequestContext as = ctx;
  for (const auto& tenant : tenants) {
    as.tenant = TenantId(tenant);
    // Taking the turn is what finishes the one before.
    GANTRY_TRY(run(as, [](Session&, BatchStore&) -> Result<void> { return {}; }));
  }
  Bulk litter;
  Document old;
  old.document("time", Document().number("$lt", sql::micros(pool_.database_now() - kLitter)));
  litter.remove(std::move(old));
  return tenants.empty() ? Result<void>() : write(ctx, kBatches, litter);
}

// --- The batch -----------------------------------------------------------------------------------------------------

Result<Writer::End> Writer::finish(Session& session, const RequestContext& ctx, Batch& batch) {
  if (session.in_transaction()) {
    GANTRY_TRY(make(session, batch, Guard::kNone));
    Bulk tenant;
    tenant.update_one(by_text("_id", batch.tenant.view()), wrapped("$set", tenant_fields(batch)));
    const auto counted = session.write(kTenants, tenant);
    if (!counted) return session.is_transient() ? Result<End>(End::kNot) : Result<End>(counted.error());
    if (session.commit()) return End::kCommitted;
    return session.is_unknown() ? settle(session, ctx, batch) : End::kNot;
  }
  if (auto written = stage(session, batch, pool_.database_now()); !written) {
    const Error why = written.error();
    session.set_deadline(std::max(ctx.deadline, Clock::now() + 1s));
    auto unlocked = unlock(session, batch.tenant, batch.id);
    (void)unlocked;  // else the lease ends by itself
    return why;
  }
  Document ours = by_text("_id", batch.tenant.view());
  ours.text("writer_id", batch.id);
  Document set = lease_fields(batch.id, pool_.database_now() + kLease);
  set.text("writer_batch", batch.id);
  Bulk naming;
  naming.update_one(std::move(ours), wrapped("$set", set));
  const auto named = session.write(kTenants, naming);
  if (!named) return settle(session, ctx, batch);
  if (named->matched == 0) return End::kNot;  // the turn was taken away
  // It is committed: whatever the request's time, it is made if that can be done.
  session.set_deadline(std::max(ctx.deadline, Clock::now() + kSettleMost));
  if (complete(session, batch, batch.id, false)) return End::kCommitted;
  return settle(session, ctx, batch);
}

Result<void> Writer::complete(Session& session, const Batch& batch, const std::string& lock_id, bool keep_lock) {
  GANTRY_TRY(make(session, batch, pool_.server().single_writer ? Guard::kNone : Guard::kVersions));
  Document ours = by_text("_id", batch.tenant.view());
  ours.text("writer_id", lock_id).text("writer_batch", batch.id);
  Document update;
  if (const Document fields = tenant_fields(batch); !fields.empty()) update.document("$set", fields);
  update.document("$unset", keep_lock ? by_text("writer_batch", "") : no_lease());
  Bulk bulk;
  bulk.update_one(std::move(ours), update);
  GANTRY_LET(const auto counted, session.write(kTenants, bulk));
  (void)counted;  // not matched: somebody else took the batch over and has counted it
  if (keep_lock) return {};
  Bulk litter;
  litter.remove(by_text("batch_key", batch_key(batch.tenant, batch.id)));
  auto cleaned = session.write(kBatches, litter, Durability::kLater);
  (void)cleaned;  // the batch is made; finish_abandoned() sweeps what stays
  return {};
}

// --- When nobody said how it ended ---------------------------------------------------------------------------------

Result<bool> Writer::has_changes_of(Session& session, const Batch& batch) {
  const auto version = static_cast<std::uint64_t>(number_in(sql::kChangeTable, batch.changes.front(), "version"));
  Find find;
  find.filter = by_text("_id", change_id(batch.tenant.view(), version));
  find.projection.small("batch", 1);
  GANTRY_LET(const auto change, session.find_one(kChanges, find));
  return change && view_of(*change->raw(), "batch") == batch.id;
}

Writer::End Writer::settle(Session& session, const RequestContext& ctx, const Batch& batch) {
  const auto now = Clock::now();
  const Deadline until =
      ctx.deadline == Deadline::max() ? now + kSettleMost : std::max(ctx.deadline, now + kSettleMost);
  session.set_deadline(until);
  do {
    session.abort();
    const auto end = settle_once(session, batch);
    if (end) return *end;
  } while (pause(until, 200ms));
  return End::kUnknown;
}

Result<Writer::End> Writer::settle_once(Session& session, const Batch& batch) {
  if (pool_.server().transactions) {
    // The lock is free when the old transaction is over, one way or the other.
    GANTRY_TRY(session.begin(true));
    GANTRY_LET(const auto row, lock_in_transaction(session, batch.tenant, batch.id));
    if (!row || batch.changes.empty()) return End::kUnknown;
    GANTRY_LET(const bool there, has_changes_of(session, batch));
    session.abort();
    return there ? End::kCommitted : End::kNot;
  }
  Find find;
  find.filter = by_text("_id", batch.tenant.view());
  GANTRY_LET(const auto tenant, session.find_one(kTenants, find));
  if (!tenant) return End::kUnknown;
  const bson_t& document = *tenant->raw();
  if (text_of(document, "writer_id") == batch.id) {
    if (text_of(document, "writer_batch") == batch.id) {
      GANTRY_TRY(complete(session, batch, batch.id, false));
      return End::kCommitted;
    }
    // Its naming may be on its way. Without the turn it finds no document.
    GANTRY_TRY(unlock(session, batch.tenant, batch.id));
    GANTRY_LET(const auto now, session.find_one(kTenants, find));
    if (now && text_of(*now->raw(), "writer_id") == batch.id)
      return Error::unavailable("the batch was named meanwhile");
    return End::kNot;
  }
  if (text_of(document, "writer_batch") == batch.id) return Error::unavailable("another writer is finishing the batch");
  if (batch.changes.empty()) return End::kUnknown;
  GANTRY_LET(const bool there, has_changes_of(session, batch));
  return there ? End::kCommitted : End::kNot;
}

}  // namespace gantry::index::mongo

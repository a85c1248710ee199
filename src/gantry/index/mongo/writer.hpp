#pragma once

// How a batch becomes durable, whole or not at all: in a transaction where the deployment has them, else by a log.
//
// A stand-alone server changes one document at a time. So the writers of a tenant take turns by a lease in the tenant's
// document, and a batch goes in like this:
//   1. the batch and its instances are written to `dicom_batch`, where nobody looks;
//   2. one update of the tenant's document names the batch: from here on it is committed;
//   3. the batch is made (batch.hpp): studies are marked pending, instances, series, studies with counts and versions,
//   changes;
//   4. one update sets the tenant's counters and gives the turn to the next.
// Who finds a lease that ran out finishes the batch that it names, or forgets the one that it does not name yet.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "gantry/index/mongo/batch_store.hpp"
#include "gantry/index/mongo/connection.hpp"

namespace gantry::index::mongo {

class Writer {
 public:
  Writer(Pool& pool, unsigned lanes) : pool_(pool), lanes_(pool.server().single_writer ? 1 : lanes) {}

  /// Works on a store whose begin() gives the tenant's row, until its finish() or to an end without writing.
  using Work = std::function<Result<void>(Session&, BatchStore&)>;
  /// Runs `work`; again, when it failed for a reason of its time and was certainly not committed. Done: what finish()
  /// was given is durable and visible. kUnavailable, kTimeout: it is not, or nobody knows.
  Result<void> run(const RequestContext& ctx, const Work& work);
  /// Writes that need no turn of a tenant: in a lane.
  Result<void> write(const RequestContext& ctx, std::string_view collection, const Bulk& bulk);
  /// Single-document changes that need no turn of a tenant, in a lane: with a server that has single_writer, nobody else
  /// of this process writes meanwhile.
  Result<void> in_lane(const RequestContext& ctx, const std::function<Result<void>(Session&)>& work);
  /// Finishes batches whose writer has not been heard of for 30 s, in all tenants.
  Result<void> finish_abandoned(const RequestContext& ctx);

 private:
  class Turn;
  enum class End { kCommitted, kNot, kUnknown };

  Result<std::optional<sql::TenantRow>> lock(Session& session, const RequestContext& ctx, const std::string& id);
  Result<std::optional<sql::TenantRow>> lock_in_transaction(Session& session, const TenantId& tenant,
                                                            const std::string& id);
  Result<void> take_over(Session& session, const TenantId& tenant, const bson_t& locked, const std::string& id);
  Result<void> unlock(Session& session, const TenantId& tenant, const std::string& id);
  Result<End> finish(Session& session, const RequestContext& ctx, Batch& batch);
  Result<void> complete(Session& session, const Batch& batch, const std::string& lock_id, bool keep_lock);
  End settle(Session& session, const RequestContext& ctx, const Batch& batch);
  Result<End> settle_once(Session& session, const Batch& batch);
  Result<bool> has_changes_of(Session& session, const Batch& batch);

  Pool& pool_;
  unsigned lanes_;
  std::mutex mutex_;
  std::condition_variable freed_;
  unsigned busy_lanes_ = 0;
  std::set<std::string> writing_;  ///< tenants of which somebody here writes
};

}  // namespace gantry::index::mongo

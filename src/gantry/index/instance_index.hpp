#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/pool_stats.hpp"
#include "gantry/index/records.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::index {

class RecordStore;
class AuditLog;

/// What the archive remembers. Blocking; callable from any worker thread; honours ctx.deadline (kTimeout). Outcomes are
/// three: found, not found, failed; a failure (kUnavailable, kTimeout, kInternal) is never turned into *not found*.
/// Every call sees ctx.tenant's rows alone, unless it says "all tenants".
class InstanceIndex {
 public:
  virtual ~InstanceIndex() = default;

  // --- Storing (DESIGN §4) ---------------------------------------------------------------------------------------

  /// Makes the instances visible in one transaction, durable on return, with their series, study, counts, totals,
  /// version and change rows. One outcome per record, in order; a record that the database rejects is kRejected and
  /// harms no other. Records of one batch may repeat a SOP UID: the first wins. At most 64 records.
  virtual Result<std::vector<Committed>> commit(const RequestContext& ctx, std::span<const InstanceRecord> batch,
                                                ConflictPolicy policy) = 0;

  // --- Searching (DESIGN §5) -------------------------------------------------------------------------------------

  /// Calls `visit` for each hit in the query's order until it gives false. One consistent state of the index.
  virtual Result<void> search(const RequestContext& ctx, const SearchQuery& query,
                              const std::function<bool(SearchRow&&)>& visit) = 0;
  /// How many hits the query has without its limit and offset, counted to `most` (then `most` + 1).
  virtual Result<std::uint64_t> count(const RequestContext& ctx, const SearchQuery& query, std::uint64_t most) = 0;
  /// Counters kept in the commit; all zero for a tenant without data.
  virtual Result<TenantTotals> totals(const RequestContext& ctx) = 0;

  // --- Reading (DESIGN §6) ---------------------------------------------------------------------------------------

  struct Located {
    InstanceRow instance;  ///< with its location
    std::uint64_t version = 0;
  };
  /// Where an instance is; nullopt when the tenant has no such instance in that study and series.
  virtual Result<std::optional<Located>> locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                                const SopUid& sop) = 0;
  /// The version of a study, or of one of its series; nullopt when there is none.
  virtual Result<std::optional<std::uint64_t>> version_of(const RequestContext& ctx, const StudyUid& study,
                                                          const std::optional<SeriesUid>& series) = 0;
  /// The versions of what the keys name, in their order, by one statement where the database can; 0: not there, or a
  /// tenant without data. At most kVersionKeysMost keys. Change numbers of tenants are read before the rest or with it:
  /// what has the version that is told here keeps it as long as its tenant keeps its change number. All tenants.
  virtual Result<std::vector<std::uint64_t>> versions(const RequestContext& ctx, std::span<const VersionKey> keys) = 0;

  // --- Deleting --------------------------------------------------------------------------------------------------

  /// Removes the rows of an instance, a series or a study in one transaction, with counts, version and change row, and
  /// puts the objects into the delete queue, due after `object_grace`. Says how many instances went; 0: not there.
  virtual Result<std::uint64_t> remove(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                                       const std::optional<SopUid>& sop, std::chrono::seconds object_grace) = 0;
  /// Objects whose deletion is due, oldest first. All tenants.
  virtual Result<std::vector<ObjectKey>> due_deletions(const RequestContext& ctx, std::size_t limit) = 0;
  /// After the object is gone. All tenants.
  virtual Result<void> deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) = 0;
  /// After a failed attempt: due again later. All tenants.
  virtual Result<void> deletion_failed(const RequestContext& ctx, const ObjectKey& key, std::chrono::seconds retry_after) = 0;
  /// Per key: does a row or the delete queue hold it? All tenants.
  virtual Result<std::vector<bool>> are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) = 0;
  /// Calls `visit` for every object that an instance row holds, by key, until it gives false. All tenants.
  virtual Result<void> visit_objects(const RequestContext& ctx, const std::function<bool(const HeldObject&)>& visit) = 0;
  /// Counts kept in rows against counted rows: a sentence per difference (fsck). All tenants.
  virtual Result<std::vector<std::string>> verify_counts(const RequestContext& ctx) = 0;

  // --- The change feed and tenants ---------------------------------------------------------------------------------

  /// Changes after `version`, ascending, at most `limit`.
  virtual Result<std::vector<Change>> changes(const RequestContext& ctx, std::uint64_t after_version, std::size_t limit) = 0;
  /// Makes sure that ctx.tenant exists; a new one, and one that was deleted, is active and without quotas. One that was
  /// deleted goes on counting its changes.
  virtual Result<void> ensure_tenant(const RequestContext& ctx) = 0;
  /// nullopt: there never was one of this name.
  virtual Result<std::optional<TenantEntry>> find_tenant(const RequestContext& ctx) = 0;
  /// Those whose ids come after `after`, in their order, the deleted ones too, at most `limit`. All tenants.
  virtual Result<std::vector<TenantEntry>> list_tenants(const RequestContext& ctx, const TenantId& after,
                                                        std::size_t limit) = 0;
  /// kNotFound when the tenant does not exist.
  virtual Result<void> set_quotas(const RequestContext& ctx, const TenantQuotas& quotas) = 0;
  /// Only an active tenant takes commits; reading and deleting stay possible. No commit that began before ends after
  /// this. kNotFound when the tenant does not exist.
  virtual Result<void> set_tenant_state(const RequestContext& ctx, TenantState state) = 0;
  /// The same if its state is `from`; kConflict when it is another.
  virtual Result<void> change_tenant_state(const RequestContext& ctx, TenantState from, TenantState to) = 0;
  /// Puts objects of ctx.tenant that no row holds into the delete queue, due after `object_grace`; those that are there
  /// stay as they are. As long as they are there no commit takes their names.
  virtual Result<void> queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                                     std::chrono::seconds object_grace) = 0;
  /// Removes, of a tenant that is being deleted and has no instances any more, up to `limit` rows of each kind that may
  /// be left: series rows of the six calls, JSON rows, terms, changes. Says how many went; 0: there are none. Its own row
  /// stays. kConflict: it is not being deleted, or has instances.
  virtual Result<std::uint64_t> purge_tenant(const RequestContext& ctx, std::size_t limit) = 0;

  // --- The six calls of the reference design (DESIGN §3) -----------------------------------------------------------
  // A row's `tenant_id` is empty or ctx.tenant (kInvalid otherwise), and the tenant exists (kNotFound otherwise). The
  // index gives a state row its version: saving one is a change of the series. Time stamps are kept as given; the epoch
  // stands for now. A series without instances is no hit of any search and is in no count.

  /// Upserts one series row; on conflict everything but `created_time` is replaced.
  virtual Result<void> save_state_info(const RequestContext& ctx, const StateRow& state) = 0;
  /// The same for many, all or nothing.
  virtual Result<void> save_state_list(const RequestContext& ctx, std::span<const StateRow> states) = 0;
  /// Upserts rows as given (`version` is that of the series row that was rendered), all or nothing.
  virtual Result<void> save_json_list(const RequestContext& ctx, std::span<const JsonRow> jsons) = 0;
  /// All series rows of a study, ordered by series number, then UID; none is an empty list.
  virtual Result<std::vector<StateRow>> get_state_metaes(const RequestContext& ctx, const StudyUid& study) = 0;
  /// Series rows whose JSON is due and that were quiet since before `end_time` (strictly), oldest `updated_time` first.
  /// Due is: never generated, generated for an older version, pending (0), failed and to be retried (2), or claimed and
  /// not finished. All tenants.
  virtual Result<std::vector<StateRow>> get_json_metaes(const RequestContext& ctx, Timestamp end_time, std::size_t limit = 10) = 0;
  virtual Result<std::optional<JsonRow>> get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                       const SeriesUid& series) = 0;
  /// The same for all series of a study, in no order; none is an empty list.
  virtual Result<std::vector<JsonRow>> get_json_list(const RequestContext& ctx, const StudyUid& study) = 0;

  // --- The workers that make the JSON (DESIGN §7) -------------------------------------------------------------------

  /// Claims for `owner` up to `limit` (at most 1,000) of the series that get_json_metaes() tells, in its order: those
  /// that no other worker has under a lease, whose next try is due, and that had fewer than 5 tries since they changed;
  /// those that had 5 are given up (4) in passing. Each is claimed by exactly one, on whatever node; when the lease has
  /// run out, by the database's clock, it can be claimed again. Fewer than `limit`, even none, does not mean that no
  /// more are due when others claim at the same time. An owner is one thread of work: two may not share a name. All
  /// tenants; a claim's state names its own. A claim whose answer was lost (kUnavailable) ends with its lease.
  virtual Result<std::vector<JsonClaim>> claim_json(const RequestContext& ctx, Timestamp end_time, std::size_t limit,
                                                    std::string_view owner, std::chrono::seconds lease) = 0;
  /// Ends a claim of ctx.tenant: the row becomes ready (1), or failed (2, due again after `retry_after`; 4 after the
  /// fifth try), its object before is queued for deletion when there is a new one. Unless the series changed meanwhile,
  /// it is not due any more when it is ready or failed for good. Handed back, it is pending (0). False, and nothing
  /// changes: `owner` has not got this claim (any more), and the object it made is its own to remove.
  virtual Result<bool> finish_json(const RequestContext& ctx, const JsonOutcome& outcome, std::string_view owner) = 0;

  /// Lets a claim of ctx.tenant last for `lease` from now, by the database's clock. False, and nothing changes: `owner`
  /// has not got it (any more). One whose lease ran out, and that nobody else took meanwhile, is its owner's still.
  virtual Result<bool> renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                  std::string_view owner, std::chrono::seconds lease) = 0;
  /// Counts all series by how their JSON stands, in one state of the index where the database can. Walks
  /// dicom_json_meta and dicom_state_meta: for operators, not for requests. All tenants.
  virtual Result<JsonTotals> json_totals(const RequestContext& ctx) = 0;
  /// Series whose JSON failed, in an order of the index's own that does not change: a page begins after the last one of
  /// the page before. May walk dicom_json_meta. All tenants, unless the query names one.
  virtual Result<std::vector<JsonFailure>> json_failures(const RequestContext& ctx, const JsonFailureQuery& query) = 0;

  /// Fails when the index can't answer now: for /readyz.
  virtual Result<void> check(const RequestContext& ctx) = 0;
  /// The small records that this index keeps beside (record_store.hpp); it lives as long as the index.
  [[nodiscard]] virtual RecordStore& records() noexcept = 0;

  /// The audit of changes that this index keeps beside (audit_log.hpp); it lives as long as the index.
  [[nodiscard]] virtual AuditLog& audit_log() noexcept = 0;
  /// Of providers with connections to a server.
  [[nodiscard]] virtual std::optional<PoolStats> pool_stats() const { return std::nullopt; }
};

}  // namespace gantry::index

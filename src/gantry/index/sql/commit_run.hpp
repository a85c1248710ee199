#pragma once

// One writing transaction's view of the series and studies that it touches: read together, changed in memory, written
// together. The rules of DESIGN §2 and §4 for every SQL database are here; CommitStore is how each reads and writes.

#include <span>
#include <string>
#include <vector>

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/commit_store.hpp"

namespace gantry::index::sql {

/// One method is called, once. After an error the transaction is to be rolled back.
class CommitRun {
 public:
  /// `ctx` says the tenant and, for the audit, who changes it; both outlive the run.
  CommitRun(CommitStore& store, const RequestContext& ctx) : store_(store), tenant_(ctx.tenant), actor_(actor_of(ctx)) {}

  /// InstanceIndex::commit(). When nothing changed nothing was written or ended.
  Result<std::vector<Committed>> commit(std::span<const InstanceRecord> batch, ConflictPolicy policy);
  /// Removes instances by their rows (a study, a series or one of either), queues their objects, and gives their
  /// number.
  Result<std::uint64_t> remove(const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop, std::chrono::seconds object_grace);
  /// InstanceIndex::save_state_list(); false when there is no such tenant.
  Result<bool> save_states(std::span<const StateRow> states);
  /// AuditLog::add_audit(); 0 when there is no such tenant.
  Result<std::uint64_t> add_audit(const AuditEntry& entry);
  /// What commit() would have answered when only the store's finish() failed; else empty.
  [[nodiscard]] const std::vector<Committed>& planned() const noexcept { return planned_; }

 private:
  Result<bool> open(const CommitStore::Wanted& wanted);
  Result<void> need(const CommitStore::Wanted& wanted);
  Result<Committed> commit_one(const InstanceRecord& record, ConflictPolicy policy);
  Result<std::uint64_t> take(const StudyUid& study, const std::optional<SeriesUid>& series,
                             const std::optional<SopUid>& sop, Timestamp due);
  Result<StudyState*> study(const std::string& uid);
  Result<SeriesState*> series(const std::string& study, const std::string& uid);
  Result<bool> write_instance(const InstanceRecord& record, std::uint64_t version, std::string& why);
  Result<void> count_in(const InstanceRecord& record, std::uint64_t version, bool is_new);
  Result<void> save_state(const StateRow& state);
  void queue_object(const std::string& key, Timestamp due);
  void add_change(std::uint64_t version, Change::Action action, std::string_view study, std::string_view series,
                  std::string_view sop);
  void put_audit(AuditEntry entry);
  Result<void> after_removal(const std::string& uid, StudyState& study);
  void put_terms(std::set<TermRow>& old_terms, std::set<TermRow> terms);
  void put_series(SeriesState& series);
  Result<void> put_studies();
  /// Writes all that waits; what was loaded is forgotten, as other rows than the changed ones may be other now.
  Result<void> flush();
  Result<void> finish();

  CommitStore& store_;
  const TenantId& tenant_;
  Actor actor_;  ///< of what is changed now
  Timestamp now_;
  TenantRow row_;
  CommitStore::Loaded loaded_;
  std::set<std::string> asked_studies_;  ///< loaded, or known to be absent
  std::set<SeriesKey> asked_series_;
  std::set<std::string> touched_studies_;
  std::set<SeriesKey> touched_series_;
  CommitStore::Writes writes_;
  std::set<std::string> settled_;  ///< SOP UIDs that a record of this batch has
  std::vector<Committed> planned_;
};

}  // namespace gantry::index::sql

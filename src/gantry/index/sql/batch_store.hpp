#pragma once

#include "gantry/index/sql/commit_store.hpp"
#include "gantry/index/sql/session.hpp"

namespace gantry::index::sql {

/// A CommitStore behind a network: what belongs together is read or written in one round trip, whatever its size. The
/// lock on the tenant's row is the transaction's first; it makes all writers of a tenant take turns, so that what they
/// read stays true, versions become visible in order, and no two of them can wait for each other.
class BatchStore final : public CommitStore {
 public:
  /// `one_by_one`: instances are written singly, to learn which of them the database refuses.
  BatchStore(Session& session, const TenantId& tenant, bool one_by_one)
      : session_(session), tenant_(tenant), one_by_one_(one_by_one) {}

  [[nodiscard]] const Dialect& dialect() const override { return session_.dialect(); }
  Result<std::optional<TenantRow>> begin(const Wanted& wanted, Loaded& loaded) override;
  Result<void> load(const Wanted& wanted, Loaded& loaded) override;
  Result<void> write(const Writes& writes) override;
  Result<void> finish(const Writes& writes) override;
  [[nodiscard]] bool writes_instances_at_once() const override { return one_by_one_; }
  Result<bool> write_instance(const CellRow& row, std::string& why) override;
  Result<std::vector<Gone>> take_instances(const Scope& scope, Timestamp due) override;
  Result<std::string> first_instance(const SeriesKey& series) override;
  Result<std::optional<SeriesKey>> next_first_of(const std::string& study, const SeriesKey& current) override;
  Result<std::vector<std::string>> modalities_of(const std::string& study) override;

 private:
  [[nodiscard]] Text text() const { return Text(session_.dialect()); }
  void add_loads(std::vector<Text>& statements, const Wanted& wanted, CellRows& series_keys) const;
  void read_loads(std::span<const Rows> sets, const Wanted& wanted, Loaded& loaded) const;
  void add_writes(std::vector<Text>& statements, const Writes& writes, CellRows& keys_of_series,
                  CellRows& keys_of_studies) const;
  void add_drops(std::vector<Text>& statements, std::span<const Column> key, const CellRows& keys,
                 Timestamp objects_due) const;

  Session& session_;
  const TenantId& tenant_;
  bool one_by_one_;
};

/// Locks the tenant's row until the transaction ends, then reads it: state, change_no, bytes, instances, studies,
/// series, quota_bytes, quota_instances, audit_no, audit_hash, the clock. Two statements; the second gives no row when there is no such
/// tenant.
void add_tenant_lock(std::vector<Text>& statements, const NetworkDialect& dialect, const TenantId& tenant);
/// Where the clock stands in that row.
inline constexpr int kTenantClock = 10;

}  // namespace gantry::index::sql

#pragma once

// A CommitStore over MongoDB: what a run writes is kept in a Batch and seen by what the run reads later, and made at
// once in the end. So a run that fails before has written nothing.

#include "gantry/index/mongo/batch.hpp"

namespace gantry::index::mongo {

/// The tenant's document is the caller's: locked, and `row` is what it said.
class BatchStore final : public sql::CommitStore {
 public:
  using Finish = std::function<Result<void>(Batch&)>;
  /// `finish` makes the batch durable.
  BatchStore(Session& session, Batch& batch, std::optional<sql::TenantRow> row, Finish finish)
      : session_(session), batch_(batch), row_(std::move(row)), finish_(std::move(finish)) {}

  /// What finish() will be given, for what CommitRun does not know.
  [[nodiscard]] Batch& batch() noexcept { return batch_; }
  [[nodiscard]] const sql::Dialect& dialect() const override { return sql::sqlite_dialect(); }
  Result<std::optional<sql::TenantRow>> begin(const Wanted& wanted, Loaded& loaded) override;
  Result<void> load(const Wanted& wanted, Loaded& loaded) override;
  Result<void> write(const Writes& writes) override;
  Result<void> finish(const Writes& writes) override;
  [[nodiscard]] bool writes_instances_at_once() const override { return true; }
  Result<bool> write_instance(const sql::CellRow& row, std::string& why) override;
  Result<std::vector<Gone>> take_instances(const Scope& scope, Timestamp due) override;
  Result<std::string> first_instance(const sql::SeriesKey& series) override;
  Result<std::optional<sql::SeriesKey>> next_first_of(const std::string& study, const sql::SeriesKey& current) override;
  Result<std::vector<std::string>> modalities_of(const std::string& study) override;

 private:
  [[nodiscard]] std::string_view tenant() const { return batch_.tenant.view(); }
  Result<void> load_instances(const Wanted& wanted, Loaded& loaded);
  Result<void> drop_series(const sql::SeriesKey& key);
  /// The rows of a study's series as the batch will leave them.
  Result<std::vector<sql::CellRow>> series_of(const std::string& study);

  Session& session_;
  Batch& batch_;
  std::optional<sql::TenantRow> row_;
  Finish finish_;
  std::set<std::string> present_;  ///< SOP UIDs that have a document
};

}  // namespace gantry::index::mongo

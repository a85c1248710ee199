#pragma once

#include "gantry/index/sql/commit_store.hpp"
#include "gantry/index/sqlite/connection.hpp"

namespace gantry::index::sqlite {

/// Binds a row's cells; the row outlives the query's use. Without columns there are no blobs.
void bind_row(Query& query, std::span<const sql::Column> columns, const sql::CellRow& row);
/// INSERT of a row unless its key is there.
[[nodiscard]] std::string insert_missing(const sql::Table& table);

/// A CommitStore in a transaction of the writer. There are no round trips to save: statements run one by one.
class SqliteStore final : public sql::CommitStore {
 public:
  SqliteStore(Connection& connection, const TenantId& tenant) : db_(connection), tenant_(tenant) {}

  [[nodiscard]] const sql::Dialect& dialect() const override { return sql::sqlite_dialect(); }
  Result<std::optional<sql::TenantRow>> begin(const Wanted& wanted, Loaded& loaded) override;
  Result<void> load(const Wanted& wanted, Loaded& loaded) override;
  Result<void> write(const Writes& writes) override;
  Result<void> finish(const Writes& writes) override { return write(writes); }
  [[nodiscard]] bool writes_instances_at_once() const override { return true; }
  Result<bool> write_instance(const sql::CellRow& row, std::string& why) override;
  Result<std::vector<Gone>> take_instances(const Scope& scope, Timestamp due) override;
  Result<std::string> first_instance(const sql::SeriesKey& series) override;
  Result<std::optional<sql::SeriesKey>> next_first_of(const std::string& study, const sql::SeriesKey& current) override;
  Result<std::vector<std::string>> modalities_of(const std::string& study) override;

 private:
  Result<void> write_rows(const std::string& statement, const sql::CellRows& rows);
  Result<void> drop(std::string_view where, const std::string& study, const std::string* series, Timestamp objects_due);

  Connection& db_;
  const TenantId& tenant_;
};

}  // namespace gantry::index::sqlite

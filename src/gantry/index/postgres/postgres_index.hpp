#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gantry/index/postgres/postgres_settings.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index {

/// The index in PostgreSQL 13 or later, shared by any number of nodes. Row-level security shows a session the rows of
/// one tenant alone, so that a statement that forgot to name it would find nothing (superusers pass by it: let the user
/// be none). Needs session pooling where a proxy stands between.
class PostgresIndex final : public sql::SqlIndex {
 public:
  /// Connects and looks at the schema, or brings it up to date (`settings.migrate`). kUnsupported: made by a newer
  /// major; kUnavailable: no answer now, or to be migrated first; kInvalid: the URL is none.
  static Result<std::unique_ptr<PostgresIndex>> open(PostgresSettings settings);
  /// For bringing it up to date without opening it.
  static Result<std::unique_ptr<SchemaAdmin>> open_schema(const PostgresSettings& settings);
  ~PostgresIndex() override;

  [[nodiscard]] std::optional<PoolStats> pool_stats() const override;
  /// How `query` would be answered, as EXPLAIN says it: a line per step. For tests and operators.
  Result<std::vector<std::string>> explain(const RequestContext& ctx, const SearchQuery& query);

 protected:
  [[nodiscard]] const sql::NetworkDialect& dialect() const override;
  Result<void> read(const RequestContext& ctx, Tenants tenants, const Work& work) override;
  Result<void> write(const RequestContext& ctx, Tenants tenants, const Work& work, Doubt& doubt) override;
  Result<void> settle(const std::string& session) override;

 private:
  struct Impl;
  explicit PostgresIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::index

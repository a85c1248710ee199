#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gantry/index/mysql/mysql_settings.hpp"
#include "gantry/index/schema.hpp"
#include "gantry/index/sql/sql_index.hpp"

namespace gantry::index {

/// The index in MariaDB 10.6 or MySQL 8.0.13, or later ones, shared by any number of nodes. Needs session pooling where
/// a proxy stands between.
class MysqlIndex final : public sql::SqlIndex {
 public:
  /// Connects and looks at the schema, or brings it up to date (`settings.migrate`). kUnsupported: made by a newer
  /// major; kUnavailable: no answer now, or to be migrated first; kInvalid: a parameter of the URL is none.
  static Result<std::unique_ptr<MysqlIndex>> open(MysqlSettings settings);
  /// For bringing it up to date without opening it.
  static Result<std::unique_ptr<SchemaAdmin>> open_schema(const MysqlSettings& settings);
  ~MysqlIndex() override;

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
  explicit MysqlIndex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::index

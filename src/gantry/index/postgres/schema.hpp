#pragma once

#include "gantry/index/postgres/connection.hpp"
#include "gantry/index/sql/sql_schema.hpp"

namespace gantry::index::postgres {

/// Each step is a transaction with the note that it ran; an advisory lock lets one migrator work.
class PostgresSchema final : public sql::SqlSchema {
 public:
  explicit PostgresSchema(Connection& connection) : connection_(connection) {}

 protected:
  [[nodiscard]] const sql::NetworkDialect& dialect() const override;
  Result<sql::Rows> run(const std::string& text, Deadline deadline) override;
  Result<void> lock(Deadline deadline) override;
  Result<void> unlock(Deadline deadline) override;
  [[nodiscard]] std::string count_schema_tables() const override;
  [[nodiscard]] bool is_transactional() const override { return true; }

 private:
  Connection& connection_;
};

}  // namespace gantry::index::postgres

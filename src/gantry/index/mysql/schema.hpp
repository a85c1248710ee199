#pragma once

#include "gantry/index/mysql/connection.hpp"
#include "gantry/index/sql/sql_schema.hpp"

namespace gantry::index::mysql {

/// A change of the schema is its own transaction here: one that was there already does no harm, and the note that a
/// step ran comes last. A lock of the server's, by the name of the database, lets one migrator work.
class MysqlSchema final : public sql::SqlSchema {
 public:
  explicit MysqlSchema(Connection& connection) : connection_(connection) {}

 protected:
  [[nodiscard]] const sql::NetworkDialect& dialect() const override;
  Result<sql::Rows> run(const std::string& text, Deadline deadline) override;
  Result<void> lock(Deadline deadline) override;
  Result<void> unlock(Deadline deadline) override;
  [[nodiscard]] std::string count_schema_tables() const override;
  [[nodiscard]] bool is_transactional() const override { return false; }

 private:
  Connection& connection_;
};

}  // namespace gantry::index::mysql

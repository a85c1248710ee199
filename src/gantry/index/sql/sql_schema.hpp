#pragma once

#include <string>

#include "gantry/index/schema.hpp"
#include "gantry/index/sql/session.hpp"

namespace gantry::index::sql {

/// The migrations of sql/ on one connection to a database behind a network.
class SqlSchema : public SchemaAdmin {
 public:
  Result<SchemaState> state(Deadline deadline) override;
  Result<void> migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) override;

 protected:
  [[nodiscard]] virtual const NetworkDialect& dialect() const = 0;
  /// Runs one statement, as it is.
  virtual Result<Rows> run(const std::string& text, Deadline deadline) = 0;
  /// Waits for the lock that lets one migrator work. It goes with the connection.
  virtual Result<void> lock(Deadline deadline) = 0;
  virtual Result<void> unlock(Deadline deadline) = 0;
  /// A query with one number: how many tables of ours, named gantry_schema, there are.
  [[nodiscard]] virtual std::string count_schema_tables() const = 0;
  /// Are changes of the schema part of transactions?
  [[nodiscard]] virtual bool is_transactional() const = 0;

 private:
  Result<void> run_step(const SchemaStep& step, Deadline deadline);
};

}  // namespace gantry::index::sql

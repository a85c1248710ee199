#include "gantry/index/postgres/schema.hpp"

#include "gantry/index/postgres/dialect.hpp"

namespace gantry::index::postgres {
namespace {

/// Which lock: any number that nobody else in the database uses. "gantry" in ASCII.
constexpr const char* kMigrationLock = "(113571806573177)";

}  // namespace

const sql::NetworkDialect& PostgresSchema::dialect() const { return postgres::dialect(); }

Result<sql::Rows> PostgresSchema::run(const std::string& text, Deadline deadline) {
  return connection_.run_once(text, deadline);
}

Result<void> PostgresSchema::lock(Deadline deadline) {
  GANTRY_LET(const sql::Rows rows, run(std::string("SELECT pg_advisory_lock") + kMigrationLock, deadline));
  (void)rows;
  return {};
}

Result<void> PostgresSchema::unlock(Deadline deadline) {
  GANTRY_LET(const sql::Rows rows, run(std::string("SELECT pg_advisory_unlock") + kMigrationLock, deadline));
  (void)rows;
  return {};
}

std::string PostgresSchema::count_schema_tables() const {
  return "SELECT (to_regclass('gantry_schema') IS NOT NULL)::int::bigint";
}

}  // namespace gantry::index::postgres

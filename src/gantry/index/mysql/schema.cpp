#include "gantry/index/mysql/schema.hpp"

#include <algorithm>

#include "gantry/index/mysql/dialect.hpp"

namespace gantry::index::mysql {
namespace {

/// Locks belong to the server, not to a database, and names have at most 64 characters.
constexpr const char* kMigrationLock = "CONCAT('gantry ', LEFT(SHA2(DATABASE(), 256), 40))";
constexpr unsigned kColumnIsThere = 1060, kIndexIsThere = 1061;

}  // namespace

const sql::NetworkDialect& MysqlSchema::dialect() const { return mysql::dialect(); }

// MySQL has no "IF NOT EXISTS" for columns and indexes: what a step made before it was cut off stays.
Result<sql::Rows> MysqlSchema::run(const std::string& text, Deadline deadline) {
  auto rows = connection_.run_once(text, deadline);
  const auto error = connection_.error_number();
  if (!rows && (error == kColumnIsThere || error == kIndexIsThere)) return connection_.run_once("DO 0", deadline);
  return rows;
}

Result<void> MysqlSchema::lock(Deadline deadline) {
  // Steps take the time that they take.
  const std::string server = "SELECT VERSION() LIKE '%MariaDB%'";
  GANTRY_LET(const sql::Rows maria, run(server, deadline));
  GANTRY_LET(const sql::Rows unlimited,
             run(maria->integer(0, 0) != 0 ? "SET SESSION max_statement_time = 0, wait_timeout = 86400"
                                           : "SET SESSION max_execution_time = 0, wait_timeout = 86400",
                 deadline));
  (void)unlimited;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline - Clock::now()).count();
  GANTRY_LET(const sql::Rows rows, run(std::string("SELECT GET_LOCK(") + kMigrationLock + ", " +
                                           std::to_string(std::clamp<std::int64_t>(seconds, 1, 86'400)) + ")",
                                       deadline));
  if (rows->size() == 1 && rows->integer(0, 0) == 1) return {};
  return Error::unavailable("another migrator works on the database");
}

Result<void> MysqlSchema::unlock(Deadline deadline) {
  GANTRY_LET(const sql::Rows rows, run(std::string("SELECT RELEASE_LOCK(") + kMigrationLock + ")", deadline));
  (void)rows;
  return {};
}

std::string MysqlSchema::count_schema_tables() const {
  return "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
         "'gantry_schema'";
}

}  // namespace gantry::index::mysql

#include "gantry/index/postgres/schema.hpp"

#include "gantry/index/postgres/dialect.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::postgres {
namespace {

/// Which lock: any number that nobody else in the database uses. "gantry" in ASCII.
constexpr const char* kMigrationLock = "113571806573177";

struct Version {
  std::int64_t migration = 0, major = 0, minor = 0;
};

/// Nothing when the database has no schema of ours.
Result<std::optional<Version>> version_of(Connection& connection, Deadline deadline) {
  GANTRY_LET(const sql::Rows there, connection.run_once("SELECT to_regclass('gantry_schema') IS NOT NULL", deadline));
  if (there->integer(0, 0) == 0) return std::optional<Version>();
  GANTRY_LET(
      const sql::Rows rows,
      connection.run_once("SELECT COALESCE(MAX(migration), 0), COALESCE(MAX(major), 0), COALESCE(MAX(minor), 0) FROM "
                          "gantry_schema",
                          deadline));
  return std::optional(Version{rows->integer(0, 0), rows->integer(0, 1), rows->integer(0, 2)});
}

Result<void> not_newer(const Version& version) {
  if (version.major <= sql::kSchemaMajor) return {};
  return Error::unsupported("the index was made by a newer Gantry (schema " + std::to_string(version.major) +
                            ", this one knows " + std::to_string(sql::kSchemaMajor) + "): update Gantry");
}

Result<void> run_migration(Connection& connection, const sql::Migration& migration, Deadline deadline) {
  const auto run = [&](const std::string& text) -> Result<void> {
    GANTRY_LET(const sql::Rows rows, connection.run_once(text, deadline));
    (void)rows;
    return {};
  };
  GANTRY_TRY(run("BEGIN"));
  for (const std::string& statement : migration.statements) GANTRY_TRY(run(statement));
  GANTRY_TRY(run("INSERT INTO gantry_schema (migration, major, minor, applied_time) VALUES (" +
                 std::to_string(migration.number) + ", " + std::to_string(migration.major) + ", " +
                 std::to_string(migration.minor) + ", clock_timestamp())"));
  return run("COMMIT");
}

}  // namespace

Result<void> migrate(Connection& connection, Deadline deadline) {
  GANTRY_LET(const auto before, version_of(connection, deadline));
  if (before) {
    GANTRY_TRY(not_newer(*before));
    if (before->migration >= sql::kLastMigration) return {};
  }
  // The lock belongs to the session: it goes with the connection, however this ends.
  GANTRY_LET(const sql::Rows lock,
             connection.run_once(std::string("SELECT pg_advisory_lock(") + kMigrationLock + ")", deadline));
  GANTRY_LET(const sql::Rows made, connection.run_once(sql::create_schema_table(dialect()), deadline));
  GANTRY_LET(const auto now, version_of(connection, deadline));  // somebody else may have been first
  GANTRY_TRY(not_newer(*now));
  for (const sql::Migration& migration : sql::migrations(dialect())) {
    if (migration.number <= now->migration) continue;
    GANTRY_TRY(run_migration(connection, migration, deadline));
  }
  GANTRY_LET(const sql::Rows unlock,
             connection.run_once(std::string("SELECT pg_advisory_unlock(") + kMigrationLock + ")", deadline));
  return {};
}

Result<void> check_schema(Connection& connection, Deadline deadline) {
  GANTRY_LET(const auto version, version_of(connection, deadline));
  if (!version || version->migration < sql::kLastMigration) {
    return Error::unsupported("the database has " + std::string(version ? "an older schema" : "no schema") +
                              " of Gantry's; it is to be migrated first");
  }
  return not_newer(*version);
}

}  // namespace gantry::index::postgres

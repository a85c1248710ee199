#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/connection.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::sqlite {

// All in one transaction: a crash leaves the old schema. Another process that opens the file meanwhile waits.
Result<void> migrate(Connection& connection) {
  const sql::Dialect& dialect = sql::sqlite_dialect();
  GANTRY_LET(Transaction transaction, Transaction::begin(connection, true));
  GANTRY_TRY(connection.run(sql::create_schema_table(dialect)));
  std::int64_t last = 0;
  {
    GANTRY_LET(Query state, connection.query("SELECT COALESCE(MAX(migration), 0), COALESCE(MAX(major), 0) FROM gantry_schema"));
    GANTRY_TRY(state.step());
    last = state.integer(0);
    if (const auto major = state.integer(1); major > sql::kSchemaMajor) {
      return Error::unsupported("the index was made by a newer Gantry (schema " + std::to_string(major) +
                                ", this one knows " + std::to_string(sql::kSchemaMajor) + "): update Gantry");
    }
  }
  for (const sql::Migration& migration : sql::migrations(dialect)) {
    if (migration.number <= last) continue;
    for (const std::string& statement : migration.statements) GANTRY_TRY(connection.run(statement));
    GANTRY_LET(Query insert, connection.query("INSERT INTO gantry_schema (migration, major, minor, applied_time) "
                                              "VALUES (?1, ?2, ?3, ?4)"));
    insert << std::int64_t{migration.number} << migration.major << migration.minor
           << timestamp_now().time_since_epoch().count();
    GANTRY_TRY(insert.run());
  }
  return transaction.commit();
}

}  // namespace gantry::index::sqlite

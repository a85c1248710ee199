#include "gantry/index/sql/tables.hpp"
#include "gantry/index/sqlite/connection.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::sqlite {

// All in one transaction: a crash leaves the old schema. Another process that opens the file meanwhile waits.
Result<void> migrate(Connection& connection, const std::function<void(const SchemaStep&)>& told) {
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
  for (const SchemaStep& migration : sql::migrations(dialect)) {
    if (migration.number <= last) continue;
    told(migration);
    for (const std::string& statement : migration.statements) GANTRY_TRY(connection.run(statement));
    GANTRY_LET(Query insert, connection.query("INSERT INTO gantry_schema (migration, major, minor, applied_time) "
                                              "VALUES (?1, ?2, ?3, ?4)"));
    insert << std::int64_t{migration.number} << migration.major << migration.minor
           << timestamp_now().time_since_epoch().count();
    GANTRY_TRY(insert.run());
  }
  return transaction.commit();
}

Result<SchemaState> schema_state(Connection& connection) {
  SchemaState state;
  {
    GANTRY_LET(Query there, connection.query("SELECT 1 FROM sqlite_master WHERE name = 'gantry_schema'"));
    GANTRY_LET(const bool found, there.step());
    if (found) {
      GANTRY_LET(Query rows, connection.query("SELECT migration, major, minor, applied_time FROM gantry_schema "
                                              "ORDER BY migration"));
      for (;;) {
        GANTRY_LET(const bool more, rows.step());
        if (!more) break;
        state.applied.push_back({static_cast<unsigned>(rows.integer(0)), static_cast<int>(rows.integer(1)),
                                 static_cast<int>(rows.integer(2)), rows.time(3)});
      }
    }
  }
  const unsigned last = state.applied.empty() ? 0 : state.applied.back().number;
  for (SchemaStep& step : sql::migrations(sql::sqlite_dialect())) {
    if (step.number > last && !state.is_newer_major()) state.pending.push_back(std::move(step));
  }
  return state;
}

}  // namespace gantry::index::sqlite

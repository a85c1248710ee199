#include "gantry/index/sql/sql_schema.hpp"

#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {

Result<SchemaState> SqlSchema::state(Deadline deadline) {
  SchemaState state;
  GANTRY_LET(const Rows there, run(count_schema_tables(), deadline));
  if (there->integer(0, 0) > 0) {
    GANTRY_LET(const Rows rows,
               run("SELECT migration, major, minor, applied_time FROM gantry_schema ORDER BY migration", deadline));
    for (std::size_t i = 0; i < rows->size(); ++i) {
      state.applied.push_back({static_cast<unsigned>(rows->integer(i, 0)), static_cast<int>(rows->integer(i, 1)),
                               static_cast<int>(rows->integer(i, 2)), rows->time(i, 3)});
    }
  }
  const unsigned last = state.applied.empty() ? 0 : state.applied.back().number;
  for (SchemaStep& step : migrations(dialect())) {
    if (step.number > last && !state.is_newer_major()) state.pending.push_back(std::move(step));
  }
  return state;
}

Result<void> SqlSchema::migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) {
  GANTRY_LET(const SchemaState before, state(deadline));
  if (before.is_newer_major()) return check_schema(before);
  if (before.pending.empty()) return {};
  GANTRY_TRY(lock(deadline));
  GANTRY_LET(const Rows made, run(create_schema_table(dialect()), deadline));
  GANTRY_LET(const SchemaState now, state(deadline));  // somebody else may have been first
  if (now.is_newer_major()) return check_schema(now);
  for (const SchemaStep& step : now.pending) {
    told(step);
    GANTRY_TRY(run_step(step, deadline));
  }
  return unlock(deadline);
}

// Where a step is no transaction, what it did stays, and doing it again does no harm; the note that it ran comes last.
Result<void> SqlSchema::run_step(const SchemaStep& step, Deadline deadline) {
  std::vector<std::string> statements = step.statements;
  statements.push_back("INSERT INTO gantry_schema (migration, major, minor, applied_time) VALUES (" +
                       std::to_string(step.number) + ", " + std::to_string(step.major) + ", " +
                       std::to_string(step.minor) + ", " + std::string(dialect().clock()) + ")");
  if (is_transactional()) {
    statements.insert(statements.begin(), "BEGIN");
    statements.emplace_back("COMMIT");
  }
  for (const std::string& statement : statements) {
    GANTRY_LET(const Rows rows, run(statement, deadline));
    (void)rows;
  }
  return {};
}

}  // namespace gantry::index::sql

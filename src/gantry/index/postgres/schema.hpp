#pragma once

#include "gantry/index/postgres/connection.hpp"

namespace gantry::index::postgres {

/// Brings the schema up to date, one migration at a time, each in a transaction with the note that it ran. A lock on
/// the database lets one migrator work; others wait and find it done. kUnsupported: a newer major.
Result<void> migrate(Connection& connection, Deadline deadline);
/// kUnsupported unless the schema is one that this program can work with.
Result<void> check_schema(Connection& connection, Deadline deadline);

}  // namespace gantry::index::postgres

#pragma once

#include "gantry/index/postgres/connection.hpp"
#include "gantry/index/sql/server_pool.hpp"

namespace gantry::index::postgres {

using Pool = sql::ServerPool<Connection, PostgresSettings>;

}  // namespace gantry::index::postgres

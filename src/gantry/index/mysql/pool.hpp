#pragma once

#include "gantry/index/mysql/connection.hpp"
#include "gantry/index/sql/server_pool.hpp"

namespace gantry::index::mysql {

using Pool = sql::ServerPool<Connection, MysqlSettings>;

}  // namespace gantry::index::mysql

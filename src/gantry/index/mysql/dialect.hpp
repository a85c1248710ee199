#pragma once

#include "gantry/index/sql/network_dialect.hpp"

namespace gantry::index::mysql {

/// What MariaDB 10.6 and MySQL 8.0.13, and later ones, both understand.
[[nodiscard]] const sql::NetworkDialect& dialect() noexcept;

}  // namespace gantry::index::mysql

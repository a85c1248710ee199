#pragma once

#include "gantry/index/sql/network_dialect.hpp"

namespace gantry::index::postgres {

[[nodiscard]] const sql::NetworkDialect& dialect() noexcept;

/// The session's variable that row-level security compares with tenant_id; "*" is all tenants, unset is none.
inline constexpr const char* kTenantVariable = "gantry.tenant";

}  // namespace gantry::index::postgres

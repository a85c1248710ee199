#pragma once

#include <functional>

#include "gantry/index/mongo/connection.hpp"
#include "gantry/index/schema.hpp"

namespace gantry::index::mongo {

[[nodiscard]] Result<SchemaState> schema_state(Session& session);
/// Makes the collections and indexes that are missing and notes the schema, as of `now`. kUnsupported: a newer major.
Result<void> migrate(Session& session, Timestamp now, const std::function<void(const SchemaStep&)>& told);

}  // namespace gantry::index::mongo

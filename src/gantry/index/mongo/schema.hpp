#pragma once

#include "gantry/index/mongo/connection.hpp"

namespace gantry::index::mongo {

/// Makes the collections and indexes that this program needs; may run twice, and beside others. kUnsupported when a
/// newer major made them.
Result<void> migrate(Session& session);
/// kUnsupported: made by a newer major, or older than needed, or not there.
Result<void> check_schema(Session& session);

}  // namespace gantry::index::mongo

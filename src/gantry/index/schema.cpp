#include "gantry/index/schema.hpp"

#include "gantry/index/sql/tables.hpp"

namespace gantry::index {

bool SchemaState::is_newer_major() const { return major() > sql::kSchemaMajor; }

Result<void> check_schema(const SchemaState& state) {
  if (state.is_newer_major()) {
    return Error::unsupported("the index was made by a newer Gantry (schema " + std::to_string(state.major()) +
                              ", this one knows " + std::to_string(sql::kSchemaMajor) + "): update Gantry");
  }
  if (state.pending.empty()) return {};
  return Error::unavailable(state.applied.empty() ? "the database has no schema of Gantry's yet: run `gantry migrate`"
                                                  : "the database has an older schema (" +
                                                        std::to_string(state.major()) + "." +
                                                        std::to_string(state.minor()) + "): run `gantry migrate`");
}

}  // namespace gantry::index

#pragma once

// The schema of an index: what it is now, and bringing it up to date. For `gantry migrate` and for opening.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {

/// One numbered step from a schema to the next.
struct SchemaStep {
  unsigned number = 0;
  int major = 0, minor = 0;  ///< of the schema that it leads to
  std::string title;
  std::vector<std::string> statements;  ///< as the database is told them
};

struct SchemaState {
  struct Applied {
    unsigned number = 0;
    int major = 0, minor = 0;
    Timestamp time;
  };
  std::vector<Applied> applied;     ///< ascending; empty: there is no schema of ours
  std::vector<SchemaStep> pending;  ///< what this program would do, ascending
  /// The highest that was applied.
  [[nodiscard]] int major() const { return applied.empty() ? 0 : applied.back().major; }
  [[nodiscard]] int minor() const { return applied.empty() ? 0 : applied.back().minor; }
  [[nodiscard]] bool is_newer_major() const;
};

/// What serving needs. kUnsupported: a newer major; kUnavailable: to be migrated first.
[[nodiscard]] Result<void> check_schema(const SchemaState& state);

class SchemaAdmin {
 public:
  virtual ~SchemaAdmin() = default;
  virtual Result<SchemaState> state(Deadline deadline) = 0;
  /// Does what is pending, step by step; a step that was cut off is done again by the next call, and steps that were
  /// done are not. Of several at once one works, and the others wait and find it done. `told` hears of each step before
  /// it begins. kUnsupported: a newer major.
  virtual Result<void> migrate(Deadline deadline, const std::function<void(const SchemaStep&)>& told) = 0;
};

}  // namespace gantry::index

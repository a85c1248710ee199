#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "gantry/index/instance_index.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct SweepReport {
  std::uint64_t deleted = 0;  ///< objects of the delete queue
  std::uint64_t unheld = 0;   ///< objects without a row, older than the age
  std::uint64_t put_off = 0;  ///< objects that could not be removed: the next round tries again
  std::string why;            ///< the first of those errors
};

/// Unlinks what the delete queue has due, and the renditions of it. Blocking. Errors of single objects are put off, not given.
Result<SweepReport> unlink_due(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects);
/// Removes objects older than `age` that no row and no queue entry holds (a crash's litter), and staged leftovers.
/// Needs no lock: a name that no row holds after its commit window stays unheld (DESIGN §2). A rendition is held by its
/// original's row. `seen` hears of every object.
Result<SweepReport> sweep_unheld(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                                 std::chrono::seconds age,
                                 const std::function<void(const storage::ObjectInfo&)>& seen = {});

}  // namespace gantry::archive

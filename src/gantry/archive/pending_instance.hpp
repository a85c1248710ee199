#pragma once

#include <string>

#include "gantry/archive/memory_budget.hpp"
#include "gantry/archive/store_service.hpp"

namespace gantry::archive {

/// An instance whose bytes all came: on its way to its name and its row.
struct PendingInstance {
  RequestContext ctx;
  index::InstanceRecord record;
  MemoryBudget::Share share;
  StoreOutcome outcome;  ///< UIDs and warnings so far
  OneShot<StoreOutcome> shot;
};

inline void fail(StoreOutcome& outcome, std::uint16_t reason, std::string detail, bool try_later = false) {
  outcome.status = StoreOutcome::Status::kFailed;
  outcome.failure_reason = reason;
  outcome.detail = std::move(detail);
  outcome.try_later = try_later;
}

}  // namespace gantry::archive

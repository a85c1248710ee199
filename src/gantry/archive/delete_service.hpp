#pragma once

#include <chrono>
#include <optional>

#include "gantry/archive/store_service.hpp"

namespace gantry::archive {

/// Deletes rows first, objects later (DESIGN §4): readers that hold an object open finish. Thread-safe; blocking.
class DeleteService {
 public:
  DeleteService(index::InstanceIndex& index, std::chrono::seconds object_grace,
                StoreService::Listener* listener = nullptr);
  /// Deletes a study, a series or an instance and says how many instances went. kNotFound when there is none.
  Result<std::uint64_t> remove(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop);

 private:
  index::InstanceIndex& index_;
  std::chrono::seconds object_grace_;
  StoreService::Listener* listener_;
};

}  // namespace gantry::archive

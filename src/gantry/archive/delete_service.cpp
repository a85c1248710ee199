#include "gantry/archive/delete_service.hpp"

namespace gantry::archive {

DeleteService::DeleteService(index::InstanceIndex& index, std::chrono::seconds object_grace,
                             StoreService::Listener* listener)
    : index_(index), object_grace_(object_grace), listener_(listener) {}

Result<std::uint64_t> DeleteService::remove(const RequestContext& ctx, const StudyUid& study,
                                            const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop) {
  if (ctx.only_study) return Error::denied("a shared study can be read, not deleted");
  if (study.empty() || (sop && !series)) return Error::invalid("an instance is named by its study, series and own UID");
  auto removed = index_.remove(ctx, study, series, sop, object_grace_);
  // Also after an error: the rows may be gone all the same, and caches must not be what remembers them.
  if (listener_ != nullptr && (!removed || *removed > 0)) {
    listener_->committed(ctx, study, series.value_or(SeriesUid()), sop.value_or(SopUid()));
  }
  if (removed && *removed == 0) {
    return Error::not_found(std::string("there is no such ") + (sop ? "instance" : series ? "series" : "study"));
  }
  return removed;
}

}  // namespace gantry::archive

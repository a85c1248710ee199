#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gantry/archive/series_document.hpp"
#include "gantry/archive/study_cache.hpp"

namespace gantry::archive {

/// The documents of a series, or of all series of a study in order, each of the version that its series has. Immutable.
struct PreparedMetadata {
  std::uint64_t version = 0;  ///< of the study or series
  std::uint64_t damaged = 0;  ///< instances that are left out
  std::vector<SeriesDocument> series;
};
using PreparedPtr = std::shared_ptr<const PreparedMetadata>;
using PreparedCache = StudyCache<PreparedMetadata>;

}  // namespace gantry::archive

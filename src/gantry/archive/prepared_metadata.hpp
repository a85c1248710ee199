#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gantry/archive/series_document.hpp"
#include "gantry/archive/study_cache.hpp"

namespace gantry::archive {

/// The documents of a series, or of all series of a study in order, each of the version that its series has. Immutable,
/// but for when it was confirmed.
struct PreparedMetadata {
  std::uint64_t version = 0;  ///< of the study or series
  std::uint64_t damaged = 0;  ///< instances that are left out
  std::vector<SeriesDocument> series;
  /// The whole answer as gzip, once somebody asked for it, when it is short (dicomweb/wado/prepared_body.cpp).
  mutable std::atomic<std::shared_ptr<const std::string>> gzip;
  /// See LocatedInstance.
  mutable std::atomic<std::uint64_t> confirmed_at{0};
};
using PreparedPtr = std::shared_ptr<const PreparedMetadata>;
using PreparedCache = StudyCache<PreparedMetadata>;

}  // namespace gantry::archive

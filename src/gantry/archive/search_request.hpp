#pragma once

// A search as its asker says it, QIDO-RS and C-FIND alike: plain values, nothing checked yet.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/ids.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

struct SearchKey {
  std::string attribute;  ///< keyword, tag of 8 hex digits, or a dotted path of either
  std::string value;      ///< "" is universal matching
};

struct SearchRequest {
  index::Level level = index::Level::kStudy;
  std::optional<StudyUid> study;    ///< scope
  std::optional<SeriesUid> series;  ///< scope
  std::vector<SearchKey> keys;
  std::vector<std::string> include;  ///< attributes to return besides the required ones, or "all"
  std::vector<std::string> order;    ///< attributes, descending with '-' in front; before the default order
  bool fuzzy = false;
  bool empty_matching = false;  ///< a value of two quotation marks asks for absent or empty (PS3.4 C.2.2.2.7)
  bool multiple_matching = false;
  bool combined_date_time = false;  ///< date and time ranges of a pair are one range (extension)
  std::optional<std::uint64_t> limit;
  std::uint64_t offset = 0;
  std::string root = "/dicom-web";  ///< what RetrieveURLs begin with
};

struct SearchLimits {
  std::uint64_t limit_default = 100;  ///< of searches without a study
  std::uint64_t limit_most = 1000;
  std::uint64_t offset_most = 1'000'000;
};

}  // namespace gantry::archive

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/archive/search_plan.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::archive {

/// What stored JSON names in front of its URIs; answers put another root in its place.
inline constexpr std::string_view kStoredRoot = "/dicom-web";

/// Puts `root` in the place of kStoredRoot in every BulkDataURI of DICOM JSON as our indexer writes it.
void replace_root(std::string& json, std::string_view root);

/// An attribute that hits of a level have from columns: for the conformance statement.
struct ReturnedAttribute {
  std::uint32_t tag = 0;
  index::Level level = index::Level::kStudy;
  std::string_view when;  ///< always, when it has a value, on request
};
[[nodiscard]] std::vector<ReturnedAttribute> returned_attributes();

/// A hit as a DICOM JSON object (PS3.18 F.2): the required attributes of its level, those of the levels above that the
/// scope does not name (PS3.18 Tables 10.6.3-3 to -5), and the included ones, ascending, without (0008,0005). `stored`
/// is the instance's JSON, "" when the search did not need it. kInternal when that is damaged.
[[nodiscard]] Result<std::string> search_row_json(const index::SearchRow& row, const SearchPlan& plan,
                                                  std::string_view root, std::string_view stored);

}  // namespace gantry::archive

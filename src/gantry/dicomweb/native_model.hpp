#pragma once

#include <string>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::dicomweb {

/// A DICOM JSON object (PS3.18 Annex F, as our indexer writes it) as a Native DICOM Model document (PS3.19 A.1): the
/// same attributes in the same order, with keywords, and private creators named. kInternal when the JSON is damaged.
[[nodiscard]] Result<std::string> native_model_xml(std::string_view json_object);

}  // namespace gantry::dicomweb

#pragma once

#include "gantry/dicom/tag.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::archive {

/// Which level of the Patient-Study-Series-Instance model an attribute belongs to (PS3.3 C.7.1 to C.7.5 and the
/// clinical trial modules; patient and study are one level here, equipment counts as series). Search results have no
/// attributes of lower levels (PS3.18 §10.6.3.3), and private attributes belong to the instance.
[[nodiscard]] index::Level attribute_level(dicom::Tag tag) noexcept;

}  // namespace gantry::archive

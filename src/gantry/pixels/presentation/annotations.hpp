#pragma once

// Reading the parts of a presentation state that consist of items: references, graphics, texts.

#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"

namespace gantry::pixels {

/// The items of a sequence; none when it is not there.
[[nodiscard]] const std::vector<AttributeItem>& items_of(const AttributeItem& item, dicom::Tag sequence) noexcept;

/// The Referenced Image Sequence of an item.
[[nodiscard]] ImageReferences read_references(const AttributeItem& item);

/// The Graphic Annotation Sequence of a state (PS3.3 C.10.5). kUnsupported for graphics that can't be drawn.
[[nodiscard]] Result<std::vector<Annotation>> read_annotations(const AttributeItem& data_set);

}  // namespace gantry::pixels

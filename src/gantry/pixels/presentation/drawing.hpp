#pragma once

#include "gantry/base/result.hpp"
#include "gantry/pixels/presentation/placement.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {

/// Draws the overlay planes that the state activates (PS3.3 C.11.7), its own or the image's, on a picture of the
/// image's own size.
void draw_activated_overlays(const PresentationState& state, const Frame& frame, const AttributeItem& image,
                             std::uint32_t number, Picture& picture);

/// Draws the state's graphics and texts for a frame, layer by layer (C.10.5, C.10.7), on the placed picture. Texts need
/// `font`; kUnsupported when there are some and it is null. kTooLarge when drawing them would take too long.
[[nodiscard]] Result<void> draw_annotations(const PresentationState& state, std::string_view sop, std::uint32_t number,
                                            const Placement& placement, const TextFont* font, Picture& picture);

}  // namespace gantry::pixels

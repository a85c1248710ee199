#pragma once

#include "gantry/pixels/presentation/placement.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/line.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {

/// Writes a text object (PS3.3 C.10.5.1.1): from the top left to the bottom right corner of its box, however the image
/// was turned (upright where it was mirrored), as large as fits between 10 and 96 pixels; beside its anchor when there
/// is no box. A visible anchor is joined to the text by a line. The time that it takes is taken from `budget`; nothing
/// is drawn when that is spent.
void draw_text_object(const TextObject& object, const Placement& placement, const TextFont& font, double thickness,
                      const Ink& ink, DrawBudget& budget, Picture& picture);

}  // namespace gantry::pixels

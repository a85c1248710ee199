#pragma once

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// Draws the overlay planes of the data set (PS3.3 C.9.2) in white. Planes that can't be read are left out.
void draw_overlays(const Frame& frame, const ImageAttributes& image, std::uint32_t number, Picture& picture);

}  // namespace gantry::pixels

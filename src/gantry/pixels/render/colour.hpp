#pragma once

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// A frame of three samples as RGB: YBR forms converted (PS3.3 C.7.6.3.1.2), more than 8 bits shifted down.
[[nodiscard]] Result<Picture> render_colour(const Frame& frame);
/// A frame whose values are places in the Palette Color Look-up Tables (PS3.3 C.7.9).
[[nodiscard]] Result<Picture> render_palette(const Frame& frame, const ImageAttributes& image);

}  // namespace gantry::pixels

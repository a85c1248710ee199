#pragma once

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// The part of a picture that a viewport shows, at most as large as the viewport, mirrored where it says so. Shrinking
/// averages, enlarging interpolates. kInvalid when the part lies outside of the picture.
[[nodiscard]] Result<Picture> show_in(const Picture& picture, const Viewport& viewport);

}  // namespace gantry::pixels

#pragma once

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// A part of a picture, in its pixels; it lies in the picture and is not empty.
struct Region {
  double x = 0, y = 0;
  double width = 0, height = 0;
};

/// A region as so many pixels, mirrored where wished. Shrinking averages, enlarging interpolates.
[[nodiscard]] Picture resampled(const Picture& picture, const Region& region, std::uint32_t width, std::uint32_t height,
                                bool flip_x = false, bool flip_y = false);

/// The part of a picture that a viewport shows, at most as large as the viewport, mirrored where it says so. Shrinking
/// averages, enlarging interpolates. kInvalid when the part lies outside of the picture.
[[nodiscard]] Result<Picture> show_in(const Picture& picture, const Viewport& viewport);

}  // namespace gantry::pixels

#pragma once

#include <cstdint>
#include <functional>

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// Calls `visit` for each pixel of a picture of the image's own size that the overlay plane of `group` (60xx) covers,
/// for frame `number`. False when the data set has no such plane, or none that can be read.
bool for_each_overlay_pixel(const Frame& frame, const AttributeItem& set, std::uint16_t group, std::uint32_t number,
                            const Picture& picture, const std::function<void(std::int64_t x, std::int64_t y)>& visit);

/// Draws the overlay planes of the data set (PS3.3 C.9.2) in white. Planes that can't be read are left out.
void draw_overlays(const Frame& frame, const ImageAttributes& image, std::uint32_t number, Picture& picture);

}  // namespace gantry::pixels

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// A frame of three samples as RGB: YBR forms converted (PS3.3 C.7.6.3.1.2), more than 8 bits shifted down.
[[nodiscard]] Result<Picture> render_colour(const Frame& frame);
/// Palette Color Look-up Tables as 8 bits (PS3.3 C.7.9): entries from `first` on, red, green and blue. None is empty.
struct Palette {
  std::int64_t first = 0;
  std::array<std::vector<std::uint8_t>, 3> channels;
};
/// kUnsupported when the data set has none, or one that can't be read.
[[nodiscard]] Result<Palette> read_palette(const AttributeItem& set);
/// A frame whose values are places in the Palette Color Look-up Tables (PS3.3 C.7.9).
[[nodiscard]] Result<Picture> render_palette(const Frame& frame, const ImageAttributes& image);

}  // namespace gantry::pixels

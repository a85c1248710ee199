#pragma once

#include <array>
#include <cstdint>

#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// What something is drawn with on pictures of either kind.
struct Ink {
  std::uint16_t grey = 65535;  ///< a P-Value
  std::array<std::uint8_t, 3> rgb{255, 255, 255};
};

/// The ink that a data set recommends: a P-Value, and a colour of its own in CIELab (PS3.3 C.10.7.1.1) where there is
/// one. `otherwise` when there is neither.
[[nodiscard]] Ink read_ink(const AttributeItem& item, dicom::Tag grey, dicom::Tag cielab, const Ink& otherwise);

/// CIELab as DICOM encodes it (PS3.3 C.10.7.1.1: L* from 0 to 100 and a*, b* from -128 to 127, as 16 bits each) as
/// sRGB.
[[nodiscard]] std::array<std::uint8_t, 3> rgb_of_cielab(std::array<std::uint16_t, 3> lab) noexcept;

/// Covers a pixel with ink, wholly (255) or in part. Nothing happens outside of the picture.
void put_ink(Picture& picture, std::int64_t x, std::int64_t y, const Ink& ink, unsigned coverage = 255) noexcept;

}  // namespace gantry::pixels

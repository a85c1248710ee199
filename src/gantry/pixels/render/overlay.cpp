#include "gantry/pixels/render/overlay.hpp"

#include <cstring>

#include "gantry/pixels/codecs/samples.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;

constexpr std::int64_t kSideMost = 65535;

struct Plane {
  std::int64_t rows = 0, columns = 0;
  std::int64_t top = 0, left = 0;   ///< from 0
  const Attribute* data = nullptr;  ///< null: bits of the pixels themselves
  unsigned bit = 0;
  std::uint64_t first_bit = 0;  ///< of this frame's part
};

/// nullopt: none, or none for this frame.
std::optional<Plane> plane_of(const AttributeItem& set, std::uint16_t group, std::uint32_t number) {
  Plane plane;
  plane.rows = set.integer({group, 0x0010}).value_or(0);
  plane.columns = set.integer({group, 0x0011}).value_or(0);
  if (plane.rows <= 0 || plane.columns <= 0 || plane.rows > kSideMost || plane.columns > kSideMost) return std::nullopt;
  plane.top = set.integer({group, 0x0050}, 0).value_or(1) - 1;
  plane.left = set.integer({group, 0x0050}, 1).value_or(1) - 1;
  plane.bit = static_cast<unsigned>(set.integer({group, 0x0102}).value_or(0));
  plane.data = set.find({group, 0x3000});
  if (plane.data == nullptr) {
    const bool embedded = set.integer({group, 0x0100}).value_or(1) > 1;
    return embedded ? std::optional<Plane>(plane) : std::nullopt;
  }
  // A plane for each of several frames from an origin on (C.9.3), or one for all.
  const auto frames = set.integer({group, 0x0015});
  if (frames && *frames > 1) {
    const auto origin = set.integer({group, 0x0051}).value_or(1);
    const auto index = static_cast<std::int64_t>(number) - origin;
    if (index < 0 || index >= *frames) return std::nullopt;
    plane.first_bit = static_cast<std::uint64_t>(index * plane.rows * plane.columns);
  }
  const auto bits = static_cast<std::uint64_t>(plane.rows * plane.columns);
  if (plane.data->bytes.size() * 8 < plane.first_bit + bits) return std::nullopt;
  return plane;
}

bool is_set(const Plane& plane, const Frame& frame, std::int64_t row, std::int64_t column) {
  if (plane.data != nullptr) {
    const auto bit = plane.first_bit + static_cast<std::uint64_t>(row * plane.columns + column);
    return (static_cast<unsigned char>(plane.data->bytes[static_cast<std::size_t>(bit / 8)]) >> bit % 8 & 1) != 0;
  }
  const auto at = static_cast<std::uint64_t>(row) * frame.shape.columns + static_cast<std::uint64_t>(column);
  return (codecs::sample_at<std::uint16_t>(frame.bytes.data(), at) >> plane.bit & 1) != 0;
}

void whiten(Picture& picture, std::size_t pixel) {
  const std::size_t bytes = picture.channels * (picture.bits / 8);
  std::memset(picture.bytes.data() + pixel * bytes, 0xFF, bytes);
}

}  // namespace

bool for_each_overlay_pixel(const Frame& frame, const AttributeItem& set, std::uint16_t group, std::uint32_t number,
                            const Picture& picture, const std::function<void(std::int64_t x, std::int64_t y)>& visit) {
  const auto plane = plane_of(set, group, number);
  if (!plane) return false;
  if (plane->data == nullptr) {
    const auto& shape = frame.shape;
    const bool fits = shape.bits_allocated == 16 && shape.samples == 1 && plane->bit > shape.high_bit &&
                      plane->bit < 16 && plane->rows <= shape.rows && plane->columns <= shape.columns;
    if (!fits) return false;
  }
  for (std::int64_t row = 0; row < plane->rows; ++row) {
    const std::int64_t y = row + plane->top;
    if (y < 0 || y >= picture.height) continue;
    for (std::int64_t column = 0; column < plane->columns; ++column) {
      const std::int64_t x = column + plane->left;
      if (x >= 0 && x < picture.width && is_set(*plane, frame, row, column)) visit(x, y);
    }
  }
  return true;
}

void draw_overlays(const Frame& frame, const ImageAttributes& image, std::uint32_t number, Picture& picture) {
  for (unsigned group = 0x6000; group <= 0x601E; group += 2) {
    for_each_overlay_pixel(frame, *image.data_set, static_cast<std::uint16_t>(group), number, picture,
                           [&](std::int64_t x, std::int64_t y) {
                             whiten(picture, static_cast<std::size_t>(y) * picture.width + static_cast<std::size_t>(x));
                           });
  }
}

}  // namespace gantry::pixels

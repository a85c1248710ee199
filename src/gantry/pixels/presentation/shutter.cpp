#include "gantry/pixels/presentation/shutter.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gantry/pixels/render/overlay.hpp"
#include "gantry/pixels/render/polygon.hpp"

namespace gantry::pixels {
namespace {

void hide(Picture& picture, std::int64_t from, std::int64_t to, std::int64_t y, const Ink& ink) {
  for (std::int64_t x = std::max<std::int64_t>(0, from); x < std::min<std::int64_t>(to, picture.width); ++x) {
    put_ink(picture, x, y, ink);
  }
}

void keep_rectangle(const Shutter::Rectangle& seen, const Ink& ink, Picture& picture) {
  for (std::int64_t y = 0; y < picture.height; ++y) {
    if (y + 1 < seen.top || y + 1 > seen.bottom) {
      hide(picture, 0, picture.width, y, ink);
    } else {
      hide(picture, 0, seen.left - 1, y, ink);
      hide(picture, std::max<std::int64_t>(0, seen.right), picture.width, y, ink);
    }
  }
}

void keep_circle(const Shutter::Circle& seen, const Ink& ink, Picture& picture) {
  for (std::int64_t y = 0; y < picture.height; ++y) {
    const double away = static_cast<double>(y + 1) - seen.row;
    const double square = seen.radius * seen.radius - away * away;
    if (!(square >= 0)) {
      hide(picture, 0, picture.width, y, ink);
      continue;
    }
    const double half = std::sqrt(square);
    const double side = picture.width;
    const auto first = static_cast<std::int64_t>(std::clamp(std::ceil(seen.column - half), 1.0, side + 1)) - 1;
    const auto last = static_cast<std::int64_t>(std::clamp(std::floor(seen.column + half), 0.0, side));
    hide(picture, 0, first, y, ink);
    hide(picture, last, picture.width, y, ink);
  }
}

Result<void> keep_polygon(const std::vector<Place>& vertices, const Ink& ink, Picture& picture) {
  std::vector<bool> seen(std::size_t{picture.width} * picture.height);
  // Vertices are the middles of pixels, which are numbered from 1, and are seen: those of the upper edges in the first
  // pass, those of the lower ones in the second.
  for (const double below : {0.0, 1e-6}) {
    std::vector<PolygonPoint> corners;
    corners.reserve(vertices.size());
    for (const auto& vertex : vertices) corners.push_back({vertex.x - 0.5, vertex.y - 0.5 + below});
    GANTRY_TRY(
        for_each_span(corners, picture.width, picture.height, [&](std::int64_t y, std::int64_t from, std::int64_t to) {
          const std::int64_t line = y * picture.width;
          for (std::int64_t x = from; x < to; ++x) seen[static_cast<std::size_t>(line + x)] = true;
        }));
  }
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x) {
      if (!seen[static_cast<std::size_t>(y * picture.width + x)]) put_ink(picture, x, y, ink);
    }
  }
  return {};
}

}  // namespace

Result<void> close_shutter(const PresentationState& state, const Frame& frame, std::uint32_t number, Picture& picture) {
  const auto& shutter = state.shutter;
  if (shutter.rectangle) keep_rectangle(*shutter.rectangle, shutter.ink, picture);
  if (shutter.circle) keep_circle(*shutter.circle, shutter.ink, picture);
  if (!shutter.polygon.empty()) GANTRY_TRY(keep_polygon(shutter.polygon, shutter.ink, picture));
  if (shutter.overlay_group) {
    const bool drawn =
        for_each_overlay_pixel(frame, *state.data_set, *shutter.overlay_group, number, picture,
                               [&](std::int64_t x, std::int64_t y) { put_ink(picture, x, y, shutter.ink); });
    if (!drawn) return Error::unsupported("the presentation state can't be applied: its shutter's overlay is missing");
  }
  return {};
}

}  // namespace gantry::pixels

#include "gantry/pixels/render/line.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gantry::pixels {
namespace {

/// Cuts a line to what lies between `least` and `most` in x; false when nothing does.
bool cut(PolygonPoint& from, PolygonPoint& to, double least, double most) {
  if (from.x > to.x) return cut(to, from, least, most);
  if (to.x < least || from.x > most) return false;
  const double slope = to.x > from.x ? (to.y - from.y) / (to.x - from.x) : 0;
  if (from.x < least) from = {least, from.y + (least - from.x) * slope};
  if (to.x > most) to = {most, to.y - (to.x - most) * slope};
  return true;
}

void swap_axes(PolygonPoint& point) { std::swap(point.x, point.y); }

}  // namespace

void draw_line(PolygonPoint from, PolygonPoint to, double thickness, const Ink& ink, DrawBudget& budget,
               Picture& picture) {
  const double margin = thickness + 1;
  // Cut to the picture in both directions, so that a line costs no more than it shows.
  if (!cut(from, to, -margin, picture.width + margin)) return;
  swap_axes(from);
  swap_axes(to);
  const bool seen = cut(from, to, -margin, picture.height + margin);
  swap_axes(from);
  swap_axes(to);
  if (!seen) return;
  const bool steep = std::abs(to.y - from.y) > std::abs(to.x - from.x);
  if (steep) {
    swap_axes(from);
    swap_axes(to);
  }
  if (from.x > to.x) std::swap(from, to);
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  const double half = thickness / 2;
  const double slope = to.x > from.x ? (to.y - from.y) / (to.x - from.x) : 0;
  // A line's sides are this far from its middle, measured along the other axis.
  const double reach = (half + 1) * std::sqrt(1 + slope * slope);
  const auto first = static_cast<std::int64_t>(std::floor(from.x - half));
  const auto last = static_cast<std::int64_t>(std::ceil(to.x + half));
  for (std::int64_t u = first; u < last; ++u) {
    if (!budget.take(static_cast<std::uint64_t>(2 * reach) + 1)) return;
    const double middle = from.y + (std::clamp(u + 0.5, from.x, to.x) - from.x) * slope;
    const auto low = static_cast<std::int64_t>(std::floor(middle - reach));
    const auto high = static_cast<std::int64_t>(std::ceil(middle + reach));
    for (std::int64_t v = low; v < high; ++v) {
      const double x = u + 0.5 - from.x;
      const double y = v + 0.5 - from.y;
      const double along = length > 0 ? (x * (to.x - from.x) + y * (to.y - from.y)) / length : 0;
      const double across = length > 0 ? std::abs(x * (to.y - from.y) - y * (to.x - from.x)) / length : std::abs(y);
      const double beyond = std::max({0.0, -along, along - length});
      const double away = length > 0 ? std::hypot(across, beyond) : std::hypot(x, y);
      const double part = std::clamp(half + 0.5 - away, 0.0, 1.0);
      if (part > 0) put_ink(picture, steep ? v : u, steep ? u : v, ink, static_cast<unsigned>(std::lround(part * 255)));
    }
  }
}

}  // namespace gantry::pixels

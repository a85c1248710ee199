#include "gantry/pixels/render/polygon.hpp"

#include <algorithm>
#include <cmath>

namespace gantry::pixels {
namespace {

constexpr std::uint64_t kCrossingsMost = 200'000'000;  // edges looked at for all rows

std::int64_t first_middle_from(double x, double width) {
  return static_cast<std::int64_t>(std::clamp(std::ceil(x - 0.5), 0.0, width));
}

}  // namespace

Result<void> for_each_span(const std::vector<PolygonPoint>& corners, std::uint32_t width, std::uint32_t height,
                           const std::function<void(std::int64_t y, std::int64_t from, std::int64_t to)>& span) {
  if (corners.size() < 3) return {};
  if (corners.size() * std::uint64_t{height} > kCrossingsMost) {
    return Error::too_large("a polygon of " + std::to_string(corners.size()) + " corners is too large for a picture");
  }
  std::vector<double> crossings;
  for (std::uint32_t row = 0; row < height; ++row) {
    const double y = row + 0.5;
    crossings.clear();
    for (std::size_t i = 0; i < corners.size(); ++i) {
      const auto& a = corners[i];
      const auto& b = corners[(i + 1) % corners.size()];
      if ((a.y <= y) == (b.y <= y)) continue;
      crossings.push_back(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
      const auto from = first_middle_from(crossings[i], width);
      // A middle on the right edge belongs to it, as one on the left does.
      const auto to = std::min<std::int64_t>(first_middle_from(std::nextafter(crossings[i + 1], 1e300), width), width);
      if (from < to) span(row, from, to);
    }
  }
  return {};
}

}  // namespace gantry::pixels

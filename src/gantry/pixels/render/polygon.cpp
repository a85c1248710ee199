#include "gantry/pixels/render/polygon.hpp"

#include <algorithm>
#include <cmath>

namespace gantry::pixels {
namespace {

constexpr std::uint64_t kCrossingsMost = 4'000'000;

/// The rows [first, end) whose middles an edge crosses; its upper end belongs to it, its lower one does not.
struct Rows {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
};

Rows rows_of(const PolygonPoint& a, const PolygonPoint& b, std::uint32_t height) noexcept {
  const auto row_from = [&](double y) {
    return static_cast<std::uint32_t>(std::clamp(std::ceil(y - 0.5), 0.0, static_cast<double>(height)));
  };
  return {row_from(std::min(a.y, b.y)), row_from(std::max(a.y, b.y))};
}

template <class Visit>
void for_each_edge(const std::vector<PolygonPoint>& corners, Visit visit) {
  for (std::size_t i = 0; i < corners.size(); ++i) visit(corners[i], corners[(i + 1) % corners.size()]);
}

std::int64_t first_middle_from(double x, double width) {
  return static_cast<std::int64_t>(std::clamp(std::ceil(x - 0.5), 0.0, width));
}

}  // namespace

std::uint64_t count_crossings(const std::vector<PolygonPoint>& corners, std::uint32_t height) noexcept {
  std::uint64_t count = 0;
  for_each_edge(corners, [&](const PolygonPoint& a, const PolygonPoint& b) {
    const Rows rows = rows_of(a, b, height);
    count += rows.end - rows.first;
  });
  return count;
}

Result<void> for_each_span(const std::vector<PolygonPoint>& corners, std::uint32_t width, std::uint32_t height,
                           const std::function<void(std::int64_t y, std::int64_t from, std::int64_t to)>& span) {
  if (corners.size() < 3) return {};
  if (count_crossings(corners, height) > kCrossingsMost) {
    return Error::too_large("a polygon of " + std::to_string(corners.size()) + " corners is too large for a picture");
  }
  // Crossings lie row after row: first how many each has, then where they are.
  std::vector<std::size_t> begin(std::size_t{height} + 1);
  for_each_edge(corners, [&](const PolygonPoint& a, const PolygonPoint& b) {
    const Rows rows = rows_of(a, b, height);
    for (std::uint32_t row = rows.first; row < rows.end; ++row) ++begin[row + 1];
  });
  for (std::uint32_t row = 0; row < height; ++row) begin[row + 1] += begin[row];
  std::vector<double> crossings(begin[height]);
  std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
  for_each_edge(corners, [&](const PolygonPoint& a, const PolygonPoint& b) {
    const Rows rows = rows_of(a, b, height);
    for (std::uint32_t row = rows.first; row < rows.end; ++row) {
      crossings[next[row]++] = a.x + (row + 0.5 - a.y) / (b.y - a.y) * (b.x - a.x);
    }
  });
  for (std::uint32_t row = 0; row < height; ++row) {
    const auto first = crossings.begin() + static_cast<std::ptrdiff_t>(begin[row]);
    const auto end = crossings.begin() + static_cast<std::ptrdiff_t>(begin[row + 1]);
    std::sort(first, end);
    for (auto at = first; end - at >= 2; at += 2) {
      const auto from = first_middle_from(*at, width);
      // A middle on the right edge belongs to it, as one on the left does.
      const auto to = first_middle_from(std::nextafter(*(at + 1), 1e300), width);
      if (from < to) span(row, from, to);
    }
  }
  return {};
}

}  // namespace gantry::pixels

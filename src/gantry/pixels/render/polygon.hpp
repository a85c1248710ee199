#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::pixels {

/// A place on a picture, whose first pixel reaches from 0 to 1.
struct PolygonPoint {
  double x = 0;
  double y = 0;
};

/// How often the edges of a polygon cross the rows of a picture: what going through it costs.
[[nodiscard]] std::uint64_t count_crossings(const std::vector<PolygonPoint>& corners, std::uint32_t height) noexcept;

/// The pixels whose middles lie in a polygon (even-odd rule), row by row from the top, as spans [from, to) from left to
/// right. Spans lie in the picture. kTooLarge when its edges cross more rows than one picture may cost.
[[nodiscard]] Result<void> for_each_span(
    const std::vector<PolygonPoint>& corners, std::uint32_t width, std::uint32_t height,
    const std::function<void(std::int64_t y, std::int64_t from, std::int64_t to)>& span);

}  // namespace gantry::pixels

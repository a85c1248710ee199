#pragma once

#include <cstdint>

#include "gantry/pixels/render/ink.hpp"
#include "gantry/pixels/render/polygon.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// What all that is drawn on a picture may cost together, in pixels or what takes as long.
class DrawBudget {
 public:
  /// False when it is spent.
  bool take(std::uint64_t pixels) noexcept {
    left_ = pixels < left_ ? left_ - pixels : 0;
    return left_ > 0;
  }
  [[nodiscard]] bool is_spent() const noexcept { return left_ == 0; }

 private:
  std::uint64_t left_ = 10'000'000;
};

/// Draws a line from edge to edge with smooth sides. `thickness` in pixels, from 1. Nothing when the budget is spent.
void draw_line(PolygonPoint from, PolygonPoint to, double thickness, const Ink& ink, DrawBudget& budget,
               Picture& picture);

}  // namespace gantry::pixels

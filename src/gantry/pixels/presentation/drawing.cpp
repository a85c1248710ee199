#include "gantry/pixels/presentation/drawing.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gantry/pixels/presentation/text_placing.hpp"
#include "gantry/pixels/render/line.hpp"
#include "gantry/pixels/render/overlay.hpp"
#include "gantry/pixels/render/polygon.hpp"

namespace gantry::pixels {
namespace {

constexpr double kTurn = 6.283185307179586;
constexpr int kCurveSteps = 16;  // of a curve between two points

double distance(Place a, Place b) { return std::hypot(a.x - b.x, a.y - b.y); }

/// An ellipse by its centre and two half axes as vectors.
std::vector<Place> ellipse(Place centre, Place one, Place other, double scale) {
  const double length = std::max(std::hypot(one.x, one.y), std::hypot(other.x, other.y)) * scale;
  const int steps = static_cast<int>(std::clamp(length * 2, 16.0, 2048.0));
  std::vector<Place> places;
  for (int i = 0; i <= steps; ++i) {
    const double angle = kTurn * i / steps;
    places.push_back({centre.x + one.x * std::cos(angle) + other.x * std::sin(angle),
                      centre.y + one.y * std::cos(angle) + other.y * std::sin(angle)});
  }
  return places;
}

/// A curve through all points (Catmull and Rom's), closed where the first is the last.
std::vector<Place> interpolated(const std::vector<Place>& points) {
  const auto count = points.size();
  const bool closed = count > 2 && distance(points.front(), points.back()) < 1e-6;
  const auto at = [&](std::ptrdiff_t index) {
    const auto last = static_cast<std::ptrdiff_t>(count) - 1;
    if (closed) index = (index % last + last) % last;
    return points[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(index, 0, last))];
  };
  std::vector<Place> places{points.front()};
  for (std::ptrdiff_t i = 0; i + 1 < static_cast<std::ptrdiff_t>(count); ++i) {
    const Place before = at(i - 1), from = at(i), to = at(i + 1), after = at(i + 2);
    for (int step = 1; step <= kCurveSteps; ++step) {
      const double t = static_cast<double>(step) / kCurveSteps;
      const auto mix = [t](double a, double b, double c, double d) {
        return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
      };
      places.push_back({mix(before.x, from.x, to.x, after.x), mix(before.y, from.y, to.y, after.y)});
    }
  }
  return places;
}

/// The outline in the graphic's own units.
std::vector<Place> outline_of(const GraphicObject& graphic, double scale) {
  const auto& points = graphic.points;
  switch (graphic.shape) {
    case GraphicObject::Shape::kCircle: {
      const double radius = distance(points[0], points[1]);
      return ellipse(points[0], {radius, 0}, {0, radius}, scale);
    }
    case GraphicObject::Shape::kEllipse: {
      // The ends of the major axis, then of the minor one (C.10.5.1.2).
      const Place centre{(points[0].x + points[1].x) / 2, (points[0].y + points[1].y) / 2};
      return ellipse(centre, {(points[1].x - points[0].x) / 2, (points[1].y - points[0].y) / 2},
                     {(points[3].x - points[2].x) / 2, (points[3].y - points[2].y) / 2}, scale);
    }
    case GraphicObject::Shape::kInterpolated: return interpolated(points);
    default: return points;
  }
}

void draw_point(Place place, double thickness, const Ink& ink, DrawBudget& budget, Picture& picture) {
  const double arm = 4 * thickness;
  draw_line({place.x - arm, place.y}, {place.x + arm, place.y}, thickness, ink, budget, picture);
  draw_line({place.x, place.y - arm}, {place.x, place.y + arm}, thickness, ink, budget, picture);
}

Result<void> draw_graphic(const GraphicObject& graphic, const Placement& placement, double thickness, const Ink& ink,
                          DrawBudget& budget, Picture& picture) {
  if (graphic.shape == GraphicObject::Shape::kPoint) {
    for (const auto& point : graphic.points) {
      draw_point(placement.on_picture(point, graphic.units), thickness, ink, budget, picture);
    }
    return {};
  }
  const double scale =
      graphic.units == PlaceUnits::kDisplay ? std::max(placement.width, placement.height) : placement.scale();
  std::vector<PolygonPoint> corners;
  for (const auto& point : outline_of(graphic, scale)) {
    const Place place = placement.on_picture(point, graphic.units);
    corners.push_back({place.x, place.y});
  }
  if (graphic.filled && budget.take(corners.size() + count_crossings(corners, picture.height))) {
    const auto fill = [&](std::int64_t y, std::int64_t from, std::int64_t to) {
      if (!budget.take(static_cast<std::uint64_t>(to - from))) return;
      for (std::int64_t x = from; x < to; ++x) put_ink(picture, x, y, ink);
    };
    GANTRY_TRY(for_each_span(corners, picture.width, picture.height, fill));
  }
  for (std::size_t i = 0; i + 1 < corners.size(); ++i) {
    draw_line(corners[i], corners[i + 1], thickness, ink, budget, picture);
  }
  return {};
}

/// Layers in their order; those that the state does not describe are drawn last.
std::vector<std::string> layer_order(const PresentationState& state) {
  std::vector<std::string> names;
  for (const auto& layer : state.layers) names.push_back(layer.name);
  for (const auto& annotation : state.annotations) {
    if (std::find(names.begin(), names.end(), annotation.layer) == names.end()) names.push_back(annotation.layer);
  }
  return names;
}

}  // namespace

void draw_activated_overlays(const PresentationState& state, const Frame& frame, const AttributeItem& image,
                             std::uint32_t number, Picture& picture) {
  for (const auto& layer : layer_order(state)) {
    for (const auto& [group, of_layer] : state.overlays) {
      if (of_layer != layer) continue;
      const bool own = state.data_set->find({group, 0x0010}) != nullptr;
      const Ink ink = state.ink_of(layer);
      for_each_overlay_pixel(frame, own ? *state.data_set : image, group, number, picture,
                             [&](std::int64_t x, std::int64_t y) { put_ink(picture, x, y, ink); });
    }
  }
}

Result<void> draw_annotations(const PresentationState& state, std::string_view sop, std::uint32_t number,
                              const Placement& placement, const TextFont* font, Picture& picture) {
  const double thickness = std::max(1.0, std::round(std::min(picture.width, picture.height) / 600.0));
  const Error too_much = Error::too_large("the presentation state has more graphics and texts than a picture may cost");
  DrawBudget budget;
  for (const auto& layer : layer_order(state)) {
    const Ink ink = state.ink_of(layer);
    for (const auto& annotation : state.annotations) {
      if (annotation.layer != layer || !applies_to(annotation.images, sop, number)) continue;
      for (const auto& graphic : annotation.graphics) {
        GANTRY_TRY(draw_graphic(graphic, placement, thickness, ink, budget, picture));
        if (budget.is_spent()) return too_much;
      }
      for (const auto& text : annotation.texts) {
        if (text.text.empty()) continue;
        if (font == nullptr) {
          return Error::unsupported(
              "the presentation state has texts, and this server found no fonts to write them with");
        }
        draw_text_object(text, placement, *font, thickness, ink, budget, picture);
        if (budget.is_spent()) return too_much;
      }
    }
  }
  return {};
}

}  // namespace gantry::pixels

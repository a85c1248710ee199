#include "gantry/pixels/presentation/text_placing.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "gantry/pixels/text/text_block.hpp"

namespace gantry::pixels {
namespace {

constexpr unsigned kSizeLeast = 10;
constexpr unsigned kSizeMost = 96;
/// What measuring or writing a character costs, roughly, in pixels.
constexpr std::uint64_t kCharacterCost = 200;

TextAlign align_of(TextObject::Justification justification) {
  switch (justification) {
    case TextObject::Justification::kCenter: return TextAlign::kCenter;
    case TextObject::Justification::kRight: return TextAlign::kRight;
    default: return TextAlign::kLeft;
  }
}

unsigned usual_size(const Picture& picture) {
  return std::clamp(std::min(picture.width, picture.height) / 32, kSizeLeast, 48U);
}

/// The largest size in which all lines fit in the box; a box without a height says nothing of it.
unsigned fitting_size(const TextFont& font, const std::vector<std::string>& lines, std::uint64_t bytes, double width,
                      double height, DrawBudget& budget, const Picture& picture) {
  if (height < 2) return usual_size(picture);
  auto size = static_cast<unsigned>(std::clamp(height / static_cast<double>(lines.size()), 1.0, 4096.0));
  size = std::clamp(size, kSizeLeast, kSizeMost);
  const auto fits = [&] {
    const bool low = font.line_height(size) * lines.size() <= height + 1;
    return low && std::all_of(lines.begin(), lines.end(),
                              [&](const auto& line) { return font.measure(line, size) <= width + 1; });
  };
  while (size > kSizeLeast && budget.take(bytes * kCharacterCost) && !fits()) size = std::max(kSizeLeast, size * 7 / 8);
  return size;
}

struct Box {
  Place corner;                  ///< where reading begins
  double width = 0, height = 0;  ///< as the reader sees them
  unsigned quarter_turns = 0;
};

/// `upright`: whatever the direction from the one corner to the other is.
Box box_of(Place begin, Place end, bool upright) {
  if (upright) {
    if (begin.x > end.x) std::swap(begin.x, end.x);
    if (begin.y > end.y) std::swap(begin.y, end.y);
  }
  const double x = end.x - begin.x;
  const double y = end.y - begin.y;
  Box box{begin, std::abs(x), std::abs(y), 0};
  if (x < 0) box.quarter_turns = y < 0 ? 2 : 1;
  if (x >= 0 && y < 0) box.quarter_turns = 3;
  if (box.quarter_turns % 2 == 1) std::swap(box.width, box.height);
  return box;
}

std::int64_t rounded(double value) { return static_cast<std::int64_t>(std::llround(std::clamp(value, -1e6, 1e6))); }

}  // namespace

void draw_text_object(const TextObject& object, const Placement& placement, const TextFont& font, double thickness,
                      const Ink& ink, DrawBudget& budget, Picture& picture) {
  const auto lines = lines_of(object.text);
  if (lines.empty() || (!object.box && !object.anchor)) return;
  const auto most = 2 * std::max(picture.width, picture.height);
  std::optional<Place> anchor;
  if (object.anchor) anchor = placement.on_picture(*object.anchor, object.anchor_units);

  Box box;
  unsigned size = usual_size(picture);
  if (object.box) {
    // A mirrored box says no direction in which letters could be written.
    const bool mirrored = placement.flipped && object.box_units == PlaceUnits::kPixel;
    box = box_of(placement.on_picture((*object.box)[0], object.box_units),
                 placement.on_picture((*object.box)[1], object.box_units), mirrored);
    size = fitting_size(font, lines, object.text.size(), box.width, box.height, budget, picture);
  }
  if (!budget.take(object.text.size() * kCharacterCost)) return;
  const auto least = static_cast<std::uint32_t>(std::clamp(box.width, 0.0, static_cast<double>(most)));
  const TextImage text = write_block(font, lines, size, align_of(object.justification), least, most, most);
  if (!budget.take(2 * text.coverage.size() + 1)) return;
  if (!object.box) {
    // Beside the anchor, and on the picture as far as there is room.
    const double room_x = std::max(0.0, static_cast<double>(picture.width) - text.width);
    const double room_y = std::max(0.0, static_cast<double>(picture.height) - text.height);
    box.width = text.width;
    box.height = text.height;
    box.corner = {std::clamp(anchor->x + 2.0 * size / 3, 0.0, room_x), std::clamp(anchor->y - size, 0.0, room_y)};
  }
  put_text(text, rounded(box.corner.x), rounded(box.corner.y), box.quarter_turns, ink, picture);
  if (!anchor || !object.anchor_visible) return;
  // To the nearest place of the box that was asked for, or of the text.
  Place one = box.corner;
  Place other = one;
  if (object.box) {
    other = placement.on_picture((*object.box)[1], object.box_units);
  } else {
    other = {one.x + box.width, one.y + box.height};
  }
  const PolygonPoint nearest{std::clamp(anchor->x, std::min(one.x, other.x), std::max(one.x, other.x)),
                             std::clamp(anchor->y, std::min(one.y, other.y), std::max(one.y, other.y))};
  draw_line({anchor->x, anchor->y}, nearest, thickness, ink, budget, picture);
}

}  // namespace gantry::pixels

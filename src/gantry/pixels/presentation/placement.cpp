#include "gantry/pixels/presentation/placement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "gantry/pixels/render/geometry.hpp"

namespace gantry::pixels {
namespace {

constexpr double kSideMost = 65535;
constexpr double kPixelsAlways = 16.0 * (1 << 20);  // more where the image itself has more

/// A place of the image in the turned and flipped one.
Place turned(Place place, double columns, double rows, unsigned quarter_turns, bool flipped) {
  Place to = place;
  double width = columns;
  switch (quarter_turns) {
    case 1:
      to = {rows - place.y, place.x};
      width = rows;
      break;
    case 2: to = {columns - place.x, rows - place.y}; break;
    case 3:
      to = {place.y, columns - place.x};
      width = rows;
      break;
    default: break;
  }
  if (flipped) to.x = width - to.x;
  return to;
}

template <std::size_t Bytes>
void turn_pixels(const Picture& from, unsigned quarter_turns, bool flipped, Picture& to) {
  for (std::uint32_t y = 0; y < to.height; ++y) {
    for (std::uint32_t x = 0; x < to.width; ++x) {
      const std::uint32_t u = flipped ? to.width - 1 - x : x;
      std::uint32_t column = u;
      std::uint32_t row = y;
      switch (quarter_turns) {
        case 1:
          column = y;
          row = from.height - 1 - u;
          break;
        case 2:
          column = from.width - 1 - u;
          row = from.height - 1 - y;
          break;
        case 3:
          column = from.width - 1 - y;
          row = u;
          break;
        default: break;
      }
      std::memcpy(to.bytes.data() + (std::size_t{y} * to.width + x) * Bytes,
                  from.bytes.data() + (std::size_t{row} * from.width + column) * Bytes, Bytes);
    }
  }
}

std::size_t pixel_bytes(const Picture& picture) { return picture.channels * (picture.bits / 8); }

Picture turned_picture(const Picture& from, unsigned quarter_turns, bool flipped) {
  Picture to = from;
  if (quarter_turns % 2 == 1) std::swap(to.width, to.height);
  switch (pixel_bytes(from)) {
    case 1: turn_pixels<1>(from, quarter_turns, flipped, to); break;
    case 2: turn_pixels<2>(from, quarter_turns, flipped, to); break;
    default: turn_pixels<3>(from, quarter_turns, flipped, to); break;
  }
  return to;
}

std::uint32_t whole(double length) { return static_cast<std::uint32_t>(std::max(1.0, std::round(length))); }

}  // namespace

Place Placement::on_picture(Place place, PlaceUnits units) const noexcept {
  if (units == PlaceUnits::kDisplay) return {place.x * width, place.y * height};
  const Place in_turned = turned(place, columns, rows, quarter_turns, flipped);
  return {(in_turned.x - left) * width / shown_width, (in_turned.y - top) * height / shown_height};
}

double Placement::scale() const noexcept { return std::sqrt(width / shown_width * (height / shown_height)); }

Result<Placement> place_image(std::uint32_t columns, std::uint32_t rows, const PresentationState& state,
                              const DisplayedArea* area, std::optional<Bounds> bounds) {
  Placement placed;
  placed.columns = columns;
  placed.rows = rows;
  placed.quarter_turns = state.quarter_turns;
  placed.flipped = state.flipped;
  DisplayedArea all;
  all.right = columns;
  all.bottom = rows;
  const DisplayedArea& shown = area == nullptr ? all : *area;
  // Both corners are pixels that are shown, and name the corners that the viewer of the turned image sees.
  const Place first{static_cast<double>(std::min(shown.left, shown.right)) - 1,
                    static_cast<double>(std::min(shown.top, shown.bottom)) - 1};
  const Place last{static_cast<double>(std::max(shown.left, shown.right)),
                   static_cast<double>(std::max(shown.top, shown.bottom))};
  const Place one = turned(first, columns, rows, placed.quarter_turns, placed.flipped);
  const Place other = turned(last, columns, rows, placed.quarter_turns, placed.flipped);
  placed.left = std::min(one.x, other.x);
  placed.top = std::min(one.y, other.y);
  placed.shown_width = std::abs(one.x - other.x);
  placed.shown_height = std::abs(one.y - other.y);

  // Pixels that are not square become larger in one direction, never smaller.
  double across = shown.pixel_aspect < 1 ? 1 / shown.pixel_aspect : 1;
  double down = shown.pixel_aspect > 1 ? shown.pixel_aspect : 1;
  if (placed.quarter_turns % 2 == 1) std::swap(across, down);
  double factor = shown.magnification.value_or(1);
  if (bounds && !shown.magnification) {
    factor = std::min(bounds->width / (placed.shown_width * across), bounds->height / (placed.shown_height * down));
  }
  across *= factor;
  down *= factor;
  if (bounds && shown.magnification) {
    const double fits_across = std::min(placed.shown_width, bounds->width / across);
    const double fits_down = std::min(placed.shown_height, bounds->height / down);
    placed.left += (placed.shown_width - fits_across) / 2;
    placed.top += (placed.shown_height - fits_down) / 2;
    placed.shown_width = fits_across;
    placed.shown_height = fits_down;
  }
  const double width = placed.shown_width * across;
  const double height = placed.shown_height * down;
  const double pixels_most = std::max(kPixelsAlways, 2.0 * columns * rows);
  if (!(width <= kSideMost && height <= kSideMost && width * height <= pixels_most)) {
    return Error::too_large(
        "the presentation state's displayed area is too large for a picture; viewport= makes it fit");
  }
  placed.width = whole(width);
  placed.height = whole(height);
  if (bounds) {
    placed.width = std::min(placed.width, bounds->width);
    placed.height = std::min(placed.height, bounds->height);
  }
  return placed;
}

Picture draw_placed(const Picture& image, const Placement& placement) {
  const bool as_it_is = placement.quarter_turns == 0 && !placement.flipped;
  Picture turned_image = as_it_is ? Picture() : turned_picture(image, placement.quarter_turns, placement.flipped);
  const Picture& source = as_it_is ? image : turned_image;
  Picture picture;
  picture.width = placement.width;
  picture.height = placement.height;
  picture.channels = image.channels;
  picture.bits = image.bits;
  picture.bytes.assign(std::size_t{picture.width} * picture.height * pixel_bytes(picture), 0);

  const double left = std::max(0.0, placement.left);
  const double top = std::max(0.0, placement.top);
  const double right = std::min<double>(source.width, placement.left + placement.shown_width);
  const double bottom = std::min<double>(source.height, placement.top + placement.shown_height);
  if (left >= right || top >= bottom) return picture;
  const double across = placement.width / placement.shown_width;
  const double down = placement.height / placement.shown_height;
  // Where the image's part lies on the picture, in whole pixels.
  const auto x = std::min(picture.width - 1, static_cast<std::uint32_t>(std::round((left - placement.left) * across)));
  const auto y = std::min(picture.height - 1, static_cast<std::uint32_t>(std::round((top - placement.top) * down)));
  const auto width = std::min(picture.width - x, whole((right - left) * across));
  const auto height = std::min(picture.height - y, whole((bottom - top) * down));
  const Picture part = resampled(source, {left, top, right - left, bottom - top}, width, height);
  if (part.width == picture.width && part.height == picture.height) return part;
  const std::size_t line = std::size_t{width} * pixel_bytes(picture);
  for (std::uint32_t row = 0; row < height; ++row) {
    std::memcpy(picture.bytes.data() + (std::size_t{y + row} * picture.width + x) * pixel_bytes(picture),
                part.bytes.data() + row * line, line);
  }
  return picture;
}

}  // namespace gantry::pixels

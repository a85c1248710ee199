#pragma once

// Where an image comes to lie on a picture (PS3.3 C.10.4, C.10.6).

#include <cstdint>
#include <optional>

#include "gantry/base/result.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// The size that a picture may have, in pixels.
struct Bounds {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// How an image is turned, which part of it is shown, and how large.
struct Placement {
  std::uint32_t columns = 0, rows = 0;  ///< of the image, before it is turned
  unsigned quarter_turns = 0;           ///< clockwise, before the flip
  bool flipped = false;
  double left = 0, top = 0;  ///< of what is shown, in pixels of the turned image, from its edges
  double shown_width = 0, shown_height = 0;
  std::uint32_t width = 0, height = 0;  ///< of the picture

  /// A place in the image, or one given as parts of the displayed area, on the picture (its first pixel: 0 to 1).
  [[nodiscard]] Place on_picture(Place place, PlaceUnits units) const noexcept;
  /// Pixels of the picture for one of the image, on average.
  [[nodiscard]] double scale() const noexcept;
};

/// Places an image of that size as the state says. Without `bounds` the displayed area has its own size; with them it
/// is as large as fits (SCALE TO FIT and TRUE SIZE), or magnified as the state says and cut around its middle (MAGNIFY;
/// PS3.18 §8.3.5.1.3). kTooLarge when the picture would be.
[[nodiscard]] Result<Placement> place_image(std::uint32_t columns, std::uint32_t rows, const PresentationState& state,
                                            const DisplayedArea* area, std::optional<Bounds> bounds);

/// The picture of an image as it is placed; black where there is no image.
[[nodiscard]] Picture draw_placed(const Picture& image, const Placement& placement);

}  // namespace gantry::pixels

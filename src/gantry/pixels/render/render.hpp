#pragma once

// Frames as pictures: the pipeline of PS3.4 Annex N and the parameters of PS3.18 §8.3.5.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/image_attributes.hpp"

namespace gantry::pixels {

/// A picture in memory: rows of grey or RGB samples of 8 or 16 bits (native byte order), without padding.
struct Picture {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned channels = 1;  ///< 1 or 3
  unsigned bits = 8;      ///< 8 or 16
  std::vector<std::uint8_t> bytes;
};

/// PS3.3 C.11.2.1.2 and C.11.2.1.3.
enum class VoiFunction { kLinear, kLinearExact, kSigmoid };

struct Window {
  double center = 0;
  double width = 1;
  VoiFunction function = VoiFunction::kLinear;
};

/// The size that the picture may have, and which part of the image it shows (§8.3.5.1.3). A flipped part is mirrored.
struct Viewport {
  std::uint32_t width = 0;  ///< of the viewport; the picture keeps its proportions and fits in
  std::uint32_t height = 0;
  std::optional<double> x, y;                 ///< of the part's corner; nothing: 0
  std::optional<double> part_width, part_height;  ///< nothing: to the image's end
  bool flip_x = false, flip_y = false;
};

struct RenderOptions {
  std::optional<Window> window;  ///< nothing: as the data set says, else from the least to the greatest value
  std::optional<Viewport> viewport;
  bool sixteen_bits = false;  ///< of grey pictures
};

/// Renders a decoded frame (`frame.shape` is native). `number` is the frame's, from 1, for what functional groups say of
/// it. kUnsupported for pixels that are no picture, kInvalid when the viewport lies outside of the image.
[[nodiscard]] Result<Picture> render_frame(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                                           const RenderOptions& options);

}  // namespace gantry::pixels

#include "gantry/pixels/render/render.hpp"

#include <utility>

#include "gantry/pixels/render/colour.hpp"
#include "gantry/pixels/render/geometry.hpp"
#include "gantry/pixels/render/grayscale.hpp"
#include "gantry/pixels/render/overlay.hpp"

namespace gantry::pixels {
namespace {

Result<Picture> render_pixels(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                              const RenderOptions& options) {
  if (frame.shape.samples > 1) return render_colour(frame);
  if (frame.shape.photometric == "PALETTE COLOR") return render_palette(frame, image);
  return render_grayscale(frame, image, number, options);
}

}  // namespace

Result<Picture> render_frame(const Frame& frame, const ImageAttributes& image, std::uint32_t number,
                             const RenderOptions& options) {
  if (frame.bytes.size() < frame.shape.native_bytes()) return Error::internal("a decoded frame is too short");
  GANTRY_LET(auto picture, render_pixels(frame, image, number, options));
  draw_overlays(frame, image, number, picture);
  if (!options.viewport) return picture;
  return show_in(picture, *options.viewport);
}

}  // namespace gantry::pixels

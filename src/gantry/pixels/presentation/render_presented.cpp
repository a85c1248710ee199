#include "gantry/pixels/presentation/render_presented.hpp"

#include <utility>

#include "gantry/pixels/presentation/drawing.hpp"
#include "gantry/pixels/presentation/grey_presented.hpp"
#include "gantry/pixels/presentation/placement.hpp"
#include "gantry/pixels/presentation/shutter.hpp"
#include "gantry/pixels/render/colour.hpp"
#include "gantry/pixels/render/grayscale.hpp"

namespace gantry::pixels {
namespace {

Result<Picture> render_pixels(const Frame& frame, const ImageAttributes& image, std::string_view sop,
                              std::uint32_t number, const PresentationState& state, const RenderOptions& options) {
  if (frame.shape.samples > 1) return render_colour(frame);
  if (frame.shape.photometric == "PALETTE COLOR") return render_palette(frame, image);
  // A colour state says nothing of grey values, so the image does.
  if (state.kind == PresentationState::Kind::kColour) return render_grayscale(frame, image, number, options);
  return render_grey_presented(frame, sop, number, state, options.sixteen_bits);
}

}  // namespace

Result<Picture> render_presented(const Frame& frame, const ImageAttributes& image, std::string_view sop,
                                 std::uint32_t number, const PresentationState& state, const TextFont* font,
                                 const RenderOptions& options) {
  if (frame.bytes.size() < frame.shape.native_bytes()) return Error::internal("a decoded frame is too short");
  if (state.find(sop, number) == nullptr) {
    return Error::invalid("the presentation state does not apply to frame " + std::to_string(number) +
                          " of this image");
  }
  RenderOptions own;
  own.sixteen_bits = options.sixteen_bits;
  GANTRY_LET(auto pixels, render_pixels(frame, image, sop, number, state, own));
  // Shutters hide the image, not what is drawn upon it.
  GANTRY_TRY(close_shutter(state, frame, number, pixels));
  draw_activated_overlays(state, frame, *image.data_set, number, pixels);
  std::optional<Bounds> bounds;
  if (options.viewport) bounds = Bounds{options.viewport->width, options.viewport->height};
  GANTRY_LET(const auto placement,
             place_image(pixels.width, pixels.height, state, state.area_for(sop, number), bounds));
  auto picture = draw_placed(pixels, placement);
  GANTRY_TRY(draw_annotations(state, sop, number, placement, font, picture));
  return picture;
}

}  // namespace gantry::pixels

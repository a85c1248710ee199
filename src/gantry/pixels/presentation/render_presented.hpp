#pragma once

#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/image_attributes.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {

/// Renders a decoded frame as a presentation state shows it (PS3.4 N.2): the state's transformations replace the
/// image's own, one that it lacks is left out. Of the options a viewport's size and sixteen bits count; states say the
/// rest. `sop` and `number` name the frame. kInvalid when the state is not for it, kUnsupported and kTooLarge for what
/// can't be drawn. `font` may be null: states with texts are kUnsupported then.
[[nodiscard]] Result<Picture> render_presented(const Frame& frame, const ImageAttributes& image, std::string_view sop,
                                               std::uint32_t number, const PresentationState& state,
                                               const TextFont* font, const RenderOptions& options);

}  // namespace gantry::pixels

#pragma once

#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// Hides what lies outside of the state's shutters (PS3.3 C.7.6.11): a pixel is seen when it lies in all of them.
/// `picture` has the image's own size. kTooLarge for a polygon that would take too long.
[[nodiscard]] Result<void> close_shutter(const PresentationState& state, const Frame& frame, std::uint32_t number,
                                         Picture& picture);

}  // namespace gantry::pixels

#pragma once

#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/presentation/presentation_state.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::pixels {

/// A monochrome frame as a state's modality, VOI and presentation LUT show it (PS3.4 N.2.1): what the image itself says
/// of these does not count. Of a pseudo-colour state the palette stands in for the presentation LUT, and the picture is
/// RGB. kUnsupported for pixels that are no whole numbers of up to 32 bits.
[[nodiscard]] Result<Picture> render_grey_presented(const Frame& frame, std::string_view sop, std::uint32_t number,
                                                    const PresentationState& state, bool sixteen_bits);

}  // namespace gantry::pixels

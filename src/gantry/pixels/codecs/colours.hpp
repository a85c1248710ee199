#pragma once

#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/pixels/colour_space.hpp"
#include "gantry/pixels/frame_codec.hpp"

namespace gantry::pixels::codecs {

/// Turns the samples of a native frame (grey of 8 or 16 bits, or RGB of 8) from the colours that an ICC profile
/// describes into those of a colour space. Without a profile ("") the samples are sRGB's. Reads foreign profiles: for
/// codec processes. kInvalid for a damaged profile, kUnsupported for other samples.
[[nodiscard]] Result<void> convert_colours(Frame& frame, std::string_view profile, ColourSpace to);

}  // namespace gantry::pixels::codecs

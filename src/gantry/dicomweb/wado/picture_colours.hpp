#pragma once

#include <optional>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/pixels/attribute_tree.hpp"
#include "gantry/pixels/colour_space.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/render/render.hpp"

namespace gantry::dicomweb::wado {

/// The ICC profile that a picture is to carry, after its colours were converted to a space where `to` names one (PS3.18
/// §8.3.5.1.5). What the samples are, the data set of a presentation state says (may be null), else the image's: ICC
/// Profile (0028,2000), of the first optical path where slides have it, or Color Space (0028,2002); else they are taken
/// for sRGB's. Grey pictures get the profile of a tone curve, sRGB's unless `to` names another. Blocking. kInvalid when
/// the image's profile can't be used; errors of FrameCodec::convert().
[[nodiscard]] Result<std::string> settle_colours(pixels::FrameCodec& codec, const pixels::AttributeItem& image,
                                                 const pixels::AttributeItem* state,
                                                 std::optional<pixels::ColourSpace> to, pixels::Picture& picture);

}  // namespace gantry::dicomweb::wado

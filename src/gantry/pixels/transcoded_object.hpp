#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/image_attributes.hpp"

namespace gantry::pixels {

/// Gives frame `number` (from 1) in the wanted transfer syntax; blocking.
using FrameMaker = std::function<Result<std::shared_ptr<const Frame>>(std::uint32_t number)>;

/// A Part 10 object with its frames in another transfer syntax, as a stream that holds one frame at a time. Attributes
/// that describe pixels say what the frames now are: Photometric Interpretation, Planar Configuration, Number of Frames,
/// and for JPEG baseline Lossy Image Compression, its ratio (of the first frame) and method. All others are kept; the
/// data set is Explicit VR Little Endian.
///
/// The first frame is made here, so that an object that can't be had in `transfer_syntax` fails before anything is sent.
/// Errors: the maker's; kTooLarge when the pixels don't fit in a value. From read(): kInternal when the object is not
/// what its layout says, and the maker's.
[[nodiscard]] Result<std::unique_ptr<ByteStream>> transcode_object(const StoredObject& object,
                                                                   const ImageAttributes& image,
                                                                   const std::string& transfer_syntax,
                                                                   FrameMaker make_frame);

}  // namespace gantry::pixels

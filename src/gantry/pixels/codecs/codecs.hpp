#pragma once

// Decoders and encoders, a file each. `shape` was checked; `out` has exactly the bytes of the decoded frame.

#include <span>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/pixels/frame_shape.hpp"

namespace gantry::pixels::codecs {

/// The photometric interpretation of what was decoded; "" when it is still that of the data set.
using Decoded = Result<std::string>;
using Decoder = Decoded (*)(const FrameShape& shape, std::string_view coded, std::span<char> out);

Decoded decode_rle(const FrameShape& shape, std::string_view coded, std::span<char> out);
Decoded decode_deflated(const FrameShape& shape, std::string_view coded, std::span<char> out);
Decoded decode_stored(const FrameShape& shape, std::string_view coded, std::span<char> out);
/// Any JPEG of ISO 10918: 8 bit by libjpeg-turbo, 12 bit and lossless by DCMTK's libraries.
Decoded decode_jpeg(const FrameShape& shape, std::string_view coded, std::span<char> out);
Decoded decode_jpeg_ls(const FrameShape& shape, std::string_view coded, std::span<char> out);
/// JPEG 2000 and HTJ2K.
Decoded decode_jpeg_2000(const FrameShape& shape, std::string_view coded, std::span<char> out);
Decoded decode_jpeg_xl(const FrameShape& shape, std::string_view coded, std::span<char> out);

/// What was encoded, and its photometric interpretation ("": unchanged).
struct Encoded {
  std::string bytes;
  std::string photometric;
};
/// `native` is interleaved and complete.
Result<Encoded> encode_rle(const FrameShape& shape, std::string_view native);
Result<Encoded> encode_jpeg(const FrameShape& shape, std::string_view native, int quality);
Result<Encoded> encode_jpeg_ls(const FrameShape& shape, std::string_view native);
Result<Encoded> encode_jpeg_2000(const FrameShape& shape, std::string_view native);
Result<Encoded> encode_htj2k(const FrameShape& shape, std::string_view native);

/// How many bits an encoder must keep: Bits Stored, or Bits Allocated when something else lies above them.
[[nodiscard]] unsigned needed_bits(const FrameShape& shape, std::string_view native);

/// "the JPEG-LS codestream: what"
[[nodiscard]] Error damaged(std::string_view what, std::string_view detail);
/// kInvalid when a codestream's own size is not the data set's.
[[nodiscard]] Result<void> check_size(std::string_view what, const FrameShape& shape, std::uint64_t columns,
                                      std::uint64_t rows, std::uint64_t components);

}  // namespace gantry::pixels::codecs

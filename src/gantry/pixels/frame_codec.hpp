#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/pixels/colour_space.hpp"
#include "gantry/pixels/frame_shape.hpp"

namespace gantry::pixels {

/// A frame's bytes and what they are.
struct Frame {
  FrameShape shape;
  std::string bytes;
};

/// What a frame shall become.
struct CodecTarget {
  std::string transfer_syntax;  ///< Explicit VR Little Endian: decoded
  int quality = 90;             ///< of JPEG baseline, 1 to 100
  /// Samples become those of a colour space: grey of 8 or 16 bits, RGB of 8.
  std::optional<ColourSpace> colours = std::nullopt;
  std::string_view profile = {};  ///< the ICC profile of what they are; "": sRGB
};

/// Turns one frame into another encoding of it. Thread-safe; blocking, for CPU threads, never for an io thread.
///
/// Decoded frames are little endian, interleaved (Planar Configuration 0), 1-bit ones packed; YBR_FULL_422 of JPEG,
/// YBR_RCT and YBR_ICT come as RGB, other colour spaces as they are. Nothing is allocated before `from` was checked, and
/// a codestream that contradicts it is refused.
class FrameCodec {
 public:
  virtual ~FrameCodec() = default;
  /// `from` says what `bytes` are. Errors: kInvalid (the codestream is damaged, or contradicts its data set),
  /// kUnsupported (no codec for this syntax, or none that takes such pixels), kTooLarge, kUnavailable (no codec process
  /// is free), kTimeout.
  virtual Result<Frame> convert(const FrameShape& from, std::string_view bytes, const CodecTarget& to) = 0;
};

/// Whether frames in this transfer syntax can be decoded, whatever they hold. Native ones are.
[[nodiscard]] bool can_decode(std::string_view transfer_syntax) noexcept;
/// Whether frames can be written in this transfer syntax at all.
[[nodiscard]] bool can_encode(std::string_view transfer_syntax) noexcept;
/// Whether frames of this shape can be written in that transfer syntax; false also when `shape` is not decodable.
[[nodiscard]] bool can_encode(const FrameShape& shape, std::string_view transfer_syntax) noexcept;

}  // namespace gantry::pixels

#pragma once

#include <cstdint>
#include <string>

#include "gantry/base/result.hpp"

namespace gantry::pixels {

/// What a data set says of one frame (PS3.3 C.7.6.3), and how its bytes are encoded. A plain value.
struct FrameShape {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint16_t samples = 1;  ///< per pixel
  std::uint16_t bits_allocated = 8;
  std::uint16_t bits_stored = 8;
  std::uint16_t high_bit = 7;
  bool is_signed = false;
  bool planar = false;           ///< native: a plane per sample (Planar Configuration 1)
  bool is_float = false;         ///< Float or Double Float Pixel Data
  std::string photometric;       ///< "MONOCHROME2", "RGB", "YBR_FULL_422", …
  std::string transfer_syntax;   ///< UID; Explicit VR Little Endian for native bytes

  [[nodiscard]] std::uint64_t pixels() const noexcept { return std::uint64_t{rows} * columns; }
  [[nodiscard]] std::uint64_t values() const noexcept { return pixels() * samples; }
  /// Bytes of a sample in memory: 1, 2, 4 or 8; 1-bit samples are packed and count as 0.
  [[nodiscard]] unsigned sample_bytes() const noexcept { return bits_allocated / 8U; }
  /// Bytes of the decoded frame; 1-bit frames are packed, the last byte filled with zeros.
  [[nodiscard]] std::uint64_t native_bytes() const noexcept;
  [[nodiscard]] bool is_colour() const noexcept { return samples > 1; }
};

struct FrameLimits {
  std::uint64_t native_bytes = 512ULL << 20;  ///< of a decoded frame
};

/// What can't be an image, or is too large for anything to be allocated for it. kUnsupported (shapes that no codec
/// here takes), kTooLarge.
[[nodiscard]] Result<void> check_shape(const FrameShape& shape, const FrameLimits& limits);

/// True for transfer syntaxes whose frames lie there uncompressed.
[[nodiscard]] bool is_native(std::string_view transfer_syntax) noexcept;

}  // namespace gantry::pixels

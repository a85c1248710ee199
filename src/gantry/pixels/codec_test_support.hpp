#pragma once

// Frames for tests: every shape that codecs take, with values that use all of it.

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/frame_codec.hpp"

namespace gantry::pixels::testing {

inline FrameShape shape_of(unsigned samples, unsigned allocated, unsigned stored, bool is_signed) {
  FrameShape shape;
  shape.rows = 67;
  shape.columns = 93;
  shape.samples = static_cast<std::uint16_t>(samples);
  shape.bits_allocated = static_cast<std::uint16_t>(allocated);
  shape.bits_stored = static_cast<std::uint16_t>(stored);
  shape.high_bit = static_cast<std::uint16_t>(stored - 1);
  shape.is_signed = is_signed;
  shape.photometric = samples == 3 ? "RGB" : "MONOCHROME2";
  shape.transfer_syntax = dicom::kExplicitLittleEndian;
  return shape;
}

/// A smooth picture with noise and both ends of the range.
inline std::string picture(const FrameShape& shape, unsigned seed = 1) {
  std::mt19937 random(seed);
  const std::int64_t range = std::int64_t{1} << shape.bits_stored;
  const std::int64_t least = shape.is_signed ? -(range / 2) : 0;
  std::string bytes(static_cast<std::size_t>(shape.values()) * shape.sample_bytes(), '\0');
  for (std::uint64_t i = 0; i < shape.values(); ++i) {
    const auto x = i / shape.samples % shape.columns;
    const auto y = i / shape.samples / shape.columns;
    std::int64_t value = least + static_cast<std::int64_t>((x * y * range / (shape.columns * shape.rows)));
    if (random() % 8 == 0) value = least + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(range));
    if (i == 0) value = least;
    if (i == 1) value = least + range - 1;
    const auto bits = static_cast<std::uint64_t>(value);
    std::memcpy(bytes.data() + i * shape.sample_bytes(), &bits, shape.sample_bytes());
  }
  return bytes;
}

inline std::vector<FrameShape> all_shapes() {
  return {shape_of(1, 8, 8, false),   shape_of(1, 8, 7, false),   shape_of(1, 8, 8, true),   shape_of(1, 16, 12, false),
          shape_of(1, 16, 12, true),  shape_of(1, 16, 16, false), shape_of(1, 16, 16, true), shape_of(1, 16, 8, false),
          shape_of(3, 8, 8, false),   shape_of(3, 16, 16, false), shape_of(3, 16, 12, false)};
}

}  // namespace gantry::pixels::testing

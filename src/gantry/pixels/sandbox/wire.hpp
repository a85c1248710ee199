#pragma once

// What a codec process is told and what it answers. Fixed sizes: nothing of a message is parsed. Both ends are the same
// build.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "gantry/pixels/frame_codec.hpp"

namespace gantry::pixels::sandbox {

inline constexpr int kSocketFd = 3;  ///< where a codec process finds its requests (SOCK_SEQPACKET)
inline constexpr int kMemoryFd = 4;  ///< the memory that it shares with the server: frames in and out

template <std::size_t Size>
struct WireText {
  char text[Size];

  void set(std::string_view from) {
    const std::size_t count = from.size() < Size ? from.size() : Size - 1;
    for (std::size_t i = 0; i < Size; ++i) text[i] = i < count ? from[i] : '\0';
  }
  [[nodiscard]] std::string get() const {
    std::size_t count = 0;
    while (count < Size && text[count] != '\0') ++count;
    return {text, count};
  }
};

struct WireShape {
  std::uint32_t rows, columns;
  std::uint16_t samples, bits_allocated, bits_stored, high_bit;
  std::uint8_t is_signed, planar, is_float;
  WireText<17> photometric;
  WireText<65> transfer_syntax;
};

struct WireRequest {
  std::uint64_t memory_bytes;   ///< of the shared memory by now
  std::uint64_t input_bytes;    ///< from its beginning
  std::uint64_t profile_bytes;  ///< of an ICC profile, after the input
  std::uint64_t output_offset;  ///< where the answer's bytes go
  std::uint64_t native_bytes_most;
  std::uint32_t seconds_most;
  std::int32_t quality;
  std::int32_t colours;         ///< kNoColours, or a ColourSpace
  WireShape from;
  WireText<65> to;
};

struct WireReply {
  std::int32_t error_kind;  ///< kNoError, or an ErrorKind
  std::uint64_t output_bytes;
  WireShape shape;
  WireText<512> detail;
};
inline constexpr std::int32_t kNoError = -1;
inline constexpr std::int32_t kNoColours = -1;

static_assert(std::is_trivially_copyable_v<WireRequest> && std::is_trivially_copyable_v<WireReply>);

[[nodiscard]] inline WireShape to_wire(const FrameShape& shape) {
  WireShape wire{};
  wire.rows = shape.rows;
  wire.columns = shape.columns;
  wire.samples = shape.samples;
  wire.bits_allocated = shape.bits_allocated;
  wire.bits_stored = shape.bits_stored;
  wire.high_bit = shape.high_bit;
  wire.is_signed = shape.is_signed ? 1 : 0;
  wire.planar = shape.planar ? 1 : 0;
  wire.is_float = shape.is_float ? 1 : 0;
  wire.photometric.set(shape.photometric);
  wire.transfer_syntax.set(shape.transfer_syntax);
  return wire;
}

[[nodiscard]] inline FrameShape from_wire(const WireShape& wire) {
  FrameShape shape;
  shape.rows = wire.rows;
  shape.columns = wire.columns;
  shape.samples = wire.samples;
  shape.bits_allocated = wire.bits_allocated;
  shape.bits_stored = wire.bits_stored;
  shape.high_bit = wire.high_bit;
  shape.is_signed = wire.is_signed != 0;
  shape.planar = wire.planar != 0;
  shape.is_float = wire.is_float != 0;
  shape.photometric = wire.photometric.get();
  shape.transfer_syntax = wire.transfer_syntax.get();
  return shape;
}

/// Bytes that the answer to a request may have: a decoded frame, or an encoded one that failed to become smaller.
[[nodiscard]] inline std::uint64_t output_most(const FrameShape& from) {
  constexpr std::uint64_t kOverhead = 64 << 10;
  return from.values() * (from.sample_bytes() == 0 ? 1 : from.sample_bytes()) * 3 / 2 + kOverhead;
}

}  // namespace gantry::pixels::sandbox

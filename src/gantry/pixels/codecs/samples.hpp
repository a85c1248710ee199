#pragma once

// Samples in memory, little endian whatever the machine (this project's machines are).

#include <cstdint>
#include <cstring>
#include <span>

#include "gantry/pixels/frame_shape.hpp"

namespace gantry::pixels::codecs {

/// Writes whole numbers as samples of a shape: cut to Bits Allocated, two's complement. Packed bits are to be zero before.
class SampleWriter {
 public:
  SampleWriter(const FrameShape& shape, std::span<char> out) : bytes_(shape.sample_bytes()), out_(out) {}

  void put(std::uint64_t index, std::int64_t value) noexcept {
    if (bytes_ == 0) {  // 1-bit samples are packed, the first in the lowest bit (PS3.5 §8.1.1)
      if ((value & 1) != 0) out_[index / 8] = static_cast<char>(static_cast<unsigned char>(out_[index / 8]) | 1U << index % 8);
      return;
    }
    const auto bits = static_cast<std::uint64_t>(value);
    std::memcpy(out_.data() + index * bytes_, &bits, bytes_);
  }

 private:
  std::size_t bytes_;
  std::span<char> out_;
};

/// A number of `bits` bits as two's complement.
[[nodiscard]] constexpr std::int64_t sign_extend(std::int64_t value, unsigned bits) noexcept {
  const unsigned shift = 64 - bits;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << shift) >> shift;
}

/// Sample `index` of native interleaved bytes.
template <class T>
[[nodiscard]] T sample_at(const char* bytes, std::uint64_t index) noexcept {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace gantry::pixels::codecs

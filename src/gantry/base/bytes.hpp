#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gantry/base/result.hpp"

namespace gantry {

/// Bytes made one piece after the other (re-encoding, inflating, long JSON). Blocking; one call at a time; memory is
/// that of one piece.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills at most `into.size()` bytes and says how many; 0 is the end.
  virtual Result<std::size_t> read(std::span<std::byte> into) = 0;
};

/// Immutable bytes that can be read anywhere, from several threads at once. Blocking.
class RandomAccess {
 public:
  virtual ~RandomAccess() = default;
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Fills `into` from `offset`; less than asked only at the end of the bytes.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const = 0;
};

/// The same with a descriptor for sendfile(2), when there is one.
class OpenFile : public RandomAccess {
 public:
  [[nodiscard]] virtual int fd() const noexcept = 0;  ///< -1: only read_at works (memory, S3)
};

}  // namespace gantry

#pragma once

// A response's body as the edge sends it: BodyPlan's segments, which may be cut to a range without copying.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gantry/http/message.hpp"

namespace gantry::http {

struct MemoryPiece {
  SharedBytes owner;
  std::string_view bytes;  ///< of `owner`
};

/// A part of what a stream makes. Reading checks the stream's promise: one that ends early or goes on after its
/// declared length is kInternal, so that no answer looks whole that isn't.
struct ProducedPiece {
  std::shared_ptr<ByteStream> stream;
  std::uint64_t skip = 0;               ///< bytes read over first
  std::optional<std::uint64_t> length;  ///< bytes that are left to send; nullopt: up to the stream's end
  bool to_end = true;                   ///< the stream must end after `length`
  WorkerPool* pool = nullptr;           ///< where it is read; null: the disk pool

  /// Blocking: fills `into` as far as the stream goes on. 0 is the end.
  Result<std::size_t> read(std::span<std::byte> into);
};

using SendPiece = std::variant<MemoryPiece, FileRange, ProducedPiece>;

struct SendPlan {
  std::vector<SendPiece> pieces;
  std::optional<std::uint64_t> length;  ///< of all pieces; nullopt when one is unknown

  [[nodiscard]] bool in_memory() const noexcept;
};

[[nodiscard]] SendPlan make_send_plan(BodyPlan body);
/// `length` bytes from `offset`. The plan's length is known and holds them.
[[nodiscard]] SendPlan cut(SendPlan plan, std::uint64_t offset, std::uint64_t length);
/// The whole plan as one blocking stream.
[[nodiscard]] std::shared_ptr<ByteStream> as_stream(SendPlan plan);

/// How many bytes from `offset` on are in the page cache, so that sendfile(2) won't wait for a disk: found by reading
/// single bytes, 256 kB apart, with RWF_NOWAIT. At most `length`.
[[nodiscard]] std::uint64_t cached_prefix(int fd, std::uint64_t offset, std::uint64_t length);
/// Reads a range so that it is in the page cache. Blocking. Errors are left to the sending that follows.
void read_ahead(int fd, std::uint64_t offset, std::uint64_t length);

}  // namespace gantry::http

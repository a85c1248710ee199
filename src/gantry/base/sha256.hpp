#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gantry {

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 over bytes that arrive in pieces.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void update(std::span<const std::byte> bytes);
  /// The digest of all bytes so far. Call once.
  [[nodiscard]] Sha256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Sha256 sha256(std::span<const std::byte> bytes);
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);  ///< lower case
/// `count` bytes from the system's random generator, as lower-case hex (two characters a byte).
[[nodiscard]] std::string random_hex(std::size_t count);

}  // namespace gantry

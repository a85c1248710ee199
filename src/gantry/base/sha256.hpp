#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
/// The first 16 hex digits of the UID's SHA-256: what `study_uid_hash`, `series_uid_hash` and object names hold, so
/// that no DICOM text ever becomes part of a path (DESIGN §2).
[[nodiscard]] std::string uid_hash(std::string_view uid);
/// `count` bytes from the system's random generator, as lower-case hex (two characters a byte).
[[nodiscard]] std::string random_hex(std::size_t count);

}  // namespace gantry

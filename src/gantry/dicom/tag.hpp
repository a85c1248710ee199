#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace gantry::dicom {

/// An attribute's tag (gggg,eeee).
struct Tag {
  std::uint16_t group = 0;
  std::uint16_t element = 0;

  constexpr Tag() = default;
  constexpr Tag(std::uint16_t g, std::uint16_t e) : group(g), element(e) {}
  constexpr explicit Tag(std::uint32_t value)
      : group(static_cast<std::uint16_t>(value >> 16)), element(static_cast<std::uint16_t>(value)) {}

  [[nodiscard]] constexpr std::uint32_t value() const noexcept { return (std::uint32_t{group} << 16) | element; }
  [[nodiscard]] constexpr bool is_private() const noexcept { return (group & 1) != 0; }
  friend constexpr auto operator<=>(const Tag&, const Tag&) = default;
};

/// "0020000D"
[[nodiscard]] std::string to_hex8(Tag tag);

}  // namespace gantry::dicom

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::pixels {

/// The colour spaces that pictures can be had in (PS3.18 §8.3.5.1.5).
enum class ColourSpace : std::uint8_t { kSrgb, kAdobeRgb, kRommRgb };

/// The ICC profile of a colour space, for pictures of one channel (its tone curve) or three. The same bytes at every
/// call, on every machine.
[[nodiscard]] const std::string& well_known_profile(ColourSpace space, unsigned channels);

/// "" when a profile's header and table of contents are such that pictures of so many channels may carry it, as libpng
/// and the ICC's own rules ask; else what is wrong. Its curves and tables are not looked at.
[[nodiscard]] std::string profile_problem(std::string_view profile, unsigned channels);

}  // namespace gantry::pixels

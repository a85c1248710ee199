#include "gantry/pixels/render/ink.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gantry::pixels {
namespace {

double lab_inverse(double t) {
  constexpr double kEdge = 6.0 / 29.0;
  return t > kEdge ? t * t * t : 3 * kEdge * kEdge * (t - 4.0 / 29.0);
}

std::uint8_t srgb_byte(double linear) {
  const double part = std::clamp(linear, 0.0, 1.0);
  const double encoded = part <= 0.0031308 ? 12.92 * part : 1.055 * std::pow(part, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(encoded * 255));
}

template <class T>
void mix(T& sample, unsigned ink, unsigned coverage) {
  sample = static_cast<T>((sample * (255 - coverage) + ink * coverage + 127) / 255);
}

}  // namespace

std::array<std::uint8_t, 3> rgb_of_cielab(std::array<std::uint16_t, 3> lab) noexcept {
  const double l = lab[0] * 100.0 / 65535;
  const double a = lab[1] * 255.0 / 65535 - 128;
  const double b = lab[2] * 255.0 / 65535 - 128;
  const double fy = (l + 16) / 116;
  // Against the white point D50, which ICC's connection space has.
  const double x = 0.9642 * lab_inverse(fy + a / 500);
  const double y = lab_inverse(fy);
  const double z = 0.8249 * lab_inverse(fy - b / 200);
  // Bradford's adaptation to D65 is part of this matrix.
  return {srgb_byte(3.1338561 * x - 1.6168667 * y - 0.4906146 * z),
          srgb_byte(-0.9787684 * x + 1.9161415 * y + 0.0334540 * z),
          srgb_byte(0.0719453 * x - 0.2289914 * y + 1.4052427 * z)};
}

Ink read_ink(const AttributeItem& item, dicom::Tag grey, dicom::Tag cielab, const Ink& otherwise) {
  Ink ink = otherwise;
  if (const auto value = item.integer(grey)) {
    ink.grey = static_cast<std::uint16_t>(std::clamp<std::int64_t>(*value, 0, 65535));
    ink.rgb.fill(static_cast<std::uint8_t>(ink.grey >> 8));
  }
  std::array<std::uint16_t, 3> lab{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto value = item.integer(cielab, i);
    if (!value) return ink;
    lab[i] = static_cast<std::uint16_t>(*value & 0xFFFF);
  }
  ink.rgb = rgb_of_cielab(lab);
  // On grey pictures a colour is as light as it is.
  if (!item.integer(grey)) {
    ink.grey =
        static_cast<std::uint16_t>(257 * ((ink.rgb[0] * 299 + ink.rgb[1] * 587 + ink.rgb[2] * 114 + 500) / 1000));
  }
  return ink;
}

void put_ink(Picture& picture, std::int64_t x, std::int64_t y, const Ink& ink, unsigned coverage) noexcept {
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return;
  const std::size_t pixel = static_cast<std::size_t>(y) * picture.width + static_cast<std::size_t>(x);
  if (picture.channels == 3) {
    for (std::size_t c = 0; c < 3; ++c) mix(picture.bytes[pixel * 3 + c], ink.rgb[c], coverage);
  } else if (picture.bits == 8) {
    mix(picture.bytes[pixel], static_cast<unsigned>(ink.grey >> 8), coverage);
  } else {
    std::uint16_t sample = 0;
    std::memcpy(&sample, picture.bytes.data() + pixel * 2, 2);
    mix(sample, ink.grey, coverage);
    std::memcpy(picture.bytes.data() + pixel * 2, &sample, 2);
  }
}

}  // namespace gantry::pixels

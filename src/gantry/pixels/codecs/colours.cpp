#include "gantry/pixels/codecs/colours.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include <lcms2.h>

#include "gantry/base/handle.hpp"

namespace gantry::pixels {
namespace {

struct ProfileCloser {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
struct TransformCloser {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
using Profile = std::unique_ptr<void, ProfileCloser>;
using Transform = std::unique_ptr<void, TransformCloser>;
using Curve = Handle<cmsToneCurve, &cmsFreeToneCurve>;
using Text = Handle<cmsMLU, &cmsMLUfree>;

Curve curve_of(ColourSpace space) {
  switch (space) {
    case ColourSpace::kAdobeRgb: return Curve(cmsBuildGamma(nullptr, 563.0 / 256));  // 2.2, as its specification says
    case ColourSpace::kRommRgb: {
      const std::array<cmsFloat64Number, 5> parameters{1.8, 1, 0, 1.0 / 16, 0.03125};
      return Curve(cmsBuildParametricToneCurve(nullptr, 4, parameters.data()));
    }
    default: break;
  }
  const std::array<cmsFloat64Number, 5> parameters{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  return Curve(cmsBuildParametricToneCurve(nullptr, 4, parameters.data()));
}

const char* name_of(ColourSpace space, unsigned channels) {
  switch (space) {
    case ColourSpace::kAdobeRgb: return channels == 3 ? "Compatible with Adobe RGB (1998)" : "Grey, gamma 2.2";
    case ColourSpace::kRommRgb: return channels == 3 ? "ROMM RGB" : "Grey, ROMM tone curve";
    default: return channels == 3 ? "sRGB" : "Grey, sRGB tone curve";
  }
}

Profile make_profile(ColourSpace space, unsigned channels) {
  const Curve curve = curve_of(space);
  if (curve == nullptr) return nullptr;
  constexpr cmsCIExyY kD65{0.3127, 0.3290, 1};
  constexpr cmsCIExyY kD50{0.3457, 0.3585, 1};
  const bool romm = space == ColourSpace::kRommRgb;
  if (channels == 1) return Profile(cmsCreateGrayProfile(romm ? &kD50 : &kD65, curve.get()));
  constexpr cmsCIExyYTRIPLE kSrgb{{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
  constexpr cmsCIExyYTRIPLE kAdobe{{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
  constexpr cmsCIExyYTRIPLE kRomm{{0.7347, 0.2653, 1}, {0.1596, 0.8404, 1}, {0.0366, 0.0001, 1}};
  const auto& primaries = romm ? kRomm : space == ColourSpace::kAdobeRgb ? kAdobe : kSrgb;
  const std::array<cmsToneCurve*, 3> curves{curve.get(), curve.get(), curve.get()};
  return Profile(cmsCreateRGBProfile(romm ? &kD50 : &kD65, &primaries, curves.data()));
}

std::string profile_file(ColourSpace space, unsigned channels) {
  const Profile profile = make_profile(space, channels);
  const Text name(cmsMLUalloc(nullptr, 1));
  cmsUInt32Number length = 0;
  if (profile == nullptr || name == nullptr || !cmsMLUsetASCII(name.get(), "en", "US", name_of(space, channels)) ||
      !cmsWriteTag(profile.get(), cmsSigProfileDescriptionTag, name.get()) ||
      !cmsSaveProfileToMem(profile.get(), nullptr, &length)) {
    return "";
  }
  std::string file(length, '\0');
  if (!cmsSaveProfileToMem(profile.get(), file.data(), &length)) return "";
  // The time at which it was made would make each node's pictures others: 2000-01-01, as big endian 16-bit numbers.
  constexpr std::array<char, 12> kMade{'\x07', '\xD0', 0, 1, 0, 1, 0, 0, 0, 0, 0, 0};
  std::copy(kMade.begin(), kMade.end(), file.begin() + 24);
  return file;
}

}  // namespace

const std::string& well_known_profile(ColourSpace space, unsigned channels) {
  static const std::array<std::string, 6> files = [] {
    std::array<std::string, 6> made;
    for (unsigned i = 0; i < 6; ++i) made[i] = profile_file(static_cast<ColourSpace>(i / 2), i % 2 == 0 ? 1 : 3);
    return made;
  }();
  return files[static_cast<std::size_t>(space) * 2 + (channels == 3 ? 1 : 0)];
}

namespace codecs {

Result<void> convert_colours(Frame& frame, std::string_view profile, ColourSpace to) {
  const auto& shape = frame.shape;
  const bool colour = shape.samples == 3;
  const bool wide = shape.bits_allocated == 16;
  if (shape.is_float || (shape.samples != 1 && !colour) || (shape.bits_allocated != 8 && (!wide || colour))) {
    return Error::unsupported("the colours of such pixels can't be converted");
  }
  const unsigned channels = colour ? 3 : 1;
  if (!profile.empty()) {
    if (const auto problem = profile_problem(profile, channels); !problem.empty()) {
      return Error::invalid("the image's ICC profile can't be used: " + problem);
    }
  }
  const Profile source(profile.empty()
                           ? make_profile(ColourSpace::kSrgb, channels).release()
                           : cmsOpenProfileFromMem(profile.data(), static_cast<cmsUInt32Number>(profile.size())));
  const Profile target = make_profile(to, channels);
  const cmsUInt32Number format = colour ? TYPE_RGB_8 : wide ? TYPE_GRAY_16 : TYPE_GRAY_8;
  // What the profile itself asks for; "perceptual" is recommended (PS3.3 C.11.15.1.1).
  const Transform transform(source == nullptr || target == nullptr
                                ? nullptr
                                : cmsCreateTransform(source.get(), format, target.get(), format,
                                                     cmsGetHeaderRenderingIntent(source.get()), cmsFLAGS_NOCACHE));
  if (transform == nullptr) return Error::invalid("the image's ICC profile can't be used: it is damaged");
  const std::size_t line = std::size_t{shape.columns} * channels * (wide ? 2 : 1);
  std::string converted(frame.bytes.size(), '\0');
  for (std::uint32_t row = 0; row < shape.rows; ++row) {
    cmsDoTransform(transform.get(), frame.bytes.data() + row * line, converted.data() + row * line, shape.columns);
  }
  frame.bytes = std::move(converted);
  return {};
}

}  // namespace codecs
}  // namespace gantry::pixels

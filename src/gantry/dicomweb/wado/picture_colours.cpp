#include "gantry/dicomweb/wado/picture_colours.hpp"

#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::dicomweb::wado {
namespace {

using pixels::AttributeItem;
using pixels::ColourSpace;

const std::string* stored_profile(const AttributeItem& set) {
  const auto* found = set.find({0x0028, 0x2000});
  if (found == nullptr) {
    const auto* path = set.item({0x0048, 0x0105});
    if (path != nullptr) found = path->find({0x0028, 0x2000});
  }
  return found == nullptr || found->bytes.empty() ? nullptr : &found->bytes;
}

/// The profile without the byte that makes its length even.
std::string trimmed(const std::string& stored) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < 4 && i < stored.size(); ++i) {
    length = length << 8 | static_cast<unsigned char>(stored[i]);
  }
  return length + 1U == stored.size() ? stored.substr(0, length) : stored;
}

Result<std::string> source_profile(const AttributeItem& image, const AttributeItem* state, unsigned channels) {
  if (channels != 3) return pixels::well_known_profile(ColourSpace::kSrgb, channels);
  const std::string* stored = state == nullptr ? nullptr : stored_profile(*state);
  if (stored == nullptr) stored = stored_profile(image);
  if (stored != nullptr) {
    auto profile = trimmed(*stored);
    if (const auto problem = pixels::profile_problem(profile, channels); !problem.empty()) {
      return Error::invalid("the image's ICC profile can't be used: " + problem +
                            "; iccprofile=no gives its colours as they are stored");
    }
    return profile;
  }
  const auto name = image.text({0x0028, 0x2002});
  return pixels::well_known_profile(name == "ADOBERGB"  ? ColourSpace::kAdobeRgb
                                    : name == "ROMMRGB" ? ColourSpace::kRommRgb
                                                        : ColourSpace::kSrgb,
                                    channels);
}

}  // namespace

Result<std::string> settle_colours(pixels::FrameCodec& codec, const AttributeItem& image, const AttributeItem* state,
                                   std::optional<ColourSpace> to, pixels::Picture& picture) {
  GANTRY_LET(auto profile, source_profile(image, state, picture.channels));
  if (!to) return profile;
  const std::string& wanted = pixels::well_known_profile(*to, picture.channels);
  if (profile == wanted) return profile;
  pixels::FrameShape shape;
  shape.rows = picture.height;
  shape.columns = picture.width;
  shape.samples = static_cast<std::uint16_t>(picture.channels);
  shape.bits_allocated = shape.bits_stored = static_cast<std::uint16_t>(picture.bits);
  shape.high_bit = static_cast<std::uint16_t>(picture.bits - 1);
  shape.photometric = picture.channels == 3 ? "RGB" : "MONOCHROME2";
  shape.transfer_syntax = dicom::kExplicitLittleEndian;
  pixels::CodecTarget target{std::string(dicom::kExplicitLittleEndian)};
  target.colours = to;
  target.profile = profile;
  const std::string samples(picture.bytes.begin(), picture.bytes.end());
  GANTRY_LET(const auto converted, codec.convert(shape, samples, target));
  picture.bytes.assign(converted.bytes.begin(), converted.bytes.end());
  return wanted;
}

}  // namespace gantry::dicomweb::wado

#include "gantry/dicomweb/wado/picture_maker.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/pictures/pictures.hpp"

namespace gantry::dicomweb::wado {
namespace {

constexpr std::uint64_t kGifPixelsMost = 256U << 20;  // of all frames together
constexpr double kDelayMs = 100;

const std::string& native() {
  static const std::string syntax(dicom::kExplicitLittleEndian);
  return syntax;
}

unsigned delay_of(const pixels::AttributeItem& set) {
  double delay = set.number({0x0018, 0x1063}).value_or(0);  // Frame Time
  if (delay <= 0) {
    const auto rate = set.number({0x0018, 0x0040}).value_or(set.number({0x0008, 0x2144}).value_or(0));
    delay = rate > 0 ? 1000 / rate : kDelayMs;
  }
  return static_cast<unsigned>(std::clamp(delay, 20.0, 60'000.0));
}

/// kTooLarge beyond what one answer may cost.
Result<std::string> make_gif(archive::PixelService& service, const archive::InstancePtr& instance,
                             const archive::ImagePtr& image, const std::vector<std::uint32_t>& frames,
                             const pixels::RenderOptions& options) {
  if (image->shape.pixels() * frames.size() > kGifPixelsMost) {
    return Error::too_large("a moving GIF of " + std::to_string(frames.size()) +
                            " such frames is too large; ask for fewer frames");
  }
  const auto make_frame = service.frames_of(instance, image, native());
  std::optional<pixels::GifWriter> gif;
  for (const auto number : frames) {
    GANTRY_LET(const auto frame, make_frame(number));
    GANTRY_LET(const auto picture, pixels::render_frame(*frame, *image, number, options));
    if (!gif) {
      gif.emplace(picture.width, picture.height, picture.channels == 3, delay_of(*image->data_set), frames.size() > 1);
    }
    GANTRY_TRY(gif->add(picture));
  }
  return gif->finish();
}

}  // namespace

Result<pixels::Frame> make_picture(archive::PixelService& pixels, const archive::InstancePtr& instance,
                                   const std::vector<std::uint32_t>& frames, const RenderRequest& request,
                                   std::string_view media_type) {
  GANTRY_LET(const archive::ImagePtr image, pixels.image(*instance));
  auto options = options_for(request, image->shape.columns, image->shape.rows);
  options.sixteen_bits = options.sixteen_bits && media_type == kPngPicture;
  pixels::Frame made;
  if (media_type == kGifPicture) {
    GANTRY_LET(made.bytes, make_gif(pixels, instance, image, frames, options));
    return made;
  }
  GANTRY_LET(const auto frame, pixels.frame(instance, frames.front(), native()));
  GANTRY_LET(const auto picture, pixels::render_frame(*frame, *image, frames.front(), options));
  std::string profile;
  if (request.icc_profile && picture.channels == 3) {
    if (const auto* icc = image->data_set->find({0x0028, 0x2000})) profile = icc->bytes;
  }
  if (media_type == kPngPicture) {
    GANTRY_LET(made.bytes, pixels::write_png(picture, profile));
  } else {
    GANTRY_LET(made.bytes, pixels::write_jpeg(picture, request.quality, profile));
  }
  return made;
}

Task<Result<archive::FramePtr>> fetch_picture(archive::PixelService& pixels, archive::InstancePtr instance,
                                              std::vector<std::uint32_t> frames, RenderRequest request,
                                              std::string media_type) {
  std::string name = "rendered " + media_type + " " + request.canonical();
  for (const auto number : frames) name += " " + std::to_string(number);
  std::function<Result<pixels::Frame>()> make = [&pixels, instance, frames = std::move(frames),
                                                 request = std::move(request), media_type] {
    return make_picture(pixels, instance, frames, request, media_type);
  };
  co_return co_await pixels.fetch(std::move(instance), std::move(name), std::move(make));
}

}  // namespace gantry::dicomweb::wado

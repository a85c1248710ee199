#include "gantry/dicomweb/wado/picture_maker.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/wado/picture_colours.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/presentation/burned_in.hpp"
#include "gantry/pixels/presentation/render_presented.hpp"

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

/// A picture and the ICC profile that it is to carry ("": none).
struct Drawn {
  pixels::Picture picture;
  std::string profile;
};

/// Decodes nothing: shows a frame as the request wants it.
class Painter {
 public:
  Painter(archive::PixelService& service, const archive::LocatedInstance& instance, const archive::ImagePtr& image,
          const RenderRequest& request, bool sixteen_bits)
      : service_(service),
        instance_(instance),
        image_(*image),
        request_(request),
        options_(options_for(request, image->shape.columns, image->shape.rows)) {
    options_.sixteen_bits = options_.sixteen_bits && sixteen_bits;
  }

  Result<Drawn> draw(const pixels::Frame& frame, std::uint32_t number) const {
    Drawn drawn;
    if (request_.state == nullptr) {
      GANTRY_LET(drawn.picture, pixels::render_frame(frame, image_, number, options_));
    } else {
      GANTRY_LET(drawn.picture, pixels::render_presented(frame, image_, instance_.sop.view(), number, *request_.state,
                                                         request_.font.get(), options_));
    }
    if (request_.icc_profile) {
      const auto* state_set = request_.state == nullptr ? nullptr : request_.state->data_set.get();
      GANTRY_LET(drawn.profile, settle_colours(service_.codec(), *image_.data_set, state_set, request_.colours,
                                               drawn.picture));
    }
    GANTRY_TRY(annotate(number, drawn.picture));
    return drawn;
  }

 private:
  Result<void> annotate(std::uint32_t number, pixels::Picture& picture) const {
    if (!request_.patient && !request_.technique) return {};
    if (request_.font == nullptr) return Error::unsupported("annotation: this server found no fonts to write with");
    using Lines = std::vector<std::string>;
    const auto patient = request_.patient ? pixels::patient_lines(*image_.data_set) : Lines();
    const auto technique = request_.technique ? pixels::technique_lines(image_, number) : Lines();
    return pixels::burn_in(patient, technique, *request_.font, picture);
  }

  archive::PixelService& service_;
  const archive::LocatedInstance& instance_;
  const pixels::ImageAttributes& image_;
  const RenderRequest& request_;
  pixels::RenderOptions options_;
};

/// kTooLarge beyond what one answer may cost.
Result<std::string> make_gif(archive::PixelService& service, const archive::InstancePtr& instance,
                             const archive::ImagePtr& image, const std::vector<std::uint32_t>& frames,
                             const Painter& painter) {
  if (image->shape.pixels() * frames.size() > kGifPixelsMost) {
    return Error::too_large("a moving GIF of " + std::to_string(frames.size()) +
                            " such frames is too large; ask for fewer frames");
  }
  const auto make_frame = service.frames_of(instance, image, native());
  std::optional<pixels::GifWriter> gif;
  for (const auto number : frames) {
    GANTRY_LET(const auto frame, make_frame(number));
    GANTRY_LET(const auto drawn, painter.draw(*frame, number));
    const auto& picture = drawn.picture;
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
  const Painter painter(pixels, *instance, image, request, media_type == kPngPicture);
  pixels::Frame made;
  if (media_type == kGifPicture) {
    GANTRY_LET(made.bytes, make_gif(pixels, instance, image, frames, painter));
    return made;
  }
  GANTRY_LET(const auto frame, pixels.frame(instance, frames.front(), native()));
  GANTRY_LET(const auto drawn, painter.draw(*frame, frames.front()));
  if (media_type == kPngPicture) {
    GANTRY_LET(made.bytes, pixels::write_png(drawn.picture, drawn.profile));
  } else {
    GANTRY_LET(made.bytes, pixels::write_jpeg(drawn.picture, request.quality, drawn.profile));
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

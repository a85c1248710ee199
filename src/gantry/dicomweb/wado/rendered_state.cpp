#include "gantry/dicomweb/wado/rendered_state.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/picture_maker.hpp"
#include "gantry/dicomweb/wado/picture_stream.hpp"
#include "gantry/dicomweb/wado/rendered_answer.hpp"
#include "gantry/pixels/attribute_tree.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

/// Of one state, images or frames that are listed before the answer begins.
constexpr std::size_t kFramesMost = 10'000;

std::uint32_t frames_in(const archive::LocatedInstance& instance) {
  using Kind = dicom::PixelLayout::Kind;
  const auto& pixels = instance.layout->pixels;
  return pixels.kind == Kind::kNative || pixels.kind == Kind::kEncapsulated ? pixels.frames : 0;
}

std::vector<std::uint32_t> frames_of(const pixels::ImageReference& reference, std::uint32_t count) {
  std::vector<std::uint32_t> frames;
  if (reference.frames.empty()) {
    for (std::uint32_t number = 1; number <= count && frames.size() < kFramesMost; ++number) frames.push_back(number);
    return frames;
  }
  for (const auto number : reference.frames) {
    if (number >= 1 && number <= count) frames.push_back(number);
  }
  return frames;
}

Result<StateImages> list_images(Services& services, const RequestContext& context, const StudyUid& study,
                                const pixels::PresentationState& state) {
  const Error too_many = Error::too_large("the presentation state names more than " + std::to_string(kFramesMost) +
                                          " images or frames; ask for its images one by one");
  StateImages images;
  std::size_t total = 0;
  for (const auto& [series, image] : state.images) {
    if (!is_valid_uid(series) || !is_valid_uid(image.sop)) {
      ++images.missing;
      continue;
    }
    const auto located = services.retrieves.locate(context, study, SeriesUid(series), SopUid(image.sop));
    if (!located && located.error().kind() != ErrorKind::kNotFound) return located.error();
    auto frames = located ? frames_of(image, frames_in(**located)) : std::vector<std::uint32_t>();
    if (frames.empty()) {
      ++images.missing;
      continue;
    }
    total += frames.size();
    if (total > kFramesMost) return too_many;
    images.found.push_back({SeriesUid(series), SopUid(image.sop), (*located)->object_key, std::move(frames)});
  }
  if (images.found.empty()) {
    return Error::not_found("none of the images that the presentation state is for is in this archive");
  }
  return images;
}

/// A state's images, a part for each frame; a GIF has all frames of an image.
class StatePictures final : public PictureStream {
 public:
  StatePictures(Services& services, RequestContext context, StudyUid study, std::vector<StateImage> images,
                RenderRequest request, std::string media_type, MultipartPlan parts)
      : PictureStream(std::move(media_type), std::move(parts)),
        services_(services),
        context_(std::move(context)),
        study_(std::move(study)),
        images_(std::move(images)),
        request_(std::move(request)) {}

  /// Makes the first, so that what can't be shown is said by a status.
  Result<void> begin() {
    GANTRY_LET(first_, make_next());
    return {};
  }

 private:
  Result<std::optional<Part>> next() override {
    if (first_) return std::exchange(first_, std::nullopt);
    return make_next();
  }

  Result<std::optional<Part>> make_next() {
    if (image_ == images_.size()) return std::optional<Part>();
    const StateImage& image = images_[image_];
    const bool all = media_type() == kGifPicture;
    const std::vector<std::uint32_t> frames = all ? image.frames : std::vector<std::uint32_t>{image.frames[frame_]};
    GANTRY_LET(const auto instance, services_.retrieves.locate(context_, study_, image.series, image.sop));
    GANTRY_LET(auto picture, make_picture(*services_.pixels, instance, frames, request_, media_type()));
    ++frame_;
    if (all || frame_ == image.frames.size()) {
      ++image_;
      frame_ = 0;
    }
    // A frame as a state shows it has no URL of its own.
    return std::optional<Part>({"", std::move(picture.bytes)});
  }

  Services& services_;
  RequestContext context_;
  StudyUid study_;
  std::vector<StateImage> images_;
  RenderRequest request_;
  std::size_t image_ = 0, frame_ = 0;
  std::optional<Part> first_;
};

Task<Response> give_first(Services& services, Request& request, StudyUid study, StateImage image, RenderRequest wanted,
                          std::string media_type) {
  InstancePath path;
  path.study = std::move(study);
  path.series = image.series;
  path.sop = image.sop;
  auto found = co_await find_instance(services, request.context, path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  if (media_type != kGifPicture) image.frames.resize(1);
  auto picture = co_await fetch_picture(*services.pixels, instance, image.frames, wanted, media_type);
  if (!picture) co_return not_rendered(picture.error());
  Response response;
  response.headers.set("Content-Type", media_type);
  response.body.add(http::SharedBytes(*picture, &(*picture)->bytes));
  response.ranges = true;
  co_return response;
}

Task<Response> give_all(Services& services, Request& request, StudyUid study, std::vector<StateImage> images,
                        RenderRequest wanted, std::string media_type, std::string etag) {
  MultipartPlan parts(etag, services.settings);
  Response response;
  response.headers.set("Content-Type", multipart_content_type(media_type, parts.boundary()));
  auto open = [&services, context = request.context, study = std::move(study), images = std::move(images),
               wanted = std::move(wanted), media_type,
               parts = std::move(parts)]() mutable -> Result<std::shared_ptr<ByteStream>> {
    auto stream = std::make_shared<StatePictures>(services, std::move(context), std::move(study), std::move(images),
                                                  std::move(wanted), std::move(media_type), std::move(parts));
    GANTRY_TRY(stream->begin());
    return std::shared_ptr<ByteStream>(std::move(stream));
  };
  auto stream = co_await run_on(services.pixels->pool(), request.context.tenant.view(), std::move(open));
  if (!stream) co_return not_rendered(stream.error());
  response.body.add(http::Produced{*std::move(stream), std::nullopt, &services.pixels->pool()});
  co_return response;
}

}  // namespace

Task<Result<RenderRequest>> with_state(Services& services, const RequestContext& context, archive::InstancePtr instance,
                                       RenderRequest wanted) {
  const std::string tenant(context.tenant.view());
  auto work = [instance]() -> Result<std::shared_ptr<const pixels::PresentationState>> {
    GANTRY_LET(auto set, pixels::read_attributes({instance->file, instance->layout}));
    GANTRY_LET(auto state, pixels::parse_presentation_state(std::move(set)));
    return std::make_shared<const pixels::PresentationState>(std::move(state));
  };
  auto state = co_await run_on(services.disk_pool, tenant, std::move(work));
  if (!state) co_return state.error();
  wanted.state = *std::move(state);
  wanted.state_key = instance->object_key.str();
  co_return wanted;
}

Task<Result<StateImages>> images_of(Services& services, const RequestContext& context, const StudyUid& study,
                                    std::shared_ptr<const pixels::PresentationState> state) {
  auto work = [&services, context, study, state = std::move(state)] {
    return list_images(services, context, study, *state);
  };
  co_return co_await run_on(services.disk_pool, context.tenant.view(), std::move(work));
}

Task<Response> render_state(Services& services, Request& request, archive::InstancePtr instance, RenderRequest wanted) {
  const auto query = http::parse_query(request.query);
  const auto offers = picture_offers(true, true);
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  const std::string media_type = offer->media_type;
  const bool multipart = offer->multipart;
  if (auto refusal = check_profile(wanted, media_type)) co_return *std::move(refusal);
  if (const auto allowed = check_beside_state(wanted); !allowed) co_return http::problem(allowed.error());

  auto with = co_await with_state(services, request.context, instance, std::move(wanted));
  if (!with) co_return not_rendered(with.error());
  wanted = *std::move(with);
  auto images = co_await images_of(services, request.context, instance->study, wanted.state);
  if (!images) co_return http::problem(images.error());
  if (!multipart) images->found.resize(1);
  std::string keys;
  for (const auto& image : images->found) keys += image.object_key.str() + " ";
  const std::string etag = make_etag({"rendered state", request.context.tenant.view(), wanted.canonical(), keys,
                                      media_type, multipart ? "multipart" : "single"});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);
  if (images->missing > 0) {
    wanted.warnings.push_back(std::to_string(images->missing) +
                              " of the images that the presentation state is for are not in this archive");
  }
  const auto warnings = wanted.warnings;
  Response response;
  if (multipart) {
    response = co_await give_all(services, request, instance->study, std::move(images->found), std::move(wanted),
                                 media_type, etag);
  } else {
    response = co_await give_first(services, request, instance->study, std::move(images->found.front()),
                                   std::move(wanted), media_type);
  }
  if (response.status != 200) co_return response;
  set_cache_headers(response, etag);
  for (const auto& text : warnings) add_warning(response, uri_root(services.settings, request), text);
  co_return response;
}

}  // namespace gantry::dicomweb::wado

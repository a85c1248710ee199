// Rendered resources and thumbnails (PS3.18 §10.4.1.1.3, §10.4.1.1.4, §8.3.5): pictures of images, documents and videos
// as they are stored.

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/document_type.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/picture_maker.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"
#include "gantry/dicomweb/wado/rendered_answer.hpp"
#include "gantry/dicomweb/wado/rendered_parts.hpp"
#include "gantry/dicomweb/wado/rendered_state.hpp"

namespace gantry::dicomweb::wado {
namespace {

using dicom::PixelLayout;
using http::Request;
using http::Response;

constexpr std::uint32_t kThumbnailSide = 256;
/// Of a series or study: so many instances are looked at for one that can be shown.
constexpr std::size_t kThumbnailTriesMost = 16;
/// Of an instance: so many frames are listed in memory at once; a GIF of more is too large anyway.
constexpr std::uint32_t kFramesListedMost = 10'000;

void add_warnings(Response& response, const RenderRequest& wanted, std::string_view service) {
  for (const auto& text : wanted.warnings) add_warning(response, service, text);
}

Response picture_response(const archive::FramePtr& picture, const std::string& media_type, const std::string& etag) {
  Response response;
  response.headers.set("Content-Type", media_type);
  set_cache_headers(response, etag);
  response.body.add(http::SharedBytes(picture, &picture->bytes));
  response.ranges = true;
  return response;
}

/// What is shown of one instance.
struct Shown {
  InstancePath path;
  archive::InstancePtr instance;
  std::vector<std::uint32_t> frames;
  bool all_frames = false;  ///< of the instance, rather than those that were named
};

Task<Response> render_image(Services& services, Request& request, Shown shown, RenderRequest wanted) {
  const auto query = http::parse_query(request.query);
  const auto offers = picture_offers(true, true);
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  if (auto refusal = check_profile(wanted, offer->media_type)) co_return *std::move(refusal);

  const std::string root = uri_root(services.settings, request);
  std::string list;
  for (const auto number : shown.frames) list += std::to_string(number) + ",";
  const std::string etag =
      make_etag({"rendered", request.context.tenant.view(), shown.instance->object_key.view(), list, wanted.canonical(),
                 offer->media_type, offer->multipart ? root : ""});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);
  const std::string media_type = offer->media_type;
  auto& pixels = *services.pixels;

  if (!offer->multipart) {
    // One picture of many frames is the first; a GIF moves.
    if (media_type != kGifPicture) shown.frames.resize(1);
    auto picture = co_await fetch_picture(pixels, shown.instance, shown.frames, wanted, media_type);
    if (!picture) co_return not_rendered(picture.error());
    Response response = picture_response(*picture, media_type, etag);
    add_warnings(response, wanted, root);
    co_return response;
  }
  const std::vector<std::uint32_t> first{shown.frames.front()};
  auto picture = co_await fetch_picture(pixels, shown.instance, first, wanted, media_type);
  if (!picture) co_return not_rendered(picture.error());
  MultipartPlan parts(etag, services.settings);
  Response response;
  response.headers.set("Content-Type", multipart_content_type(media_type, parts.boundary()));
  set_cache_headers(response, etag);
  add_warnings(response, wanted, root);
  auto stream = rendered_frames(pixels, shown.instance, shown.frames, wanted, media_type,
                                root + shown.path.to_string() + "/frames/", std::move(parts));
  response.body.add(http::Produced{std::move(stream), std::nullopt, &pixels.pool()});
  co_return response;
}

/// Documents and videos as they are stored; 404 for what has nothing to be shown.
Task<Response> give_stored(Services& services, Request& request, const InstancePath& path,
                           archive::InstancePtr instance) {
  const auto query = http::parse_query(request.query);
  const auto& layout = *instance->layout;
  const auto* document = layout.find_bulk(kEncapsulatedDocument);
  const auto* syntax = dicom::find_transfer_syntax(instance->transfer_syntax);
  const bool video = layout.pixels.kind == PixelLayout::Kind::kUnusable && syntax != nullptr && syntax->video;
  if (document == nullptr && !video) {
    co_return http::problem(404, layout.pixels.kind == PixelLayout::Kind::kUnusable
                                     ? "the instance has nothing that can be rendered: " + layout.pixels.problem
                                     : "the instance has nothing that can be rendered");
  }
  std::string media_type;
  if (video) {
    media_type = syntax->frame_media_type;
  } else {
    auto work = [&services, context = request.context, path] { return document_type(services, context, path); };
    auto found = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
    if (!found) co_return http::problem(found.error());
    media_type = found->empty() ? "application/octet-stream" : *std::move(found);
  }
  std::array<Offer, 2> offers;
  offers[1].multipart = true;
  for (auto& offer : offers) offer.media_type = media_type;
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  const std::string etag = make_etag({"rendered stored", request.context.tenant.view(), instance->object_key.view(),
                                      offer->multipart ? "multipart" : "single"});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);
  PixelSource source(instance);
  auto segments = video ? source.whole() : source.value(*document);
  if (offer->multipart) {
    MultipartPlan parts(etag, services.settings);
    parts.begin_part(media_type, "", uri_root(services.settings, request) + path.to_string() + "/rendered");
    for (auto& segment : segments) parts.add(std::move(segment));
    co_return parts.finish(media_type);
  }
  Response response;
  response.headers.set("Content-Type", media_type);
  set_cache_headers(response, etag);
  response.body.segments = std::move(segments);
  response.ranges = can_be_ranged(response.body);
  co_return response;
}

bool is_image(const archive::LocatedInstance& instance) {
  const auto kind = instance.layout->pixels.kind;
  return kind == PixelLayout::Kind::kNative || kind == PixelLayout::Kind::kEncapsulated;
}

Task<Response> render_instance(Services& services, Request& request, const InstancePath& path, RenderRequest wanted) {
  auto found = co_await find_instance(services, request.context, path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  const std::string& named = request.parameter("frames");
  if (!is_image(*instance)) {
    if (!named.empty()) co_return http::problem(404, "the instance has no frames by number");
    if (pixels::is_any_presentation_state(instance->sop_class)) {
      co_return co_await render_state(services, request, instance, std::move(wanted));
    }
    co_return co_await give_stored(services, request, path, instance);
  }
  Shown shown{path, instance, {}, named.empty()};
  if (named.empty()) {
    const auto count = std::min(instance->layout->pixels.frames, kFramesListedMost);
    for (std::uint32_t number = 1; number <= count; ++number) shown.frames.push_back(number);
  } else {
    auto numbers = parse_frame_list(named);
    if (!numbers) co_return http::problem(numbers.error());
    shown.frames = *std::move(numbers);
  }
  for (const auto number : shown.frames) {
    if (const auto frame = instance->layout->frame(number); !frame) co_return http::problem(frame.error());
  }
  if (shown.frames.empty()) co_return http::problem(404, "the instance has no frames");
  co_return co_await render_image(services, request, std::move(shown), std::move(wanted));
}

struct Listing {
  std::uint64_t version = 0;
  archive::InstanceList list;
};

Task<Result<Listing>> list_instances(Services& services, const RequestContext& context, const InstancePath& path) {
  // The version is read first: what changes in between makes the next request's ETag another one.
  auto work = [&services, context, path]() -> Result<Listing> {
    Listing listing;
    GANTRY_LET(listing.version, services.retrieves.version(context, path.study, path.series));
    GANTRY_LET(listing.list, services.retrieves.instances(context, path.study, path.series));
    return listing;
  };
  co_return co_await run_on(services.index_pool, context.tenant.view(), std::move(work));
}

Task<Response> render_many(Services& services, Request& request, const InstancePath& path, RenderRequest wanted) {
  auto listed = co_await list_instances(services, request.context, path);
  if (!listed) co_return http::problem(listed.error());
  const auto query = http::parse_query(request.query);
  const auto offers = picture_offers(false, true);
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  if (auto refusal = check_profile(wanted, offer->media_type)) co_return *std::move(refusal);
  const std::string root = uri_root(services.settings, request);
  const std::string etag =
      make_etag({"rendered", request.context.tenant.view(), path.to_string(), std::to_string(listed->version),
                 wanted.canonical(), offer->media_type, root});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  MultipartPlan parts(etag, services.settings);
  Response response;
  response.headers.set("Content-Type", multipart_content_type(offer->media_type, parts.boundary()));
  set_cache_headers(response, etag);
  add_warnings(response, wanted, root);
  auto open = [&services, context = request.context, study = path.study, list = std::move(listed->list), wanted,
               media_type = offer->media_type, study_root = root + "/studies/" + path.study.str(),
               parts = std::move(parts)]() mutable {
    return rendered_instances(services, std::move(context), std::move(study), std::move(list), std::move(wanted),
                              std::move(media_type), std::move(study_root), std::move(parts));
  };
  auto stream = co_await run_on(services.pixels->pool(), request.context.tenant.view(), std::move(open));
  if (!stream) co_return not_rendered(stream.error());
  response.body.add(http::Produced{*std::move(stream), std::nullopt, &services.pixels->pool()});
  co_return response;
}

/// The instance that stands for a series or study: the middle one, or the next that can be shown.
Task<Result<archive::InstancePtr>> representative(Services& services, const RequestContext& context,
                                                  const InstancePath& path, archive::InstanceList list) {
  auto work = [&services, context, study = path.study, list = std::move(list)]() -> Result<archive::InstancePtr> {
    const auto& all = list.first;
    for (std::size_t i = 0; i < std::min(all.size(), kThumbnailTriesMost); ++i) {
      const auto& candidate = all[(all.size() / 2 + i) % all.size()];
      GANTRY_LET(auto instance, services.retrieves.locate(context, study, candidate.series, candidate.sop));
      if (is_image(*instance)) return instance;
    }
    return Error::not_found("nothing in here can be shown as a picture");
  };
  co_return co_await run_on(services.disk_pool, context.tenant.view(), std::move(work));
}

struct Asked {
  InstancePath path;
  RenderRequest wanted;
};

/// kInvalid: what is wrong with the request.
Result<Asked> asked_of(const Services& services, const Request& request) {
  GANTRY_LET(auto path, instance_path(request));
  GANTRY_LET(const auto query, http::parse_query(request.query));
  GANTRY_LET(auto wanted, parse_render_request(query));
  wanted.font = services.font;
  return Asked{std::move(path), std::move(wanted)};
}

std::optional<Response> check_codecs(const Services& services) {
  if (services.pixels != nullptr) return std::nullopt;
  return http::problem(406, "this server renders no images; frames and bulkdata give the pixels as they were stored");
}

}  // namespace

Task<Response> retrieve_rendered(Services& services, Request& request) {
  if (auto refusal = check_codecs(services)) co_return *std::move(refusal);
  auto asked = asked_of(services, request);
  if (!asked) co_return http::problem(asked.error());
  if (asked->path.sop) co_return co_await render_instance(services, request, asked->path, std::move(asked->wanted));
  co_return co_await render_many(services, request, asked->path, std::move(asked->wanted));
}

Task<Response> retrieve_thumbnail(Services& services, Request& request) {
  if (auto refusal = check_codecs(services)) co_return *std::move(refusal);
  auto asked = asked_of(services, request);
  if (!asked) co_return http::problem(asked.error());
  const InstancePath* const path = &asked->path;
  RenderRequest* const wanted = &asked->wanted;
  if (!wanted->options.viewport) {
    wanted->options.viewport.emplace();
    wanted->options.viewport->width = wanted->options.viewport->height = kThumbnailSide;
  }
  const auto offers = picture_offers(true, false);
  const auto query = http::parse_query(request.query);
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  if (auto refusal = check_profile(*wanted, offer->media_type)) co_return *std::move(refusal);

  archive::InstancePtr instance;
  std::optional<std::uint32_t> state_frame;
  if (path->sop) {
    auto found = co_await find_instance(services, request.context, *path);
    if (!found) co_return http::problem(found.error());
    instance = *found;
    if (pixels::is_any_presentation_state(instance->sop_class)) {
      if (!request.parameter("frames").empty()) co_return http::problem(404, "the instance has no frames by number");
      if (const auto allowed = check_beside_state(*wanted); !allowed) co_return http::problem(allowed.error());
      auto with = co_await with_state(services, request.context, instance, std::move(*wanted));
      if (!with) co_return not_rendered(with.error());
      *wanted = *std::move(with);
      auto images = co_await images_of(services, request.context, path->study, wanted->state);
      if (!images) co_return http::problem(images.error());
      const InstancePath first{path->study, images->found.front().series, images->found.front().sop};
      state_frame = images->found.front().frames.front();
      auto located = co_await find_instance(services, request.context, first);
      if (!located) co_return http::problem(located.error());
      instance = *located;
    }
    if (!is_image(*instance)) co_return http::problem(404, "the instance has nothing that can be shown as a picture");
  } else {
    auto listed = co_await list_instances(services, request.context, *path);
    if (!listed) co_return http::problem(listed.error());
    auto found = co_await representative(services, request.context, *path, std::move(listed->list));
    if (!found) co_return http::problem(found.error());
    instance = *found;
  }
  // The middle shows more than the first frame of a run, which often is empty.
  std::uint32_t number = state_frame.value_or(std::max(1U, (instance->layout->pixels.frames + 1) / 2));
  const std::string& named = request.parameter("frames");
  if (!named.empty()) {
    const auto numbers = parse_frame_list(named);
    if (!numbers) co_return http::problem(numbers.error());
    number = numbers->front();
    if (const auto frame = instance->layout->frame(number); !frame) co_return http::problem(frame.error());
  }
  const std::string etag = make_etag({"thumbnail", request.context.tenant.view(), instance->object_key.view(),
                                      std::to_string(number), wanted->canonical(), offer->media_type});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);
  const std::string media_type = offer->media_type;
  const std::vector<std::uint32_t> frames{number};
  auto picture = co_await fetch_picture(*services.pixels, instance, frames, *wanted, media_type);
  if (!picture) co_return not_rendered(picture.error());
  Response response = picture_response(*picture, media_type, etag);
  add_warnings(response, *wanted, uri_root(services.settings, request));
  co_return response;
}

}  // namespace gantry::dicomweb::wado

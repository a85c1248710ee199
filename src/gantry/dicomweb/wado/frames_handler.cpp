// Frames (PS3.18 §10.4.1.1.6): parts cut out of the object by the layout that was written when it came in.

#include <utility>

#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/converted_frames.hpp"
#include "gantry/dicomweb/wado/delivery.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"

namespace gantry::dicomweb::wado {

using http::Request;
using http::Response;

Task<Response> retrieve_frames(Services& services, Request& request) {
  const auto path = instance_path(request);
  if (!path) co_return http::problem(path.error());
  const std::string& list = request.parameter("frames");
  const auto numbers = parse_frame_list(list);
  if (!numbers) co_return http::problem(numbers.error());
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());

  auto found = co_await find_instance(services, request.context, *path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  const auto& pixels = instance->layout->pixels;
  if (pixels.kind == dicom::PixelLayout::Kind::kNone) co_return http::problem(404, "the instance has no Pixel Data");
  if (pixels.kind == dicom::PixelLayout::Kind::kUnusable) {
    co_return http::problem(406, "frames of this instance can't be had by number: " + pixels.problem);
  }

  // Known before the ETag is asked for: a frame that is not there has no representation that If-None-Match: * could
  // name.
  for (const auto number : *numbers) {
    if (const auto frame = instance->layout->frame(number); !frame) co_return http::problem(frame.error());
  }

  const auto type = pixel_type(*instance);
  const auto can = frame_offers(services, *instance, type, numbers->size() == 1);
  const auto& offers = can.offers;
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers, type.compressed ? no_decoder_hint() : std::string());

  const std::string& target = can.targets[static_cast<std::size_t>(offer - offers.data())];

  const std::string root = uri_root(services.settings, request);
  const std::string etag = make_etag({"frames", target, request.context.tenant.view(), instance->object_key.view(), list,
                                      offer->multipart ? "multipart" : "single", root});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  if (!target.empty()) {
    FrameLocation location = [&](std::uint32_t number) {
      return root + path->to_string() + "/frames/" + std::to_string(number);
    };
    co_return co_await converted_frames(services, instance, *numbers, *offer, target, etag, std::move(location));
  }
  PixelSource source(instance);
  if (offer->multipart) {
    MultipartPlan parts(etag, services.settings);
    for (const auto number : *numbers) {
      auto segments = source.frame(number);
      if (!segments) co_return http::problem(segments.error());
      parts.begin_part(type.media_type, type.transfer_syntax,
                       root + path->to_string() + "/frames/" + std::to_string(number));
      for (auto& segment : *segments) parts.add(std::move(segment));
    }
    co_return parts.finish(type.media_type);
  }
  auto segments = source.frame(numbers->front());
  if (!segments) co_return http::problem(segments.error());
  Response response;
  response.headers.set("Content-Type", type.media_type + "; transfer-syntax=" + type.transfer_syntax);
  set_cache_headers(response, etag);
  response.body.segments = *std::move(segments);
  response.ranges = can_be_ranged(response.body);
  co_return response;
}

}  // namespace gantry::dicomweb::wado

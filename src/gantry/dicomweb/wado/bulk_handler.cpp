// Bulk data by the path that metadata named (PS3.18 §10.4.1.1.5), and Pixel Data as one of them.

#include <numeric>
#include <optional>
#include <utility>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/converted_frames.hpp"
#include "gantry/dicomweb/wado/delivery.hpp"
#include "gantry/dicomweb/wado/document_type.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/pixel_offers.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"

namespace gantry::dicomweb::wado {
namespace {

using dicom::PixelLayout;
using http::Request;
using http::Response;

Offer octets(bool multipart) {
  Offer offer;
  offer.multipart = multipart;
  offer.media_type = "application/octet-stream";
  offer.transfer_syntax = dicom::kExplicitLittleEndian;
  return offer;
}

Offer document(bool multipart, const std::string& media_type) {
  Offer offer;
  offer.multipart = multipart;
  offer.media_type = media_type;
  return offer;
}

std::string content_type(const Offer& offer) {
  return offer.transfer_syntax.empty() ? offer.media_type
                                       : offer.media_type + "; transfer-syntax=" + offer.transfer_syntax;
}

using Parts = std::vector<std::vector<http::Segment>>;

/// The value's parts: a frame each for compressed Pixel Data, else one.
Result<Parts> cut_parts(PixelSource& source, const archive::LocatedInstance& instance, const dicom::BulkItem* item) {
  Parts parts;
  const auto& pixels = instance.layout->pixels;
  if (item != nullptr) {
    parts.push_back(source.value(*item));
  } else if (pixels.kind == PixelLayout::Kind::kEncapsulated) {
    for (std::uint32_t number = 1; number <= pixels.frames; ++number) {
      GANTRY_LET(auto segments, source.frame(number));
      parts.push_back(std::move(segments));
    }
  } else {
    parts.push_back(source.whole());
  }
  return parts;
}

/// Beyond this many parts the answer's plan is no longer listed in memory.
constexpr std::uint32_t kListedPartsMost = 1000;

Response make_response(Services& services, const Offer& offer, Parts parts, const std::string& etag,
                       const std::string& location) {
  if (offer.multipart) {
    MultipartPlan plan(etag, services.settings);
    for (auto& part : parts) {
      plan.begin_part(offer.media_type, offer.transfer_syntax, location);
      for (auto& segment : part) plan.add(std::move(segment));
    }
    return plan.finish(offer.media_type);
  }
  Response response;
  response.headers.set("Content-Type", content_type(offer));
  response.headers.set("Content-Location", location);
  set_cache_headers(response, etag);
  response.body.segments = std::move(parts.front());
  response.ranges = can_be_ranged(response.body);
  return response;
}

/// Compressed Pixel Data as it would be uncompressed.
Task<Response> decoded_value(Services& services, archive::InstancePtr instance, Offer offer, std::string etag,
                             std::string location) {
  auto& service = *services.pixels;
  const std::string lane(instance->object_key.view().substr(0, instance->object_key.view().find('/')));
  auto work = [&service, instance] { return service.image(*instance); };
  auto image = co_await run_on(service.pool(), lane, std::move(work));
  if (!image) co_return not_convertible(image.error());
  auto first = co_await service.fetch_frame(instance, 1, std::string(dicom::kExplicitLittleEndian));
  if (!first) co_return not_convertible(first.error());
  Parts parts(1);
  parts.front().emplace_back(decoded_frames(service, instance, *std::move(image), *std::move(first)));
  co_return make_response(services, offer, std::move(parts), etag, location);
}

/// A value by the route's path, or Pixel Data where the route has none.
Task<Response> retrieve_value(Services& services, Request& request, bool by_path) {
  const auto path = instance_path(request);
  if (!path) co_return http::problem(path.error());
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  auto found = co_await find_instance(services, request.context, *path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  const auto& pixels = instance->layout->pixels;

  std::string name = request.parameter("path");
  const std::string pixel_name = dicom::to_hex8(pixels.element);
  if (!by_path) name = pixel_name;
  if (name.empty())
    co_return http::problem(404, "which bulk data? The path goes on as the metadata's BulkDataURI does");
  const bool is_pixels = name == pixel_name && pixels.kind != PixelLayout::Kind::kNone;
  const dicom::BulkItem* item = is_pixels ? nullptr : instance->layout->find_bulk(name);
  if (!is_pixels && item == nullptr) {
    co_return http::problem(404,
                            by_path ? "the instance has no bulk data of that path" : "the instance has no Pixel Data");
  }

  std::vector<Offer> offers;
  std::vector<std::string> targets;  ///< of pixels: "" as stored, else what they are converted to
  const auto type = pixel_type(*instance);
  const bool compressed = is_pixels && type.compressed;
  if (is_pixels) {
    const bool one_part = pixels.kind != PixelLayout::Kind::kEncapsulated || pixels.frames == 1;
    auto can = pixel_data_offers(services, *instance, type, pixels.kind == PixelLayout::Kind::kEncapsulated, one_part);
    offers = std::move(can.offers);
    targets = std::move(can.targets);
  } else {
    offers = {octets(false), octets(true)};
  }
  if (name == kEncapsulatedDocument && !is_pixels) {
    auto work = [&services, context = request.context, at = *path] { return document_type(services, context, at); };
    auto media_type = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
    if (!media_type) co_return http::problem(media_type.error());
    if (!media_type->empty()) {
      offers.push_back(document(false, *media_type));
      offers.push_back(document(true, *media_type));
    }
  }
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, offers);
  if (offer == nullptr) co_return not_acceptable(offers, compressed ? no_decoder_hint() : std::string());

  const std::string location = uri_root(services.settings, request) + path->to_string() + "/bulkdata/" + name;
  const std::string etag = make_etag({"bulk", request.context.tenant.view(), instance->object_key.view(), location,
                                      offer->multipart ? "multipart" : "single", offer->media_type,
                                      offer->transfer_syntax});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  const auto chosen = static_cast<std::size_t>(offer - offers.data());
  const std::string target = chosen < targets.size() ? targets[chosen] : std::string();
  if (target == dicom::kExplicitLittleEndian) {
    co_return co_await decoded_value(services, instance, *offer, etag, location);
  }
  if (!target.empty()) {
    std::vector<std::uint32_t> numbers(pixels.frames);
    std::iota(numbers.begin(), numbers.end(), 1U);
    FrameLocation same = [&location](std::uint32_t) { return location; };
    co_return co_await converted_frames(services, instance, std::move(numbers), *offer, target, etag, std::move(same));
  }
  if (compressed && offer->multipart && pixels.kind == PixelLayout::Kind::kEncapsulated &&
      pixels.frames > kListedPartsMost) {
    MultipartPlan plan(etag, services.settings);
    Response response;
    response.headers.set("Content-Type", multipart_content_type(type.media_type, plan.boundary()));
    set_cache_headers(response, etag);
    response.body.add(all_frames(instance, std::move(plan), type, location));
    co_return response;
  }
  PixelSource source(instance);
  auto parts = cut_parts(source, *instance, item);
  if (!parts) co_return http::problem(parts.error());
  co_return make_response(services, *offer, *std::move(parts), etag, location);
}

}  // namespace

Task<Response> retrieve_bulk_data(Services& services, Request& request) {
  co_return co_await retrieve_value(services, request, true);
}

Task<Response> retrieve_pixel_data(Services& services, Request& request) {
  co_return co_await retrieve_value(services, request, false);
}

}  // namespace gantry::dicomweb::wado

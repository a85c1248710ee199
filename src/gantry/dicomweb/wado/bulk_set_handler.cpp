// Bulk data and Pixel Data of whole studies, series and instances (PS3.18 §10.4.1.1.5, §10.4.1.1.7).

#include <algorithm>
#include <utility>

#include "gantry/archive/pixel_service.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/bulk_set.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view kOctets = "application/octet-stream";

/// `compressed` is the media type of the first compressed instance, "" when there is none.
std::vector<Offer> offers_for(const std::string& compressed) {
  const auto offer = [](std::string_view type, std::string_view syntax) {
    Offer made;
    made.multipart = made.any_form = true;
    made.media_type = type;
    made.transfer_syntax = syntax;
    return made;
  };
  std::vector<Offer> offers;
  if (!compressed.empty()) {
    offers.push_back(offer(compressed, ""));
    offers.push_back(offer(kOctets, "*"));
    offers.back().by_default = offers.back().by_name = false;
  }
  offers.push_back(offer(kOctets, dicom::kExplicitLittleEndian));
  offers.back().by_star = compressed.empty();
  return offers;
}

/// What a worker finds before the first byte goes out.
struct Listing {
  std::string state;
  archive::InstanceList list;
};

Result<Listing> list_of(Services& services, const RequestContext& context, const InstancePath& path) {
  Listing listing;
  if (path.sop) {
    GANTRY_LET(const auto found, services.retrieves.locate(context, path.study, *path.series, *path.sop));
    listing.state = found->object_key.str();
    listing.list.first.push_back(listed(*found));
    return listing;
  }
  GANTRY_LET(const auto version, services.retrieves.version(context, path.study, path.series));
  listing.state = std::to_string(version);
  GANTRY_LET(listing.list, services.retrieves.instances(context, path.study, path.series));
  return listing;
}

Task<Response> retrieve_all(Services& services, Request& request, bool pixels_only) {
  const auto path = instance_path(request);
  if (!path) co_return http::problem(path.error());
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  auto look = [&services, context = request.context, at = *path] { return list_of(services, context, at); };
  auto listed = co_await run_on(services.disk_pool, request.context.tenant.view(), std::move(look));
  if (!listed) co_return http::problem(listed.error());
  Listing listing = *std::move(listed);

  std::string compressed;
  bool all_decoded = listing.list.more == nullptr;  // of what is listed later nobody knows yet
  for (const auto& instance : listing.list.first) {
    const auto* syntax = dicom::find_transfer_syntax(instance.transfer_syntax);
    if (syntax == nullptr || !syntax->encapsulated) continue;
    if (compressed.empty()) compressed = syntax->frame_media_type;
    if (!comes_decoded(services, instance.transfer_syntax)) all_decoded = false;
  }
  const auto offers = offers_for(compressed);
  const Offer* offer = choose(accepted_ranges(request.headers, *query), offers);
  if (offer == nullptr) co_return not_acceptable(offers);
  BulkSetWish wish;
  wish.pixels_only = pixels_only;
  wish.compressed = compressed.empty() || offer != &offers.back();

  const std::string root = uri_root(services.settings, request);
  const std::string etag =
      make_etag({pixels_only ? "all pixels" : "all bulk", request.context.tenant.view(), path->to_string(),
                 listing.state, offer->media_type, wish.compressed ? "stored" : "plain", root});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  MultipartPlan parts(etag, services.settings);
  Response response;
  response.headers.set("Content-Type", multipart_content_type(offer->media_type, parts.boundary()));
  set_cache_headers(response, etag);
  if (!wish.compressed && !all_decoded) {
    response.status = 206;  // some of it can't be had in what was asked for (PS3.18 Table 10.4.3-1)
    add_warning(response, root, "Pixel Data that can't be decoded was left out: ask for transfer-syntax=* to get it as stored");
  }
  auto open = [&services, context = request.context, study = path->study, list = std::move(listing.list), wish,
               study_root = root + "/studies/" + path->study.str(), parts = std::move(parts)]() mutable {
    return bulk_set(services, context, study, std::move(list), wish, std::move(study_root), std::move(parts));
  };
  WorkerPool* const pool = wish.compressed || services.pixels == nullptr ? nullptr : &services.pixels->pool();
  auto stream = co_await run_on(pool != nullptr ? *pool : services.disk_pool, request.context.tenant.view(),
                                std::move(open));
  if (!stream) co_return http::problem(stream.error());
  response.body.add(http::Produced{*std::move(stream), std::nullopt, pool});
  co_return response;
}

}  // namespace

Task<Response> retrieve_all_bulk_data(Services& services, Request& request) {
  co_return co_await retrieve_all(services, request, false);
}

Task<Response> retrieve_all_pixel_data(Services& services, Request& request) {
  co_return co_await retrieve_all(services, request, true);
}

}  // namespace gantry::dicomweb::wado

// Studies, series and instances as DICOM files (PS3.18 §10.4.1.1.1).

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_body.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/pixel_parts.hpp"
#include "gantry/dicomweb/wado/zip_stream.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view kDicom = "application/dicom";
constexpr std::string_view kZip = "application/zip";

struct Wanted {
  bool multipart = true;
  bool zip = false;
  SyntaxWish wish;
};

/// What the client gets of instances kept in these transfer syntaxes, or the 406.
std::variant<Wanted, Response> negotiate(const DeliveryRules& rules, const std::vector<AcceptedRange>& ranges,
                                         const std::vector<std::string>& stored, bool single_part) {
  auto can = instance_offers(stored, rules, single_part);
  // Whatever can be had in parts can be had as an archive of files (PS3.18 Table 8.7.3-1), when that is asked for.
  for (std::size_t i = 0, parts = can.offers.size(); i < parts; ++i) {
    if (!can.offers[i].multipart) continue;
    Offer archive = can.offers[i];
    archive.multipart = false;
    archive.media_type = kZip;
    can.offers.push_back(std::move(archive));
    can.wishes.push_back(can.wishes[i]);
  }
  const Offer* offer = choose(ranges, can.offers);
  if (offer == nullptr) {
    const bool compressed = std::any_of(stored.begin(), stored.end(), [&](const std::string& syntax) {
      return !delivery_of(syntax, std::string(dicom::kExplicitLittleEndian), rules).has_value() &&
             !can_be_reencoded(syntax);
    });
    return not_acceptable(can.offers, compressed ? no_decoder_hint() : std::string());
  }
  return Wanted{offer->multipart, offer->media_type == kZip,
                can.wishes[static_cast<std::size_t>(offer - can.offers.data())]};
}

std::string form_of(const Settings& settings, const Wanted& wanted, std::string_view root) {
  std::string form = wanted.multipart ? "multipart " : wanted.zip ? "zip " : "single ";
  form.append(wanted.wish).append(settings.strict_transfer_syntax ? " strict" : "");
  form.append(settings.sanitize_preamble ? " sanitized " : " ");
  return form.append(root);
}

Response zip_answer(Services& services, const RequestContext& context, const StudyUid& study,
                    archive::InstanceList list, const Wanted& wanted, const std::string& etag,
                    const std::string& name) {
  if (list.more != nullptr || list.first.size() > kZipEntriesMost) {
    return http::problem(413, "so many instances are not put into one archive; ask for it series by series");
  }
  Response response;
  response.headers.set("Content-Type", std::string(kZip));
  response.headers.set("Content-Disposition", "attachment; filename=\"" + name + ".zip\"");
  set_cache_headers(response, etag);
  auto body = instance_zip(services, context, study, std::move(list), wanted.wish);
  response.body.add(http::Produced{std::move(body.stream), body.length, body.pool});
  return response;
}

Task<Response> retrieve_one(Services& services, Request& request, const InstancePath& path,
                            const std::vector<AcceptedRange>& ranges) {
  auto found = co_await find_instance(services, request.context, path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;
  auto chosen = negotiate(delivery_rules(services), ranges, {instance->transfer_syntax}, true);
  if (auto* refusal = std::get_if<Response>(&chosen)) co_return std::move(*refusal);
  const Wanted wanted = std::get<Wanted>(chosen);
  const auto delivery = delivery_of(instance->transfer_syntax, wanted.wish, delivery_rules(services))
                            .value_or(Delivery::kStored);

  const std::string root = uri_root(services.settings, request);
  const std::string etag = make_etag({"instance", request.context.tenant.view(), instance->object_key.view(),
                                      form_of(services.settings, wanted, root)});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  if (wanted.zip) {
    archive::InstanceList list;
    list.first.push_back(listed(*instance));
    co_return zip_answer(services, request.context, path.study, std::move(list), wanted, etag, path.sop->str());
  }

  http::BodyPlan bytes;
  auto added = co_await add_instance(services, request.context, instance, delivery, wanted.wish, bytes);
  if (!added) co_return http::problem(added.error());
  const std::string& syntax = *added;
  if (wanted.multipart) {
    MultipartPlan parts(etag, services.settings);
    parts.begin_part(kDicom, syntax, root + path.to_string());
    for (auto& segment : bytes.segments) parts.add(std::move(segment));
    co_return parts.finish(kDicom);
  }
  Response response;
  response.headers.set("Content-Type", std::string(kDicom) + "; transfer-syntax=" + syntax);
  set_cache_headers(response, etag);
  response.body = std::move(bytes);
  response.ranges = can_be_ranged(response.body);
  co_return response;
}

Task<Response> retrieve_many(Services& services, Request& request, const InstancePath& path,
                             const std::vector<AcceptedRange>& ranges) {
  struct Listing {
    std::uint64_t version = 0;
    archive::InstanceList list;
  };
  // The version is read first: what changes in between makes the next request's ETag another one.
  auto work = [&services, context = request.context, path]() -> Result<Listing> {
    Listing listing;
    GANTRY_LET(listing.version, services.retrieves.version(context, path.study, path.series));
    GANTRY_LET(listing.list, services.retrieves.instances(context, path.study, path.series));
    return listing;
  };
  auto listed = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
  if (!listed) co_return http::problem(listed.error());
  Listing listing = *std::move(listed);

  std::vector<std::string> stored;
  for (const auto& instance : listing.list.first) {
    if (std::find(stored.begin(), stored.end(), instance.transfer_syntax) == stored.end()) {
      stored.push_back(instance.transfer_syntax);
    }
  }
  auto chosen = negotiate(delivery_rules(services), ranges, stored, false);
  if (auto* refusal = std::get_if<Response>(&chosen)) co_return std::move(*refusal);
  const Wanted wanted = std::get<Wanted>(chosen);

  const std::string root = uri_root(services.settings, request);
  const std::string etag = make_etag({"instances", request.context.tenant.view(), path.to_string(),
                                      std::to_string(listing.version), form_of(services.settings, wanted, root)});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  if (wanted.zip) {
    const std::string name = path.series ? path.series->str() : path.study.str();
    co_return zip_answer(services, request.context, path.study, std::move(listing.list), wanted, etag, name);
  }

  MultipartPlan parts(etag, services.settings);
  Response response;
  response.headers.set("Content-Type", multipart_content_type(kDicom, parts.boundary()));
  set_cache_headers(response, etag);
  auto body = instance_parts(services, request.context, path.study, std::move(listing.list), wanted.wish,
                             root + "/studies/" + path.study.str(), std::move(parts));
  response.body.add(http::Produced{std::move(body.stream), body.length, body.pool});
  co_return response;
}

}  // namespace

Task<Response> retrieve_instances(Services& services, Request& request) {
  const auto path = instance_path(request);
  if (!path) co_return http::problem(path.error());
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  const auto ranges = accepted_ranges(request.headers, *query);
  if (path->sop) co_return co_await retrieve_one(services, request, *path, ranges);
  co_return co_await retrieve_many(services, request, *path, ranges);
}

}  // namespace gantry::dicomweb::wado

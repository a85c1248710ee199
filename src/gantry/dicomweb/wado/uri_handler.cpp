// WADO-URI (PS3.18 §9): one instance as a DICOM file, by query parameters.

#include <map>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_body.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/http/media_type.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

struct UriRequest {
  InstancePath path;
  SyntaxWish wish;
  bool takes_dicom = false;
};

Result<UriRequest> read_request(const http::QueryPairs& query) {
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [name, value] : query) values.emplace(name, value);
  const auto value_of = [&](std::string_view name) -> std::string {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
  // Sending the names to someone who asked for none would be worse than refusing.
  if (!value_of("anonymize").empty()) return Error::invalid("anonymize can't be done here: nothing was sent");
  if (value_of("requestType") != "WADO") return Error::invalid("requestType=WADO is missing");
  UriRequest wanted;
  for (const char* name : {"studyUID", "seriesUID", "objectUID"}) {
    const auto uid = value_of(name);
    if (uid.empty()) return Error::invalid(std::string(name) + " is missing");
    if (!is_valid_uid(uid)) return Error::invalid(std::string(name) + " is no UID");
  }
  wanted.path.study = StudyUid(value_of("studyUID"));
  wanted.path.series = SeriesUid(value_of("seriesUID"));
  wanted.path.sop = SopUid(value_of("objectUID"));
  wanted.wish = value_of("transferSyntax");
  if (!wanted.wish.empty() && wanted.wish != "*" && !is_valid_uid(wanted.wish)) {
    return Error::invalid("transferSyntax is no UID");
  }
  // Without contentType a client gets the default of the object's kind, which is image/jpeg for images (§9.1.2.2.1).
  for (const auto& range : http::parse_accept(value_of("contentType"))) {
    if (range.quality == 0) continue;
    const auto essence = range.type.essence();
    if (essence != "application/dicom" && essence != "*/*" && essence != "application/*") continue;
    wanted.takes_dicom = true;
    const auto syntax = range.type.parameter("transfer-syntax");
    if (wanted.wish.empty() && syntax) wanted.wish = std::string(*syntax);
  }
  return wanted;
}

}  // namespace

Task<Response> retrieve_by_uri(Services& services, Request& request) {
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  const auto wanted = read_request(*query);
  if (!wanted) co_return http::problem(wanted.error());
  if (!wanted->takes_dicom) {
    co_return http::problem(406, "only contentType=application/dicom can be had; images are not rendered yet");
  }
  auto found = co_await find_instance(services, request.context, wanted->path);
  if (!found) co_return http::problem(found.error());
  const archive::InstancePtr instance = *found;

  const bool strict = services.settings.strict_transfer_syntax;
  const auto delivery = delivery_of(instance->transfer_syntax, wanted->wish, strict);
  if (!delivery) {
    const std::vector<std::string> stored{instance->transfer_syntax};
    auto offers = instance_offers(stored, strict, true).offers;
    std::erase_if(offers, [](const Offer& offer) { return offer.multipart; });
    co_return not_acceptable(offers, no_decoder_hint());
  }
  const std::string etag = make_etag({"uri", request.context.tenant.view(), instance->object_key.view(), wanted->wish,
                                      strict ? "strict" : "", services.settings.sanitize_preamble ? "sanitized" : ""});
  if (auto unchanged = not_modified(request.headers, etag)) co_return *std::move(unchanged);

  Response response;
  auto added = co_await add_instance(services, request.context, instance, *delivery, response.body);
  if (!added) co_return http::problem(added.error());
  response.headers.set("Content-Type", "application/dicom; transfer-syntax=" +
                                           std::string(delivered_syntax(instance->transfer_syntax, *delivery)));
  set_cache_headers(response, etag);
  response.ranges = *delivery == Delivery::kStored;
  co_return response;
}

}  // namespace gantry::dicomweb::wado

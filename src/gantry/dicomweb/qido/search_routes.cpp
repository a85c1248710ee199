// QIDO-RS (PS3.18 §10.6): six resources over one service.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gantry/archive/query_service.hpp"
#include "gantry/archive/version_reader.hpp"
#include "gantry/dicomweb/native_model.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/object_stream.hpp"
#include "gantry/dicomweb/qido/search_parameters.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/services.hpp"

namespace gantry::dicomweb {
namespace {

using http::Request;
using http::Response;
using index::Level;

/// Everything a worker needs to answer; owns its data.
struct SearchJob {
  Services* services = nullptr;
  RequestContext context;
  archive::SearchRequest request;
  Offer offer;
  std::string target;         ///< what the ETag depends on besides the state
  http::Headers conditional;  ///< If-None-Match
  std::optional<std::uint64_t> state;  ///< the tenant's change number, when it was read already

  [[nodiscard]] std::string etag() const {
    return make_etag({"search", context.tenant.view(), std::to_string(*state), target, offer.media_type, request.root});
  }
  [[nodiscard]] Result<Response> run();
};

Result<Response> SearchJob::run() {
  const auto& settings = services->settings;
  if (!state) {
    // Read before the search: whatever changes in between makes the next request's ETag another one.
    GANTRY_LET(state, services->queries.state(context));
  }
  const std::string etag = this->etag();
  if (auto unchanged = not_modified(conditional, etag)) return *std::move(unchanged);

  const archive::SearchLimits limits{settings.limit_default, settings.limit_most, settings.offset_most};
  GANTRY_LET(auto found, services->queries.search(context, request, limits, state));
  auto hits = found.hits;
  GANTRY_LET(auto first, hits->next());
  const bool empty = !first.has_value();

  Response response;
  set_cache_headers(response, etag);
  if (found.total) response.headers.set("X-Total-Count", std::to_string(*found.total));
  for (const auto& warning : found.warnings) add_warning(response, request.root, warning);
  // Beyond what is counted, `remaining` are there and more; the standard has no words for that.
  if (found.remaining > 0) {
    add_warning(response, request.root,
                "There are " + std::to_string(found.remaining) + " additional results that can be requested");
  }
  if (empty && (offer.multipart || settings.empty_search_is_204)) {
    response.status = 204;
    return response;
  }

  auto pending = std::make_shared<std::optional<std::string>>(std::move(first));
  NextObject next = [hits, pending]() -> Result<std::optional<std::string>> {
    if (*pending) return std::exchange(*pending, std::nullopt);
    return hits->next();
  };
  if (!offer.multipart) {
    response.headers.set("Content-Type", offer.media_type);
    GANTRY_LET(auto body, object_body(std::move(next), kJsonArray));
    response.body.add(std::move(body));
    response.compressible = true;
    return response;
  }
  MultipartPlan parts(etag, settings);
  response.headers.set("Content-Type", multipart_content_type(kDicomXml, parts.boundary()));
  NextObject next_xml = [next]() -> Result<std::optional<std::string>> {
    GANTRY_LET(const auto object, next());
    if (!object) return std::optional<std::string>();
    GANTRY_LET(auto xml, native_model_xml(*object));
    return std::optional(std::move(xml));
  };
  ObjectFraming framing;
  framing.open = parts.part_head(kDicomXml, {}, {});
  framing.separator = parts.part_head(kDicomXml, {}, {});
  framing.close = parts.closing();
  GANTRY_LET(auto body, object_body(std::move(next_xml), std::move(framing)));
  response.body.add(std::move(body));
  response.compressible = true;
  return response;
}

/// The answer names the value that was wrong; the log must not, for it may be a patient's name (DESIGN §9).
Response search_problem(const Error& error) {
  Response response = http::problem(error);
  if (error.kind() == ErrorKind::kInvalid)
    response.log_detail = "invalid: a search parameter, which only the answer names";
  return response;
}

Task<Response> search(Services& services, Request& request, Level level) {
  const auto& study = request.parameter("study");
  const auto& series = request.parameter("series");
  if (!study.empty() && !is_valid_uid(study)) co_return http::problem(400, "the study in the URL is no UID");
  if (!series.empty() && !is_valid_uid(series)) co_return http::problem(400, "the series in the URL is no UID");
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());

  SearchJob job;
  job.request.level = level;
  if (!study.empty()) job.request.study = StudyUid(study);
  if (!series.empty()) job.request.series = SeriesUid(series);
  const auto read = qido::read_parameters(*query, job.request);
  if (!read) co_return search_problem(read.error());
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, data_set_offers());
  if (offer == nullptr) co_return not_acceptable(data_set_offers());

  job.services = &services;
  job.context = request.context;
  job.offer = *offer;
  job.request.root = uri_root(services.settings, request);
  job.target = request.target;
  if (const auto held = request.headers.joined("If-None-Match")) job.conditional.add("If-None-Match", *held);
  if (services.versions != nullptr) {
    std::vector<index::VersionKey> keys{{job.context.tenant, {}, {}, {}}};
    const auto versions = co_await services.versions->read(std::move(keys));
    if (!versions) co_return http::problem(versions.error());
    job.state = (*versions)[0];
    if (auto unchanged = not_modified(job.conditional, job.etag())) co_return *std::move(unchanged);
  }
  auto work = [job = std::move(job)]() mutable { return job.run(); };
  auto response = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
  if (!response) co_return search_problem(response.error());
  co_return *std::move(response);
}

http::RouteDoc search_doc() {
  http::RouteDoc doc;
  doc.section = "10.6";
  doc.query = {
      {"limit", "The most results.", "integer"},
      {"offset", "Results to be skipped.", "integer"},
      {"includefield", "Attributes to be returned, by keyword or tag, separated by commas; or all."},
      {"fuzzymatching", "Person names match when they come near.", "boolean"},
      {"emptyvaluematching", "A value of two quotation marks matches what is absent or empty.", "boolean"},
      {"multiplevaluematching", "All of the values, separated by backslashes, must be there.", "boolean"},
      {"PriorRecordKey", "Goes on behind the record with this Record Key, as base64url."},
      {"orderby", "Attributes to order by, descending with a minus sign in front (extension)."},
      {"combineddatetime", "Ranges of a date and its time are one range (extension).", "boolean"},
      {"accept", "Stands in for the header field Accept."},
      {"StudyDate", "A matching key; as any other attribute, by keyword, tag or dotted path."},
      {"PatientName", "A matching key."},
      {"PatientID", "A matching key."},
      {"ModalitiesInStudy", "A matching key; a list matches any of its values."},
  };
  doc.produces = {"application/dicom+json", "application/json", "multipart/related; type=\"application/dicom+xml\""};
  return doc;
}

}  // namespace

std::vector<http::Route> search_routes(Services& services) {
  const auto at = [&services](Level level) {
    return [&services, level](Request& request) { return search(services, request, level); };
  };
  const std::string& base = services.settings.base_path;
  const auto route = [&](const std::string& pattern, const char* summary, Level level) {
    return http::Route{http::Method::kGet, base + pattern, http::Permission::kRead, summary, at(level), search_doc()};
  };
  return {
      route("/studies", "Searches for studies.", Level::kStudy),
      route("/series", "Searches for series of all studies.", Level::kSeries),
      route("/instances", "Searches for instances of all studies.", Level::kInstance),
      route("/studies/{study}/series", "Lists or searches the series of a study.", Level::kSeries),
      route("/studies/{study}/instances", "Lists or searches the instances of a study.", Level::kInstance),
      route("/studies/{study}/series/{series}/instances", "Lists or searches the instances of a series.",
            Level::kInstance),
  };
}

}  // namespace gantry::dicomweb

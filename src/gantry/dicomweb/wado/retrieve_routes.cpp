// The route table of WADO-RS and WADO-URI.

#include <string>
#include <utility>

#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"

namespace gantry::dicomweb {
namespace {

using http::Request;
using http::Response;

Task<Response> not_rendered(Request& request) {
  (void)request;
  co_return http::problem(406, "images are not rendered yet; frames and bulkdata give the pixels as they were stored");
}

}  // namespace

std::vector<http::Route> retrieve_routes(Services& services) {
  using Handle = Task<Response> (*)(Services&, Request&);
  const auto with = [&services](Handle handle) {
    return [&services, handle](Request& request) { return handle(services, request); };
  };
  const std::string& base = services.settings.base_path;
  const std::string study = base + "/studies/{study}";
  const std::string series = study + "/series/{series}";
  const std::string instance = series + "/instances/{instance}";

  std::vector<http::Route> routes;
  const auto add = [&](const std::string& pattern, const char* summary, http::Handler handler,
                       http::RouteDoc doc = {}) {
    routes.push_back(
        {http::Method::kGet, pattern, http::Permission::kRead, summary, std::move(handler), std::move(doc)});
  };
  const http::QueryParameter accept{"accept", "Stands in for the header field Accept."};
  const auto doc = [&](const char* section, std::vector<std::string> produces) {
    return http::RouteDoc{section, {accept}, {}, std::move(produces)};
  };
  const auto instances = doc("10.4.1.1.1", {"multipart/related; type=\"application/dicom\"", "application/zip"});
  add(study, "A study's instances.", with(wado::retrieve_instances), instances);
  add(series, "A series' instances.", with(wado::retrieve_instances), instances);
  add(instance, "An instance.", with(wado::retrieve_instances),
      doc("10.4.1.1.1", {"multipart/related; type=\"application/dicom\"", "application/dicom", "application/zip"}));
  auto metadata = doc("10.4.1.1.2", {"application/dicom+json", "application/json",
                                     "multipart/related; type=\"application/dicom+xml\""});
  metadata.query.push_back({"includefield", "Only these attributes, separated by commas (extension)."});
  metadata.query.push_back({"excludeprivate", "Without private attributes (extension).", "boolean"});
  add(study + "/metadata", "A study's attributes without bulk data.", with(wado::retrieve_metadata), metadata);
  add(series + "/metadata", "A series' attributes without bulk data.", with(wado::retrieve_metadata), metadata);
  add(instance + "/metadata", "An instance's attributes without bulk data.", with(wado::retrieve_metadata), metadata);
  const std::vector<std::string> pixels{"multipart/related; type=\"application/octet-stream\"",
                                        "application/octet-stream"};
  add(instance + "/frames/{frames}", "Frames by number, such as 1,2,5.", with(wado::retrieve_frames),
      doc("10.4.1.1.6", pixels));
  add(instance + "/bulkdata/{path...}", "A large value that metadata names.", with(wado::retrieve_bulk_data),
      doc("10.4.1.1.5", pixels));
  add(instance + "/pixeldata", "An instance's Pixel Data.", with(wado::retrieve_pixel_data), doc("10.4.1.1.7", pixels));
  const std::vector<std::string> parts{"multipart/related; type=\"application/octet-stream\""};
  for (const auto& resource : {study, series, instance}) {
    add(resource + "/bulkdata", "All large values below, a part each.", with(wado::retrieve_all_bulk_data),
        doc("10.4.1.1.5", parts));
  }
  for (const auto& resource : {study, series}) {
    add(resource + "/pixeldata", "All Pixel Data below.", with(wado::retrieve_all_pixel_data),
        doc("10.4.1.1.7", parts));
  }
  for (const auto& resource : {study, series, instance, instance + "/frames/{frames}"}) {
    add(resource + "/rendered", "Rendered images: not yet.", not_rendered);
    add(resource + "/thumbnail", "A small rendered image: not yet.", not_rendered);
  }
  http::RouteDoc by_uri{"9", {}, {}, {"application/dicom"}};
  for (const char* name : {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax"}) {
    by_uri.query.push_back({name, "As PS3.18 §9.1.2 says."});
  }
  add("/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri), by_uri);
  if (base != "") add(base + "/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri), by_uri);
  return routes;
}

}  // namespace gantry::dicomweb

// The route table of WADO-RS and WADO-URI.

#include <string>
#include <utility>

#include "gantry/dicomweb/services.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"

namespace gantry::dicomweb {

std::vector<http::Route> retrieve_routes(Services& services) {
  using Handle = Task<http::Response> (*)(Services&, http::Request&);
  const auto with = [&services](Handle handle) {
    return [&services, handle](http::Request& request) { return handle(services, request); };
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
  const std::vector<std::string> pictures{"image/jpeg", "image/png", "image/gif"};
  std::vector<std::string> many;
  for (const auto& type : pictures) many.push_back("multipart/related; type=\"" + type + "\"");
  auto one_or_many = pictures;
  one_or_many.insert(one_or_many.end(), many.begin(), many.end());
  auto rendered = doc("10.4.1.1.3", one_or_many);
  rendered.query.push_back({"window", "Centre, width and function, such as 40,400,linear."});
  rendered.query.push_back({"viewport", "Width, height and optionally the region, such as 512,512,0,0,-256,256."});
  rendered.query.push_back({"quality", "Of JPEG, 1 to 100.", "integer"});
  rendered.query.push_back({"annotation", "What is written on pictures: patient, technique or both."});
  rendered.query.push_back({"iccprofile", "no, yes (the image's own profile), srgb, adobergb or rommrgb."});
  rendered.query.push_back({"bits", "16: a PNG of 16 bits of a monochrome image (extension).", "integer"});
  auto thumbnail = rendered;
  thumbnail.section = "10.4.1.1.4";
  thumbnail.produces = pictures;
  for (const auto& resource : {study, series, instance, instance + "/frames/{frames}"}) {
    rendered.produces = resource == study || resource == series ? many : one_or_many;
    add(resource + "/rendered", "Images as pictures, documents and videos as they are.", with(wado::retrieve_rendered),
        rendered);
    add(resource + "/thumbnail", "A small picture.", with(wado::retrieve_thumbnail), thumbnail);
  }
  http::RouteDoc by_uri{"9", {}, {}, {"image/jpeg", "image/png", "image/gif", "application/dicom"}};
  for (const char* name : {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "frameNumber",
                           "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "annotation", "iccprofile",
                           "presentationUID", "presentationSeriesUID"}) {
    by_uri.query.push_back({name, "As PS3.18 §9.1.2 says."});
  }
  add("/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri), by_uri);
  if (base != "") add(base + "/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri), by_uri);
  return routes;
}

}  // namespace gantry::dicomweb

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
  const auto add = [&](const std::string& pattern, const char* summary, http::Handler handler) {
    routes.push_back({http::Method::kGet, pattern, http::Permission::kRead, summary, std::move(handler)});
  };
  add(study, "A study's instances.", with(wado::retrieve_instances));
  add(series, "A series' instances.", with(wado::retrieve_instances));
  add(instance, "An instance.", with(wado::retrieve_instances));
  add(study + "/metadata", "A study's attributes without bulk data.", with(wado::retrieve_metadata));
  add(series + "/metadata", "A series' attributes without bulk data.", with(wado::retrieve_metadata));
  add(instance + "/metadata", "An instance's attributes without bulk data.", with(wado::retrieve_metadata));
  add(instance + "/frames/{frames}", "Frames by number, such as 1,2,5.", with(wado::retrieve_frames));
  add(instance + "/bulkdata/{path...}", "A large value that metadata names.", with(wado::retrieve_bulk_data));
  add(instance + "/pixeldata", "An instance's Pixel Data.", with(wado::retrieve_pixel_data));
  for (const auto& resource : {study, series, instance, instance + "/frames/{frames}"}) {
    add(resource + "/rendered", "Rendered images: not yet.", not_rendered);
    add(resource + "/thumbnail", "A small rendered image: not yet.", not_rendered);
  }
  add("/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri));
  if (base != "") add(base + "/wado", "An instance by WADO-URI.", with(wado::retrieve_by_uri));
  return routes;
}

}  // namespace gantry::dicomweb

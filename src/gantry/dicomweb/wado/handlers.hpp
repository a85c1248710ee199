#pragma once

// The handlers behind retrieve_routes(), one file each.

#include "gantry/base/task.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// GET of a study, series or instance (PS3.18 §10.4.1.1.1).
Task<http::Response> retrieve_instances(Services& services, http::Request& request);
/// GET …/metadata at three levels (§10.4.1.1.2).
Task<http::Response> retrieve_metadata(Services& services, http::Request& request);
/// GET …/frames/{frames} (§10.4.1.1.6).
Task<http::Response> retrieve_frames(Services& services, http::Request& request);
/// GET …/bulkdata/{path...} (§10.4.1.1.5).
Task<http::Response> retrieve_bulk_data(Services& services, http::Request& request);
/// GET …/bulkdata at three levels: all bulk data below, a part each.
Task<http::Response> retrieve_all_bulk_data(Services& services, http::Request& request);
/// GET …/pixeldata of a study or series.
Task<http::Response> retrieve_all_pixel_data(Services& services, http::Request& request);
/// GET …/pixeldata (§10.4.1.1.7).
Task<http::Response> retrieve_pixel_data(Services& services, http::Request& request);
/// GET …/rendered at four levels (§10.4.1.1.3).
Task<http::Response> retrieve_rendered(Services& services, http::Request& request);
/// GET …/thumbnail at four levels (§10.4.1.1.4).
Task<http::Response> retrieve_thumbnail(Services& services, http::Request& request);
/// GET /wado?requestType=WADO… (PS3.18 §9).
Task<http::Response> retrieve_by_uri(Services& services, http::Request& request);

}  // namespace gantry::dicomweb::wado

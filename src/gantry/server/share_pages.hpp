#pragma once

#include <string>
#include <vector>

#include "gantry/config/settings.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/router.hpp"
#include "gantry/server/credential_admin.hpp"

namespace gantry::server {

/// Where DICOMweb of a shared study is: a mount of the service (dicomweb::Settings::mounts).
inline constexpr const char* kShareMount = "/share/{token}/dicom-web";

/// What a share's page and configuration need. Outlives the routes.
struct SharePages {
  Credentials& credentials;
  const dicomweb::Settings& dicomweb;
  std::string viewer_url;  ///< the setting share.viewer_url
};

/// GET `/share/{token}`, a page that says what this is, and GET `/share/{token}/ohif.json`, a configuration for OHIF's
/// `dicomwebproxy` data source.
[[nodiscard]] std::vector<http::Route> share_routes(SharePages& pages);

/// `routes` with answers below /share/ that nobody keeps, lists or tells the address of, and that are about one study:
/// a request that the gate let in without naming one gets no_such_share().
[[nodiscard]] std::vector<http::Route> discreet(std::vector<http::Route> routes);
void make_discreet(http::Response& response);

/// The page behind a link that is not valid, or not any more: the same for all of them.
[[nodiscard]] http::Response no_such_share();

/// What the links of a server with these settings begin with: http.public_url without its DICOMweb path, or where it
/// listens.
[[nodiscard]] std::string site_url(const config::Settings& settings);

/// kInvalid: share.viewer_url is no http:// or https:// URL.
[[nodiscard]] Result<void> check_viewer_url(const config::Settings& settings);

/// Where the viewer opens a study: `{study}`, `{config}` (the address of ohif.json) and `{dicomweb}` of `viewer_url`
/// replaced, percent-encoded. Without any of them it is an OHIF's address, and gets the path of its `dicomwebproxy`
/// data source.
[[nodiscard]] std::string viewer_link(const std::string& viewer_url, const std::string& study,
                                      const std::string& share_root);

}  // namespace gantry::server

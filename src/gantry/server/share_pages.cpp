#include "gantry/server/share_pages.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/dicomweb/stow/service_root.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/server/landing_page.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;

constexpr std::string_view kShareRoot = "/share/";

constexpr std::string_view kHead = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>Gantry: a shared study</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/gantry.css">
</head>
<body>
)html";

constexpr std::string_view kGone = R"html(<header>
<h1>This link does not open anything</h1>
<p>It may have expired, been withdrawn, or been copied incompletely. Ask whoever sent it to you for a new one.</p>
</header>
</body>
</html>
)html";

Response html(int status, std::string body) {
  auto response = http::respond(status, "text/html; charset=utf-8", std::move(body));
  response.headers.set("Content-Security-Policy", kPagePolicy);
  response.compressible = false;  // a page with a secret in its address: nothing is to be learnt from its size
  return response;
}

std::string day_and_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[48];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

/// The address of a share as its reader reaches it, without a slash at its end.
std::string share_root(const SharePages& pages, Request& request) {
  request.mount = std::string(kShareRoot) + request.parameter("token") + "/dicom-web";
  const std::string root = dicomweb::stow::service_root(pages.dicomweb, request);
  return root.substr(0, root.rfind('/'));
}

/// The share of a request that the gate let in: it is in memory, or is read once more.
Task<std::optional<auth::Identity>> share_of(SharePages& pages, const Request& request) {
  auto work = [&shares = pages.credentials.shares, ctx = request.context, token = request.parameter("token")] {
    auto recalled = shares.recall(token);
    return recalled.verdict ? *std::move(recalled.verdict) : shares.verify(ctx, token);
  };
  auto verdict = co_await run_on(pages.credentials.index_pool, std::move(work));
  auto* const identity = verdict ? std::get_if<auth::Identity>(&*verdict) : nullptr;
  if (identity == nullptr) co_return std::nullopt;
  co_return std::move(*identity);
}

std::string page_of(const SharePages& pages, const auth::Identity& share, const std::string& root) {
  const std::string study = share.only_study->str();
  std::string body(kHead);
  body += "<header>\n<h1>A shared study</h1>\n<p>Somebody shared one imaging study with you, for reading. ";
  body += "Whoever has this page's address can open it until <strong>" + day_and_time(share.expires);
  body += "</strong>, so keep the address to yourself.</p>\n</header>\n<main>\n";
  if (!pages.viewer_url.empty()) {
    body += "<section>\n<p><a class=\"button\" rel=\"noreferrer\" href=\"" +
            escape_html(viewer_link(pages.viewer_url, study, root)) + "\">Open in the viewer</a></p>\n</section>\n";
  }
  body += "<section>\n<h2>With a program of your own</h2>\n<dl>\n<dt>DICOMweb root</dt><dd><code>" +
          escape_html(root + "/dicom-web") + "</code></dd>\n<dt>Study</dt><dd><code>" + escape_html(study) +
          "</code></dd>\n<dt>OHIF data source</dt><dd><a rel=\"noreferrer\" href=\"" + escape_html(root + "/ohif.json") +
          "\">ohif.json</a>, for <code>dicomwebproxy</code></dd>\n</dl>\n<p>All files of the study at once:</p>\n<pre>" +
          "curl -H 'Accept: multipart/related; type=\"application/dicom\"; transfer-syntax=*' \\\n  " +
          escape_html(root + "/dicom-web/studies/" + study) + "</pre>\n</section>\n</main>\n</body>\n</html>\n";
  return body;
}

Task<Response> page(SharePages& pages, Request& request) {
  const auto share = co_await share_of(pages, request);
  if (!share || !share->only_study) co_return no_such_share();
  co_return html(200, page_of(pages, *share, share_root(pages, request)));
}

/// OHIF reads `servers.dicomWeb[0]` of it.
Task<Response> ohif_configuration(SharePages& pages, Request& request) {
  const auto share = co_await share_of(pages, request);
  if (!share) co_return no_such_share();
  const std::string root = json_string(share_root(pages, request) + "/dicom-web");
  std::string body =
      "{\"servers\":{\"dicomWeb\":[{\"friendlyName\":\"A shared study\",\"name\":\"gantry-share\","
      "\"qidoRoot\":" +
      root + ",\"wadoRoot\":" + root + ",\"wadoUriRoot\":" + root +
      ",\"qidoSupportsIncludeField\":true,\"imageRendering\":\"wadors\",\"thumbnailRendering\":\"wadors\","
      "\"enableStudyLazyLoad\":true,\"supportsFuzzyMatching\":true,\"supportsWildcard\":true,"
      "\"omitQuotationForMultipartRequest\":true,\"singlepart\":\"bulkdata,video\","
      "\"bulkDataURI\":{\"enabled\":true,\"relativeResolution\":\"studies\"},"
      "\"dicomUploadEnabled\":false,\"supportsReject\":false,\"supportsStow\":false}]}}\n";
  co_return http::respond(200, "application/json", std::move(body));
}

}  // namespace

void make_discreet(Response& response) {
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("X-Robots-Tag", "noindex, nofollow");
  response.headers.set("X-Content-Type-Options", "nosniff");
}

Response no_such_share() {
  auto response = html(404, std::string(kHead).append(kGone));
  make_discreet(response);
  return response;
}

std::string site_url(const config::Settings& settings) {
  constexpr std::string_view kService = "/dicom-web";
  std::string url = settings.http.public_url;
  if (url.ends_with(kService)) url.resize(url.size() - kService.size());
  if (!url.empty()) return url;
  return (settings.tls.certificate.empty() ? "http://" : "https://") + settings.http.listen;
}

Result<void> check_viewer_url(const config::Settings& settings) {
  const std::string& url = settings.share.viewer_url;
  const bool has_scheme = url.starts_with("http://") || url.starts_with("https://");
  const bool is_one_word = std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (url.empty() || (has_scheme && is_one_word)) return {};
  return Error::invalid("share.viewer_url is an address that begins with http:// or https://, e.g. " +
                        std::string("https://viewer.example"));
}

std::string viewer_link(const std::string& viewer_url, const std::string& study, const std::string& share_root) {
  const std::array<std::pair<std::string_view, std::string>, 3> values{{
      {"{study}", http::percent_encode(study)},
      {"{config}", http::percent_encode(share_root + "/ohif.json")},
      {"{dicomweb}", http::percent_encode(share_root + "/dicom-web")},
  }};
  std::string_view rest = viewer_url;
  std::string link;
  bool replaced = false;
  while (!rest.empty()) {
    std::size_t used = 0;
    for (const auto& [name, value] : values) {
      if (!rest.starts_with(name)) continue;
      link += value;
      used = name.size();
      replaced = true;
      break;
    }
    if (used == 0) link += rest[0];
    rest.remove_prefix(std::max<std::size_t>(used, 1));
  }
  if (replaced) return link;
  while (link.ends_with('/')) link.pop_back();
  return link + "/viewer/dicomwebproxy?studyInstanceUIDs=" + values[0].second + "&url=" + values[1].second;
}

std::vector<http::Route> share_routes(SharePages& pages) {
  using http::Method;
  using http::Permission;
  const auto with = [&pages](Task<Response> (*handler)(SharePages&, Request&)) {
    return [&pages, handler](Request& request) { return handler(pages, request); };
  };
  return {{Method::kGet, "/share/{token}", Permission::kRead, "A page about a shared study.", with(&page)},
          {Method::kGet, "/share/{token}/ohif.json", Permission::kRead, "A shared study as an OHIF data source.",
           with(&ohif_configuration)}};
}

std::vector<http::Route> discreet(std::vector<http::Route> routes) {
  for (http::Route& route : routes) {
    if (!route.pattern.starts_with(kShareRoot)) continue;
    route.handler = [handler = std::move(route.handler)](Request& request) -> Task<Response> {
      if (!request.context.only_study) co_return no_such_share();
      Response response = co_await handler(request);
      make_discreet(response);
      co_return response;
    };
  }
  return routes;
}

}  // namespace gantry::server

#include "gantry/server/site_routes.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "gantry/base/json_text.hpp"
#include "gantry/dicomweb/stow/service_root.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/server/worker_admin.hpp"

namespace gantry::server {
namespace {

using http::Request;
using http::Response;

constexpr std::chrono::seconds kCheckLimit{5};
constexpr unsigned kFsckThreadsMost = 64;

std::string uptime_of(Clock::time_point started) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started).count();
  if (seconds < 120) return std::to_string(seconds) + " seconds";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " minutes";
  if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " hours";
  return std::to_string(seconds / 86400) + " days";
}

RequestContext checking(const Request& request) {
  RequestContext ctx = request.context;
  ctx.deadline = std::min(ctx.deadline, Clock::now() + kCheckLimit);
  return ctx;
}

/// What a browser must keep in mind about answers of ours.
void harden(Response& response) {
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Cache-Control", "no-store");
}

Task<Response> page(Site& site, Request& request) {
  PageFacts facts = site.facts;
  facts.service_root = dicomweb::stow::service_root(site.dicomweb, request);
  facts.uptime = uptime_of(site.started);
  facts.for_strangers = !site.open;
  std::string failure;
  if (site.open) {
    auto count = [&site, ctx = checking(request)] { return site.index.totals(ctx); };
    auto totals = co_await run_on(site.index_pool, std::move(count));
    if (totals) {
      facts.totals = *totals;
    } else {
      failure = "counting for the page: " + totals.error().detail();
    }
  }
  auto response = http::respond(200, "text/html; charset=utf-8", render_page(facts));
  harden(response);
  response.headers.set("Content-Security-Policy", kPagePolicy);
  response.headers.set("Referrer-Policy", "no-referrer");
  response.compressible = true;
  response.log_detail = std::move(failure);
  co_return response;
}

Task<Response> style(Request&) {
  auto response = http::respond(200, "text/css; charset=utf-8", page_style());
  response.headers.set("Cache-Control", "public, max-age=300");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.compressible = true;
  co_return response;
}

/// The process lives; nothing is asked of the parts below.
Task<Response> healthz(Site& site, Request&) {
  auto response = http::respond(200, "application/json",
                                "{\"status\":\"ok\",\"version\":" + json_string(site.facts.version) +
                                    ",\"archive\":" + json_string(site.identity) + "}\n");
  harden(response);
  co_return response;
}

/// Requests can be served now: the index answers and the store takes objects.
Task<Response> readyz(Site& site, Request& request) {
  auto ask_index = [&site, ctx = checking(request)] { return site.index.check(ctx); };
  auto ask_objects = [&site, ctx = checking(request)] { return site.objects.check(ctx); };
  const auto index = co_await run_on(site.index_pool, std::move(ask_index));
  const auto objects = co_await run_on(site.disk_pool, std::move(ask_objects));
  const bool ready = index && objects && !site.draining;
  const auto word = [](const Result<void>& part) { return part ? std::string("ok") : part.error().detail(); };
  std::string body = "{\"status\":";
  body += ready ? "\"ready\"" : site.draining ? "\"stopping\"" : "\"not ready\"";
  // Paths and addresses in a detail are the operator's business: the answer names the part, the log says the rest.
  body += std::string(",\"index\":\"") + (index ? "ok" : "failed") + "\",\"objects\":\"" + (objects ? "ok" : "failed") +
          "\"}\n";
  auto response = http::respond(ready ? 200 : 503, "application/json", std::move(body));
  harden(response);
  if (!ready) {
    response.headers.set("Retry-After", "5");
    response.log_detail = "not ready: index " + word(index) + ", objects " + word(objects);
  }
  co_return response;
}

Task<Response> metrics(Site& site, Request&) {
  auto response = http::respond(200, "text/plain; version=0.0.4; charset=utf-8", site.metrics());
  harden(response);
  response.compressible = true;
  co_return response;
}

Result<archive::FsckOptions> fsck_options(const std::string& query) {
  archive::FsckOptions options;
  GANTRY_LET(const auto pairs, http::parse_query(query));
  for (const auto& [name, value] : pairs) {
    if (name == "hashes" && (value == "0" || value == "1")) {
      options.hashes = value == "1";
    } else if (name == "threads") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.threads);
      if (error != std::errc() || end != value.data() + value.size() || options.threads == 0 ||
          options.threads > kFsckThreadsMost) {
        return Error::invalid("threads takes a number from 1 to " + std::to_string(kFsckThreadsMost));
      }
    } else {
      return Error::invalid("fsck takes hashes=0|1 and threads=N, not " + name);
    }
  }
  return options;
}

Task<Response> fsck(Site& site, Request& request) {
  const auto options = fsck_options(request.query);
  if (!options) co_return http::problem(options.error());
  std::shared_ptr<FsckStream> stream;
  {
    const std::scoped_lock lock(site.mutex);
    if (site.draining) co_return http::problem(503, "the server is stopping");
    if (!site.check.expired()) co_return http::problem(409, "a check is running already");
    stream = std::make_shared<FsckStream>(request.context, site.index, site.objects, *options);
    site.check = stream;
  }
  Response response;
  response.headers.set("Content-Type", "application/x-ndjson");
  harden(response);
  response.body.add(http::Produced{std::move(stream), std::nullopt});
  co_return response;
}

Task<Response> route_table(Site& site, Request&) {
  auto response = http::respond(200, "application/json", site.route_table);
  harden(response);
  co_return response;
}

Task<Response> nothing_here(Request&) { co_return http::problem(404, "there is nothing at this path"); }

}  // namespace

std::string describe_routes(const std::vector<http::Route>& routes) {
  std::string text = "[";
  for (const auto& route : routes) {
    text += text.size() > 1 ? ",\n" : "";
    text += "{\"method\":" + json_string(to_string(route.method)) + ",\"path\":" + json_string(route.pattern) +
            ",\"permission\":" + json_string(gantry::to_string(route.permission)) +
            ",\"summary\":" + json_string(route.summary) + "}";
  }
  return text + "]\n";
}

void Site::drain() {
  std::shared_ptr<FsckStream> running;
  {
    const std::scoped_lock lock(mutex);
    draining = true;
    running = check.lock();
  }
  if (running) running->stop();
}

std::vector<http::Route> site_routes(Site& site) {
  using http::Method;
  using http::Permission;
  const auto with_site = [&site](Task<Response> (*handler)(Site&, Request&)) {
    return [&site, handler](Request& request) { return handler(site, request); };
  };
  std::vector<http::Route> routes{
      // A browser brings no token along: who has not said who they are sees how to, and no more.
      {Method::kGet, "/", site.open ? Permission::kRead : Permission::kPublic, "A page that says what runs here.", with_site(&page)},
      {Method::kGet, "/gantry.css", Permission::kPublic, "The page's style.", &style},
      {Method::kGet, "/healthz", Permission::kPublic, "The process lives.", with_site(&healthz)},
      {Method::kGet, "/readyz", Permission::kPublic, "Requests can be served.", with_site(&readyz)},
      {Method::kGet, "/metrics", site.open_metrics ? Permission::kPublic : Permission::kOperate, "Counters for Prometheus.", with_site(&metrics)},
      {Method::kPost, "/admin/fsck", Permission::kOperate, "Checks every row and object.", with_site(&fsck)},
      {Method::kGet, "/admin/routes", Permission::kAdmin, "Every route and the permission it asks for.",
       with_site(&route_table)},
  };
  for (auto& route : worker_routes(site)) routes.push_back(std::move(route));
  // Another tenant's paths are refused (403) whether or not anything is there, so they must be routes.
  for (const auto method : {Method::kGet, Method::kPost, Method::kDelete}) {
    routes.push_back(
        {method, "/tenants/{tenant}/{rest...}", Permission::kRead, "Another tenant's paths.", &nothing_here});
  }
  return routes;
}

}  // namespace gantry::server

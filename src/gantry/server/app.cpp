#include "gantry/server/app.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fcntl.h>

#include "gantry/archive/delete_service.hpp"
#include "gantry/archive/query_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/config/urls.hpp"
#include "gantry/dicomweb/services.hpp"
#include "gantry/http/server.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/access.hpp"
#include "gantry/server/access_log.hpp"
#include "gantry/server/api_description.hpp"
#include "gantry/server/app_metrics.hpp"
#include "gantry/server/audit_admin.hpp"
#include "gantry/server/audit_relay.hpp"
#include "gantry/server/audit_spool.hpp"
#include "gantry/server/audit_trail.hpp"
#include "gantry/server/certificate_authenticator.hpp"
#include "gantry/server/data_folder.hpp"
#include "gantry/server/fonts.hpp"
#include "gantry/server/gatekeeper.hpp"
#include "gantry/server/identity_parts.hpp"
#include "gantry/server/janitor.hpp"
#include "gantry/server/key_access.hpp"
#include "gantry/server/listener_tls.hpp"
#include "gantry/server/pixel_parts.hpp"
#include "gantry/server/process_limits.hpp"
#include "gantry/server/providers.hpp"
#include "gantry/server/readiness.hpp"
#include "gantry/server/series_workers.hpp"
#include "gantry/server/share_pages.hpp"
#include "gantry/server/site_routes.hpp"
#include "gantry/server/tenant_admin.hpp"
#include "gantry/server/tenant_gate.hpp"
#include "gantry/server/tenant_limiter.hpp"
#include "gantry/server/token_authenticator.hpp"

namespace gantry::server {
namespace {

// Disk threads wait for syncs, so there are more of them than cores; 16 overlap enough (measured, see docs/decisions).
constexpr std::size_t kDiskThreads = 16;
constexpr std::size_t kQueueMost = 1024;
constexpr std::chrono::seconds kTenantReadMost{5};
constexpr const char* kBasePath = "/dicom-web";

std::chrono::seconds in_seconds(std::chrono::milliseconds time) {
  return std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(time));
}

/// Half of it for instances, half for prepared metadata.
archive::StudyCacheLimits cache_limits(const config::Settings& settings, std::uint64_t open_files) {
  return {settings.cache.memory_bytes / 2, std::min(settings.cache.open_files, open_files / 4) / 2};
}

archive::SharedLives shared_lives(const config::Settings& settings) {
  return {settings.cache.study_life, settings.cache.absence_life};
}

archive::GenerationLives generation_lives(const config::Settings& settings) {
  return {settings.cache.generating_life, settings.cache.generating_most};
}

std::unique_ptr<archive::Outbox> outbox_to(cache::SharedCache* cache, index::InstanceIndex& index,
                                           const config::Settings& settings) {
  if (cache == nullptr) return nullptr;
  archive::Outbox::Settings outbox;
  outbox.study_life = settings.cache.study_life;
  return std::make_unique<archive::Outbox>(index, *cache, TenantId(kDefaultTenant), outbox);
}

archive::StoreSettings store_settings(const config::Settings& settings) {
  archive::StoreSettings store;
  store.conflict = settings.store.conflict == "replace"  ? index::ConflictPolicy::kReplace
                   : settings.store.conflict == "ignore" ? index::ConflictPolicy::kIgnore
                                                         : index::ConflictPolicy::kReject;
  store.list_syntaxes = true;
  store.indexer.unknown_transfer_syntaxes = settings.store.unknown_transfer_syntaxes;
  store.check_sop_class = settings.store.check_sop_class;
  store.instance_bytes = settings.store.instance_bytes;
  store.memory_bytes = settings.store.memory_bytes;
  return store;
}

/// Whoever shares a database server may write to it; the embedded index is this process's alone, and needs no reader.
std::unique_ptr<archive::VersionReader> version_reader(const config::Settings& settings, index::InstanceIndex& index) {
  const auto embedded = is_embedded(settings);
  if (embedded && *embedded) return nullptr;
  return std::make_unique<archive::VersionReader>(index, settings.cache.max_staleness);
}

dicomweb::Settings dicomweb_settings(const config::Settings& settings, const std::string& secret) {
  dicomweb::Settings web;
  web.base_path = kBasePath;
  web.mounts = {{std::string("/tenants/{tenant}") + kBasePath}, {kShareMount, true}};
  web.public_url = settings.http.public_url;
  web.trusted_proxies = settings.http.trusted_proxies;
  web.boundary_secret = secret;
  web.strict_transfer_syntax = settings.dicomweb.strict_transfer_syntax;
  web.sanitize_preamble = settings.dicomweb.sanitize_preamble;
  web.empty_search_is_204 = settings.dicomweb.empty_search_is_204;
  web.limit_default = settings.dicomweb.limit_default;
  web.limit_most = settings.dicomweb.limit_most;
  return web;
}

http::ServerSettings http_settings(const config::Settings& settings, std::uint64_t open_files, std::string socket,
                                   std::shared_ptr<tls::ServerIdentity> identity) {
  const auto& from = settings.http;
  http::ServerSettings to;
  to.listen = from.listen;
  to.io_threads = from.io_threads;
  to.cors.allowed_origins = from.cors_origins;
  to.trusted_proxies = from.trusted_proxies;
  to.unix_socket = std::move(socket);
  to.identity = std::move(identity);
  to.limits.handshakes = settings.tls.handshakes;
  to.limits.handshake_deadline = settings.tls.handshake_deadline;
  to.limits.connections = connections_for(from.connections, open_files);
  to.limits.connections_per_address = from.connections_per_address;
  to.limits.header_bytes = from.header_bytes;
  to.limits.header_count = from.header_count;
  to.limits.line_bytes = from.line_bytes;
  to.limits.url_bytes = from.url_bytes;
  to.limits.header_deadline = from.header_deadline;
  to.limits.idle_keep_alive = from.idle_keep_alive;
  to.limits.write_stall = from.write_stall;
  to.limits.body_rate_bytes_per_s = from.body_rate_bytes_per_s;
  to.limits.body_rate_window = from.body_rate_window;
  to.limits.body_bytes = from.body_bytes;
  to.limits.request_life = from.request_life;
  return to;
}

JanitorSettings janitor_settings(const config::Settings& settings) {
  JanitorSettings janitor;
  janitor.sweep_every = in_seconds(settings.worker.sweep_interval);
  janitor.litter_age = in_seconds(settings.worker.sweep_age);
  // A deleted object goes soon after it is due, also when an operator chose a short grace.
  janitor.unlink_every =
      std::clamp(in_seconds(settings.deletes.object_grace) / 10, std::chrono::seconds(1), std::chrono::seconds(30));
  return janitor;
}

/// Whether anybody has to say who they are.
bool asks_who(const config::Settings& settings) {
  return !settings.auth.main.issuer.empty() || !settings.auth.issuers.empty() || settings.auth.api_keys ||
         !settings.tls.client_rules.empty();
}

Result<void> check_exposure(const config::Settings& settings) {
  if (is_loopback(settings.http.listen)) return {};
  if (settings.http.insecure_tenants) {
    return Error::invalid("http.listen = \"" + settings.http.listen +
                          "\" can be reached from other machines, and --http-insecure-tenants lets everybody there "
                          "choose whose images to read and delete. It is for tests on this machine: listen on 127.0.0.1");
  }
  if (settings.http.insecure_open || asks_who(settings)) return {};
  return Error::invalid("http.listen = \"" + settings.http.listen +
                        "\" can be reached from other machines, but no authentication is "
                        "configured: everybody there could read and delete everything. Configure [auth], listen on "
                        "127.0.0.1, or say --http-insecure-open to serve it openly all the same");
}

/// One of a fixed set: a client may send any token as its method, and each label value lives as long as the process.
const char* method_label(std::string_view method) {
  for (const char* known : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
    if (method == known) return known;
  }
  return "other";
}

void count_requests(observe::Metrics& metrics, const http::AccessRecord& record) {
  const char* result = record.status >= 500   ? "5xx"
                       : record.status >= 400 ? "4xx"
                       : record.status >= 300 ? "3xx"
                                              : "2xx";
  const char* method = method_label(record.method);
  metrics.counter("gantry_http_requests_total", "Requests answered.", {{"method", method}, {"status", result}})
      .add();
  metrics
      .histogram("gantry_http_request_duration_seconds", "From the request's head to the answer's last byte.",
                 observe::seconds_bounds(), {{"method", method}})
      .observe(static_cast<double>(record.duration.count()) / 1e6);
}

std::string address_with(const std::string& listen, std::uint16_t port) {
  return listen.substr(0, listen.rfind(':') + 1) + std::to_string(port);
}

}  // namespace

const char* version() noexcept { return GANTRY_VERSION; }

/// Everything that runs, in the order in which it is made. Members go in reverse, so each part outlives those below it.
class App::Parts {
 public:
  Parts(config::Settings given, observe::Log& log_to, DataFolder locked,
        std::unique_ptr<index::InstanceIndex> opened_index, std::unique_ptr<storage::ObjectStore> opened_objects,
        std::unique_ptr<cache::SharedCache> opened_cache, std::unique_ptr<auth::TokenAuthority> opened_authority,
        std::unique_ptr<audit::Spool> opened_spool, std::unique_ptr<audit::Relay> opened_relay,
        std::shared_ptr<tls::ServerIdentity> given_identity,
        std::unique_ptr<CertificateAuthenticator> given_certificates)
      : settings(std::move(given)),
        log(log_to),
        identity(std::move(given_identity)),
        certificates(std::move(given_certificates)),
        tls(identity ? std::make_unique<ListenerTls>(identity, settings, log, metrics) : nullptr),
        folder(std::move(locked)),
        open_files(raise_open_files()),
        index(std::move(opened_index)),
        objects(std::move(opened_objects)),
        cache(std::move(opened_cache)),
        authority(std::move(opened_authority)),
        spool(std::move(opened_spool)),
        relay(std::move(opened_relay)),
        disk_pool("disk", kDiskThreads, kQueueMost),
        index_pool("index", index_threads(), kQueueMost),
        versions(version_reader(settings, *index)),
        studies(cache.get(), shared_lives(settings)),
        outbox(outbox_to(cache.get(), *index, settings)),
        retrieves(*index, *objects, sharing(), cache_limits(settings, open_files)),
        pixels(settings, *objects, retrieves, metrics, [this](const std::string& words) { log.warn(words); }),
        store(*index, *objects, disk_pool, store_settings(settings), &pixels.listener()),
        deletes(*index, in_seconds(settings.deletes.object_grace), &retrieves),
        queries(*index, &studies),
        access(TenantId(kDefaultTenant), settings.http.insecure_tenants),
        tenants(index_pool, [this](const TenantId& tenant) { return read_tenant(tenant); }, directory_settings()),
        tenant_admin{{*index, *objects, cache.get(), &retrieves}, index_pool, tenants},
        credentials{*index, index_pool, site_url(settings)},
        gatekeeper(access, authenticators(), &share_access),
        web{store,          queries,    retrieves, deletes,
            versions.get(), index_pool, disk_pool, dicomweb_settings(settings, folder.secret()), pixels.service(),
            load_font(log)},
        share_pages{credentials, web.settings, settings.share.viewer_url},
        site{*index,       *objects, index_pool,        disk_pool,
             web.settings, facts(),  folder.identity(), [this] { return metrics.text(); },
             gatekeeper.is_open(), gatekeeper.is_open() || is_loopback(settings.http.listen)},
        server(http_settings(settings, open_files, folder.admin_socket(), identity), http::Router(routes()), hooks(), disk_pool),
        janitor(*index, *objects, &pixels.renditions(), janitor_settings(settings),
                [this](bool failed, const std::string& words) {
                  log.write(failed ? observe::LogLevel::kWarn : observe::LogLevel::kInfo, words, {});
                }),
        workers(*index, *objects, settings.worker, [this](const std::string& words) { log.warn(words); },
                {cache.get(), generation_lives(settings)}) {}

  archive::Sharing sharing() {
    archive::Sharing sharing;
    sharing.versions = versions.get();
    sharing.studies = &studies;
    sharing.cache = cache.get();
    sharing.generation = generation_lives(settings);
    sharing.pool = &index_pool;
    sharing.outbox = outbox.get();
    return sharing;
  }

  /// Each reads one kind of credential; tokens come last, as they take whatever the Authorization field holds.
  std::vector<Authenticator*> authenticators() {
    std::vector<Authenticator*> all;
    if (settings.auth.api_keys) all.push_back(&key_access);
    if (certificates) all.push_back(certificates.get());
    if (tokens) all.push_back(&*tokens);
    return all;
  }

  std::vector<http::Route> routes() {
    std::vector<http::Route> all = site_routes(site);
    for (auto& route : audit_routes(audit_admin)) all.push_back(std::move(route));
    for (auto& route : tenant_routes(tenant_admin)) all.push_back(std::move(route));
    for (auto& route : credential_routes(credentials)) all.push_back(std::move(route));
    for (auto& route : share_routes(share_pages)) all.push_back(std::move(route));
    for (auto& route : dicomweb::service_routes(web)) all.push_back(std::move(route));
    all.push_back({http::Method::kGet, "/openapi.json", http::Permission::kPublic, "This description.",
                   [this](http::Request&) -> Task<http::Response> { co_return api->openapi_answer(); }});
    api.emplace(all, version());
    site.route_table = describe_routes(all);
    return discreet(std::move(all));
  }

  http::ServerHooks hooks() {
    http::ServerHooks made;
    made.authorize = [this](http::Request& request, http::Permission permission) {
      return authorize(request, permission);
    };
    made.describe = [this](const http::Request& request) { return api->capabilities(request); };
    made.answering = [this](const http::Request& request, const http::Response& response) {
      return audit_trail.answering(request, response);
    };
    if (tls) {
      made.handshake = [this](const http::HandshakeRecord& record) { tls->note(record); };
    }
    made.log = [this](const http::AccessRecord& record) {
      audit_trail.finished(record);
      count_requests(metrics, record);
      limiter.note(record);
      log_access(log, record);
    };
    return made;
  }

  Task<std::optional<http::Response>> authorize(http::Request& request, http::Permission permission) {
    auto refused = co_await gatekeeper.admit(request, permission);
    if (refused || permission == http::Permission::kPublic) co_return refused;
    std::optional<tenant::TenantInfo> tenant;
    refused = co_await admit_tenant(tenants, request, permission, tenant);
    if (refused || !tenant) co_return refused;
    co_return limiter.admit(request, {tenant->quotas.requests_per_s, tenant->quotas.concurrent});
  }

  tenant::TenantDirectory::Settings directory_settings() {
    tenant::TenantDirectory::Settings made;
    made.gone = [this](const TenantId& tenant) { retrieves.forget(tenant); };
    return made;
  }

  Result<std::optional<tenant::TenantInfo>> read_tenant(const TenantId& tenant) {
    RequestContext ctx;
    ctx.tenant = tenant;
    ctx.principal = "tenants";
    ctx.deadline = Clock::now() + kTenantReadMost;
    GANTRY_LET(auto entry, index->find_tenant(ctx));
    if (!entry) return std::optional<tenant::TenantInfo>();
    return std::optional(std::move(entry->info));
  }

  PageFacts facts() const {
    PageFacts facts;
    facts.version = version();
    facts.data = folder.path().string();
    facts.index = config::redact_url(settings.index.url);
    facts.storage = config::redact_url(settings.storage.url);
    facts.cache = settings.cache.url.empty() ? "memory" : "memory, " + config::redact_url(settings.cache.url);
    if (gatekeeper.is_open()) {
      facts.authentication = settings.http.insecure_tenants      ? "none; every tenant is open to this machine"
                             : is_loopback(settings.http.listen) ? "none; this machine only"
                                                                 : "none, open to every machine that reaches it";
      return facts;
    }
    const auto add = [&](const std::string& kind) {
      facts.authentication += (facts.authentication.empty() ? "" : ", ") + kind;
    };
    if (certificates) add("client certificates");
    if (settings.auth.api_keys) add("API keys");
    if (authority) {
      for (const auto& issuer : authority->issuers()) add("bearer tokens of " + issuer.policies.front().issuer);
    }
    return facts;
  }

  std::string ready_line() const {
    const std::string address = (tls ? "https://" : "http://") + address_with(settings.http.listen, server.port());
    return "Gantry " + std::string(version()) + " is ready: " + address + "/ (DICOMweb at " + address + kBasePath +
           "), dimse " + settings.dimse.listen + " not in this build, index " + config::redact_url(settings.index.url) +
           ", storage " + config::redact_url(settings.storage.url) + ", cache " + site.facts.cache +
           ", authentication " + site.facts.authentication + ", open files " + std::to_string(open_files) +
           " (connections at most " + std::to_string(connections_for(settings.http.connections, open_files)) + ")";
  }

  void stop(std::chrono::seconds grace) {
    site.drain();
    tenant_admin.drain();
    workers.drain();  // first: a long series is handed back before the process must end
    server.stop(grace);
    if (spool && !std::exchange(stopped, true)) record_stop(*spool);
    janitor.stop();
    workers.stop();
    pixels.stop();
    index_pool.stop();  // what it still runs leans on what goes before it
  }

  bool stopped = false;  ///< on record
  const config::Settings settings;
  observe::Log& log;
  observe::Metrics metrics;
  const std::shared_ptr<tls::ServerIdentity> identity;           ///< null: no TLS
  const std::unique_ptr<CertificateAuthenticator> certificates;  ///< null: they stand for nobody
  const std::unique_ptr<ListenerTls> tls;                        ///< null without an identity
  DataFolder folder;
  const std::uint64_t open_files;
  std::unique_ptr<index::InstanceIndex> index;
  std::unique_ptr<storage::ObjectStore> objects;
  std::unique_ptr<cache::SharedCache> cache;           ///< null: none is configured
  std::unique_ptr<auth::TokenAuthority> authority;     ///< null: no issuer is configured
  std::unique_ptr<audit::Spool> spool;        ///< null: no audit is kept
  std::unique_ptr<audit::Relay> relay;        ///< null: its records are not sent
  AuditTrail audit_trail{spool.get(), settings.audit.on_failure == "refuse"};
  WorkerPool disk_pool;
  WorkerPool index_pool;
  AuditAdmin audit_admin{spool.get(), relay.get(), *index, disk_pool, index_pool};
  std::unique_ptr<archive::VersionReader> versions;  ///< null: this process is the only writer
  archive::SharedStudies studies;
  std::unique_ptr<archive::Outbox> outbox;  ///< null without a shared cache
  archive::RetrieveService retrieves;
  PixelParts pixels;
  archive::StoreService store;
  archive::DeleteService deletes;
  archive::QueryService queries;
  const OpenAccess access;
  tenant::TenantDirectory tenants;
  TenantAdmin tenant_admin;
  Credentials credentials;
  KeyAuthenticator key_access{credentials};
  ShareAuthenticator share_access{credentials};
  std::optional<TokenAuthenticator> tokens =
      authority ? std::optional<TokenAuthenticator>(std::in_place, *authority) : std::nullopt;
  const Gatekeeper gatekeeper;
  TenantLimiter limiter{settings, metrics};
  dicomweb::Services web;
  SharePages share_pages;
  Site site;
  std::optional<ApiDescription> api;  ///< made with the routes
  http::Server server;
  Janitor janitor;
  SeriesWorkers workers;
  const AppMetrics app_metrics{{server, store, retrieves, workers, index.get(), disk_pool, index_pool, log, cache.get(),
                                outbox.get(), authority.get(), versions.get(), spool.get(), relay.get(),
                                settings.worker.threads > 0},
                               metrics};
};

Result<std::unique_ptr<App>> App::start(const config::Settings& settings, observe::Log& log,
                                        std::function<void(const std::string& line)> ready) {
  GANTRY_TRY(check_auth(settings));
  GANTRY_TRY(check_exposure(settings));
  GANTRY_LET(auto identity, load_identity(settings));
  GANTRY_LET(auto certificates, CertificateAuthenticator::open(settings, log));
  GANTRY_TRY(check_viewer_url(settings));
  GANTRY_LET(auto cache, open_cache(settings));
  GANTRY_LET(auto folder, DataFolder::open(settings.data.dir));
  const auto readiness = std::make_shared<Readiness>(std::move(ready));
  GANTRY_LET(auto index, open_index_or_wait(settings, log, readiness));
  GANTRY_LET(auto objects, open_objects(settings));
  GANTRY_LET(auto authority,
             open_authority(settings, cache.get(), [&log](const std::string& words) { log.warn(words); }));
  GANTRY_LET(auto spool, open_spool(settings, folder, log));
  GANTRY_LET(auto relay, open_relay(settings, folder, *index, log));
  auto parts = std::make_unique<Parts>(settings, log, std::move(folder), std::move(index), std::move(objects),
                                       std::move(cache), std::move(authority), std::move(spool), std::move(relay),
                                       std::move(identity), std::move(certificates));
  if (!is_loopback(settings.http.listen) && parts->gatekeeper.is_open()) {
    log.warn(
        "serving beyond this machine without authentication: everybody who reaches it can read and delete everything");
  }
  if (settings.http.insecure_tenants) {
    log.warn("serving every tenant without authentication: whoever is on this machine chooses one by path or x-tenant");
  }
  GANTRY_TRY(parts->server.start());
  if (!readiness->starts(parts->ready_line())) {
    log.warn("serving " + address_with(settings.http.listen, parts->server.port()) +
             " with 503 until the index is there");
  }
  return std::unique_ptr<App>(new App(std::move(parts)));
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

App::~App() { stop(std::chrono::seconds(0)); }

void App::reload() {
  if (parts_->tls) parts_->tls->reload();
  if (parts_->certificates) parts_->certificates->reload();
}

void App::stop(std::chrono::seconds grace) { parts_->stop(grace); }

class OfflineArchive::Parts {
 public:
  DataFolder folder;
  std::unique_ptr<index::InstanceIndex> index;
  std::unique_ptr<storage::ObjectStore> objects;
};

Result<std::unique_ptr<OfflineArchive>> OfflineArchive::open(const config::Settings& settings) {
  GANTRY_LET(auto folder, DataFolder::open(settings.data.dir));
  GANTRY_LET(auto index, open_index(settings, TenantId(kDefaultTenant)));
  GANTRY_LET(auto objects, open_objects(settings));
  std::unique_ptr<Parts> parts(new Parts{std::move(folder), std::move(index), std::move(objects)});
  return std::unique_ptr<OfflineArchive>(new OfflineArchive(std::move(parts)));
}

OfflineArchive::OfflineArchive(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
OfflineArchive::~OfflineArchive() = default;
index::InstanceIndex& OfflineArchive::index() { return *parts_->index; }
storage::ObjectStore& OfflineArchive::objects() { return *parts_->objects; }

}  // namespace gantry::server

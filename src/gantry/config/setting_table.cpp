#include "gantry/config/setting_table.hpp"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "gantry/config/setting_builder.hpp"
#include "gantry/config/urls.hpp"
#include "gantry/config/values.hpp"

namespace gantry::config {
namespace {

constexpr std::uint64_t kKb = 1024, kMb = kKb * 1024, kTb = kMb * kMb;
constexpr std::uint64_t kSecond = 1000, kHour = 3600 * kSecond, kYear = 365 * 24 * kHour;

/// What a value looks like, in a few capital letters and in words.
struct Look {
  const char* type;
  const char* expected;
};

Look look_of(ValueKind kind) {
  switch (kind) {
    case ValueKind::kText: return {"TEXT", "text"};
    case ValueKind::kAddress: return {"HOST:PORT", "HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:8080"};
    case ValueKind::kHttpUrl: return {"URL", "http://… or https://…, or nothing"};
    case ValueKind::kIndexUrl: return {"URL", "sqlite:PATH, postgresql://…, mysql://… or mongodb://…"};
    case ValueKind::kStorageUrl: return {"URL", "file:PATH or s3://bucket/prefix?endpoint=…"};
    case ValueKind::kCacheUrl: return {"URL", "redis://HOST…, rediss://HOST…, redis+sentinel://HOST,HOST…/SERVICE, or nothing"};
    case ValueKind::kAeTitle: return {"AE-TITLE", "an AE title: 1 to 16 characters of ASCII, no backslash, not only spaces"};
    case ValueKind::kChoice: return {"", ""};  // made of the choices
    case ValueKind::kAddresses: return {"ADDRESS,…", "a list of IP addresses, e.g. 10.0.0.2,::1"};
    case ValueKind::kOrigins: return {"ORIGIN,…", "a list of origins, e.g. https://viewer.example, or *"};
    case ValueKind::kPath: return {"DIR", "a path"};
    case ValueKind::kFile: return {"FILE", "the path of a file, or nothing"};
    case ValueKind::kSwitch: return {"true|false", "true or false"};
    case ValueKind::kCount: return {"NUMBER", "a whole number"};
    case ValueKind::kBytes: return {"BYTES", "a size such as 4096, 32kB or 16GB"};
    case ValueKind::kDuration: return {"DURATION", "a duration such as 250ms, 10s, 5min, 24h or 7d"};
    case ValueKind::kProviderUrl: return {"URL", "https://…, or nothing"};
    case ValueKind::kTexts: return {"TEXT,…", "a list of texts"};
  }
  return {"TEXT", "text"};
}

std::string amount_text(ValueKind kind, std::uint64_t amount) {
  if (kind == ValueKind::kBytes) return format_bytes(amount);
  if (kind == ValueKind::kDuration) return format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(amount)));
  return std::to_string(amount);
}

std::string spelled(const std::string& section, const std::string& key, char separator, const char* begin, bool upper) {
  std::string name = begin + section + separator + key;
  for (char& c : name) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!upper && c == '_') c = '-';
  }
  return name;
}

}  // namespace

Builder& Builder::add(const char* section, const char* key, ValueKind kind, Place place, const char* help) {
  Setting setting;
  setting.info.section = section;
  setting.info.key = key;
  setting.info.environment = spelled(section, key, '_', "GANTRY_", true);
  setting.info.flag = spelled(section, key, '-', "--", false);
  setting.info.type = look_of(kind).type;
  setting.info.help = help;
  setting.info.is_switch = kind == ValueKind::kSwitch;
  setting.kind = kind;
  setting.place = place;
  setting.expected = look_of(kind).expected;
  table_.push_back(std::move(setting));
  return *this;
}

Builder& Builder::alias(const char* flag) {
  table_.back().info.short_flag = flag;
  return *this;
}

Builder& Builder::per_issuer() {
  table_.back().per_issuer = true;
  return *this;
}

Builder& Builder::choices(std::vector<std::string> choices) {
  auto& setting = table_.back();
  if (setting.kind == ValueKind::kTexts) setting.expected += " of ";
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (setting.kind != ValueKind::kTexts) setting.info.type += (i == 0 ? "" : "|") + choices[i];
    setting.expected += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  }
  setting.choices = std::move(choices);
  return *this;
}

Builder& Builder::within(std::uint64_t least, std::uint64_t most) {
  auto& setting = table_.back();
  setting.least = least;
  setting.most = most;
  setting.expected += ", from " + amount_text(setting.kind, least) + " to " + amount_text(setting.kind, most);
  return *this;
}

std::vector<Setting> Builder::take() {
  const Settings defaults;
  for (auto& setting : table_) setting.info.default_text = text_of(setting, defaults);
  return std::move(table_);
}

namespace {

void add_http(Builder& table) {
  using K = ValueKind;
  table.add("http", "listen", K::kAddress, GANTRY_AT(http, listen), "Where HTTP is served. Port 0 takes a free one.").alias("--listen")
      .add("http", "public_url", K::kHttpUrl, GANTRY_AT(http, public_url),
           "The DICOMweb service root as clients reach it through a proxy, e.g. https://pacs.example/dicom-web. Nothing: taken from the request.")
      .add("http", "trusted_proxies", K::kAddresses, GANTRY_AT(http, trusted_proxies),
           "Proxies whose Forwarded and X-Forwarded-* fields are believed.")
      .add("http", "cors_origins", K::kOrigins, GANTRY_AT(http, cors_origins),
           "Web pages of these origins may read answers. `*` is every page; nothing is none but our own.")
      .add("http", "io_threads", K::kCount, GANTRY_AT(http, io_threads), "Threads that move bytes; 0 is one per core.").within(0, 1024)
      .add("http", "insecure_open", K::kSwitch, GANTRY_AT(http, insecure_open),
           "Serves beyond this machine although no authentication is configured: everybody who can connect may read and delete everything.")
      .add("http", "insecure_tenants", K::kSwitch, GANTRY_AT(http, insecure_tenants),
           "For tests on this machine, without authentication: a request names any tenant by /tenants/{tenant}/ or x-tenant.")
      .add("http", "connections", K::kCount, GANTRY_AT(http, connections),
           "Connections that may be open; never more than half of the open files that the system allows.").within(1, 1'000'000)
      .add("http", "connections_per_address", K::kCount, GANTRY_AT(http, connections_per_address),
           "Connections from one address, other than this machine's and trusted proxies'.").within(1, 1'000'000)
      .add("http", "header_bytes", K::kBytes, GANTRY_AT(http, header_bytes), "Bytes of a request's head; more is 431.").within(kKb, kMb)
      .add("http", "header_count", K::kCount, GANTRY_AT(http, header_count), "Header fields of a request; more are 431.").within(1, 10'000)
      .add("http", "line_bytes", K::kBytes, GANTRY_AT(http, line_bytes), "Bytes of one header line; more are 431.").within(kKb, kMb)
      .add("http", "url_bytes", K::kBytes, GANTRY_AT(http, url_bytes), "Bytes of a request's URL; more are 414.").within(kKb, kMb)
      .add("http", "header_deadline", K::kDuration, GANTRY_AT(http, header_deadline),
           "From a request's first byte to the end of its head; longer is 408.").within(100, kHour)
      .add("http", "idle_keep_alive", K::kDuration, GANTRY_AT(http, idle_keep_alive), "How long a connection may be idle between requests.")
      .within(100, 24 * kHour)
      .add("http", "write_stall", K::kDuration, GANTRY_AT(http, write_stall), "How long a client may take no byte of its answer.")
      .within(100, kHour)
      .add("http", "body_rate_bytes_per_s", K::kBytes, GANTRY_AT(http, body_rate_bytes_per_s),
           "The least rate of a request body, in bytes a second over the window; slower is 408, 0 is any.").within(0, kTb)
      .add("http", "body_rate_window", K::kDuration, GANTRY_AT(http, body_rate_window), "Over how long that rate is measured.").within(100, kHour)
      .add("http", "body_bytes", K::kBytes, GANTRY_AT(http, body_bytes), "Bytes of a request body; more are 413.").within(kKb, 1024 * kTb)
      .add("http", "request_life", K::kDuration, GANTRY_AT(http, request_life), "The longest that one request may take.")
      .within(kSecond, 7 * 24 * kHour);
}

void add_tls(Builder& table) {
  using K = ValueKind;
  table
      .add("tls", "certificate", K::kFile, GANTRY_AT(tls, certificate),
           "PEM file of the HTTP listener's certificate, followed by those between it and its authority. Nothing: no TLS.")
      .add("tls", "key", K::kFile, GANTRY_AT(tls, key), "PEM file of its private key, without a password.")
      .add("tls", "client_ca", K::kFile, GANTRY_AT(tls, client_ca),
           "PEM file of the authorities whose client certificates are believed; it may hold their revocation lists.")
      .add("tls", "client", K::kChoice, GANTRY_AT(tls, client),
           "Whether clients show a certificate: `none` are asked, one is `optional`, or one is `required`.")
      .choices({"none", "optional", "required"})
      .add("tls", "client_rules", K::kFile, GANTRY_AT(tls, client_rules),
           "File that says which tenant and permissions a client's certificate stands for. Nothing: certificates let "
           "connections in and say no more.")
      .add("tls", "reload_interval", K::kDuration, GANTRY_AT(tls, reload_interval),
           "How often these files are looked at; changed ones come into use for new connections. SIGHUP does so at once.")
      .within(100, 24 * kHour)
      .add("tls", "handshake_deadline", K::kDuration, GANTRY_AT(tls, handshake_deadline),
           "How long a TLS handshake may take.")
      .within(100, kHour)
      .add("tls", "handshakes", K::kCount, GANTRY_AT(tls, handshakes),
           "TLS handshakes at a time; one more ends the one that takes longest.")
      .within(1, 1'000'000);
}

void add_limits(Builder& table) {
  using K = ValueKind;
  table
      .add("limits", "tenant_requests_per_s", K::kCount, GANTRY_AT(limits, tenant_requests_per_s),
           "Requests a second of each tenant on this node, unless the tenant has its own limit; more are 429. 0: no limit.")
      .within(0, 1'000'000)
      .add("limits", "tenant_concurrent", K::kCount, GANTRY_AT(limits, tenant_concurrent),
           "Requests at a time of each tenant on this node, unless the tenant has its own limit; more are 429. 0: no limit.")
      .within(0, 1'000'000);
}

void add_parts(Builder& table) {
  using K = ValueKind;
  table.add("dimse", "listen", K::kAddress, GANTRY_AT(dimse, listen), "Where DICOM associations are accepted.")
      .add("dimse", "aet", K::kAeTitle, GANTRY_AT(dimse, aet), "The AE title by which Gantry is called.")
      .add("index", "url", K::kIndexUrl, GANTRY_AT(index, url), "The index. Nothing: SQLite in the data folder.")
      .add("index", "connections", K::kCount, GANTRY_AT(index, connections),
           "Connections to a database server, at most; 0 is three more than the threads that read the index.")
      .within(0, 1000)
      .add("index", "connect_time", K::kDuration, GANTRY_AT(index, connect_time),
           "How long connecting to the database may take.")
      .within(100, kHour)
      .add("index", "wait_time", K::kDuration, GANTRY_AT(index, wait_time),
           "How long a request waits for a connection; then it is 503.")
      .within(1, kHour)
      .add("index", "statement_time", K::kDuration, GANTRY_AT(index, statement_time),
           "How long the statements of one request may take; then it is 503.")
      .within(100, kHour)
      .add("index", "migrate", K::kSwitch, GANTRY_AT(index, migrate),
           "Lets `serve` bring the schema of a database server up to date at start, as `gantry migrate` does; without, "
           "it "
           "waits for that. The embedded index always does.")
      .add("storage", "url", K::kStorageUrl, GANTRY_AT(storage, url),
           "Where objects are kept. Nothing: files in the data folder.")
      .add("cache", "url", K::kCacheUrl, GANTRY_AT(cache, url), "A Redis that nodes share. Nothing: memory alone.")
      .add("cache", "max_staleness", K::kDuration, GANTRY_AT(cache, max_staleness),
           "How old what other nodes wrote may be in an answer, where they share a database; 0 is never stale. More "
           "saves "
           "statements that confirm what memory holds.")
      .within(0, kHour)
      .add("cache", "memory_bytes", K::kBytes, GANTRY_AT(cache, memory_bytes),
           "Memory of this process for where instances are and for prepared metadata; 0: none, each request asks the "
           "index.")
      .within(0, kTb)
      .add("cache", "open_files", K::kCount, GANTRY_AT(cache, open_files),
           "Files that it keeps open for them, at most, and at most a quarter of those that the process may open.")
      .within(16, 1'000'000)
      .add("cache", "operation_time", K::kDuration, GANTRY_AT(cache, operation_time),
           "How long a call of the Redis may take; after three that failed in a row it is left alone for a moment.")
      .within(1, kHour)
      .add("cache", "connections", K::kCount, GANTRY_AT(cache, connections), "Connections to the Redis, at most.")
      .within(1, 1000)
      .add("cache", "study_life", K::kDuration, GANTRY_AT(cache, study_life),
           "How long the Redis keeps a study's series rows.")
      .within(1000, kYear)
      .add("cache", "absence_life", K::kDuration, GANTRY_AT(cache, absence_life),
           "How long the Redis keeps the mark that a study does not exist.")
      .within(1000, kYear)
      .add("cache", "generating_life", K::kDuration, GANTRY_AT(cache, generating_life),
           "How long the Redis keeps the mark that a series' JSON is being generated, unless it is renewed.")
      .within(1000, kYear)
      .add("cache", "generating_most", K::kDuration, GANTRY_AT(cache, generating_most),
           "How long that mark is renewed, at most.")
      .within(1000, kYear);
}

void add_services(Builder& table) {
  using K = ValueKind;
  table
      .add("store", "conflict", K::kChoice, GANTRY_AT(store, conflict),
           "What becomes of an instance whose SOP Instance UID is there with other bytes: `reject` it, `replace` the "
           "old one, or `ignore` the new one with a warning.")
      .choices({"reject", "replace", "ignore"})
      .add("store", "unknown_transfer_syntaxes", K::kSwitch, GANTRY_AT(store, unknown_transfer_syntaxes),
           "Keeps instances in transfer syntaxes that Gantry does not know, as they are.")
      .add("store", "check_sop_class", K::kSwitch, GANTRY_AT(store, check_sop_class),
           "Warns (B007, and 202 instead of 200) of instances that lack what their SOP class can't do without, such as "
           "the size of an image. They are stored as they are in any case.")
      .add("store", "instance_bytes", K::kBytes, GANTRY_AT(store, instance_bytes),
           "Bytes of one instance; larger ones are refused.")
      .within(kMb, kTb)
      .add("store", "memory_bytes", K::kBytes, GANTRY_AT(store, memory_bytes),
           "Memory for all instances on their way in; 0 is a quarter of this machine's.")
      .within(0, kTb)
      .add("dicomweb", "strict_transfer_syntax", K::kSwitch, GANTRY_AT(dicomweb, strict_transfer_syntax),
           "transfer-syntax=* never gives Implicit VR or Big Endian (PS3.18 §8.7.3) but Explicit VR Little Endian "
           "instead.")
      .add("dicomweb", "sanitize_preamble", K::kSwitch, GANTRY_AT(dicomweb, sanitize_preamble),
           "Sends the 128 bytes before a DICOM file's magic as zeros. What is stored stays as it is.")
      .add("dicomweb", "empty_search_is_204", K::kSwitch, GANTRY_AT(dicomweb, empty_search_is_204),
           "Answers a search without results with 204, as older clients expect, instead of 200 with an empty list.")
      .add("dicomweb", "limit_default", K::kCount, GANTRY_AT(dicomweb, limit_default),
           "Results of a search that names no limit.")
      .within(1, 1'000'000)
      .add("dicomweb", "limit_most", K::kCount, GANTRY_AT(dicomweb, limit_most), "The most results of one search.")
      .within(1, 1'000'000)
      .add("pixels", "processes", K::kCount, GANTRY_AT(pixels, processes),
           "Processes that decode and encode frames, one frame at a time each. 0: one per core.")
      .within(0, 1024)
      .add("pixels", "frame_time", K::kDuration, GANTRY_AT(pixels, frame_time),
           "A frame that is not decoded after so long is given up, and its process ended.")
      .within(kSecond, kHour)
      .add("pixels", "frame_bytes", K::kBytes, GANTRY_AT(pixels, frame_bytes),
           "The most bytes of a decoded frame. Larger ones go out as they are stored only.")
      .within(kMb, 4096 * kMb)
      .add("pixels", "cache_bytes", K::kBytes, GANTRY_AT(pixels, cache_bytes),
           "Memory for decoded frames and rendered pictures.")
      .within(0, kTb)
      .add("pixels", "store_bytes", K::kBytes, GANTRY_AT(pixels, store_bytes),
           "Room in the object store for instances in other transfer syntaxes that were asked for. 0: none is kept.")
      .within(0, 1024 * kTb)
      .add("pixels", "progressive", K::kSwitch, GANTRY_AT(pixels, progressive),
           "Makes a lossless HTJ2K rendition (RPCL) of every image in the background, for viewers that load by resolution.")
      .add("worker", "quiet_period", K::kDuration, GANTRY_AT(worker, quiet_period),
           "How long a series must be at rest before its metadata is prepared.")
      .within(0, 24 * kHour)
      .add("worker", "lease", K::kDuration, GANTRY_AT(worker, lease),
           "A worker that is not heard of for so long has lost its series to others. It is renewed as long as a series "
           "takes.")
      .within(kSecond, kHour)
      .add("worker", "threads", K::kCount, GANTRY_AT(worker, threads),
           "Threads of `gantry serve` that prepare series' metadata; 0 leaves it to other nodes.")
      .within(0, 256)
      .add("worker", "cpu_threshold", K::kCount, GANTRY_AT(worker, cpu_threshold),
           "Percent of this machine's cores in use, low priorities aside, above which series are prepared more slowly, "
           "a "
           "quarter of a second between two; 0 never does.")
      .within(0, 100)
      .add("worker", "memory_threshold", K::kCount, GANTRY_AT(worker, memory_threshold),
           "The same for percent of this machine's memory.")
      .within(0, 100)
      .add("worker", "sweep_interval", K::kDuration, GANTRY_AT(worker, sweep_interval),
           "How often litter of crashes is looked for.")
      .within(kSecond, kYear)
      .add("worker", "sweep_age", K::kDuration, GANTRY_AT(worker, sweep_age),
           "How old an object without a row must be to be litter. Not below the two hours that a store may take.")
      .within(2 * kHour, kYear)
      .add("delete", "object_grace", K::kDuration, GANTRY_AT(deletes, object_grace),
           "From the deletion of an instance to that of its bytes, so that who is reading them can finish.")
      .within(0, kYear)
      .add("audit", "enabled", K::kSwitch, GANTRY_AT(audit, enabled),
           "Every access and every refusal is recorded in the data folder, in `audit`, before it is answered.")
      .add("audit", "on_failure", K::kChoice, GANTRY_AT(audit, on_failure),
           "What can't be recorded, as on a full disk, is answered 503 (`refuse`), or served and missing in the audit.")
      .choices({"refuse", "serve"})
      .add("audit", "file_bytes", K::kBytes, GANTRY_AT(audit, file_bytes),
           "A file of the audit that has more is followed by a new one, as each day has one of its own.")
      .within(kMb, kTb)
      .add("audit", "keep_days", K::kCount, GANTRY_AT(audit, keep_days),
           "Files of the audit that are older are removed, unless they were not sent yet; 0 keeps all.")
      .within(0, 36'500)
      .add(
          "audit", "syslog", K::kText, GANTRY_AT(audit, syslog),
          "Where PS3.15 audit messages are sent: tls://HOST:PORT?ca=FILE&certificate=FILE&key=FILE, tcp://HOST:PORT or "
          "udp://HOST:PORT. Nothing: nowhere.")
      .add("audit", "source", K::kText, GANTRY_AT(audit, source),
           "How these messages name this node (AuditSourceID). Nothing: the machine's name.")
      .add("audit", "site", K::kText, GANTRY_AT(audit, site), "How they name its site (AuditEnterpriseSiteID).")
      .add("share", "viewer_url", K::kText, GANTRY_AT(share, viewer_url),
           "The viewer that the page of a share link opens: an OHIF's address, or a URL with {study} and {config} or "
           "{dicomweb} in it. Nothing: the page offers none.")
      .add("log", "level", K::kChoice, GANTRY_AT(log, level), "What is logged: this level and above.")
      .choices({"debug", "info", "warn", "error", "off"})
      .add("log", "format", K::kChoice, GANTRY_AT(log, format),
           "`json` lines, `text` for people, or `auto`: text when a terminal shows it.")
      .choices({"auto", "json", "text"});
}

std::vector<Setting> make_table() {
  Builder table;
  table.add("data", "dir", ValueKind::kPath, Place([](Settings& s) { return &s.data.dir; }),
            "The folder that holds this Gantry: lock, secret and, unless other URLs are given, index and objects.").alias("--data")
      .add("data", "core_dumps", ValueKind::kSwitch, Place([](Settings& s) { return &s.data.core_dumps; }),
           "Lets a crash leave a core dump. It holds patient data and keys, so without this none is written.");
  add_http(table);
  add_tls(table);
  add_limits(table);
  add_auth(table);
  add_parts(table);
  add_services(table);
  return table.take();
}

bool is_ip_address(const std::string& text) {
  in6_addr buffer{};
  return inet_pton(AF_INET, text.c_str(), &buffer) == 1 || inet_pton(AF_INET6, text.c_str(), &buffer) == 1;
}

/// scheme://host[:port] without anything behind (RFC 6454 §6.2), "*" or "null".
bool is_origin(const std::string& text) {
  if (text == "*" || text == "null") return true;
  const auto url = parse_url(text);
  return url && !url->host.empty() && url->path.empty() && url->query.empty() && url->user.empty() &&
         text.find_first_of(" ?#@") == std::string::npos;
}

bool is_ae_title(std::string_view text) {
  const auto allowed = [](char c) { return c >= 0x20 && c < 0x7F && c != '\\'; };
  return !text.empty() && text.size() <= 16 && text.find_first_not_of(' ') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), allowed);
}

Result<void> check_http_url(std::string_view text) {
  if (text.empty()) return {};
  GANTRY_LET(const Url url, parse_url(text));
  if (url.scheme != "http" && url.scheme != "https") return Error::invalid("its scheme is neither http nor https");
  if (url.host.empty()) return Error::invalid("it names no host");
  if (!url.query.empty() || !url.user.empty() || text.find('#') != std::string_view::npos) {
    return Error::invalid("it has more than a host and a path");
  }
  return {};
}

/// Exactly as it is written: an issuer's name is compared with tokens, slashes at its end and all.
Result<void> check_provider_url(std::string_view text) {
  if (text.empty()) return {};
  GANTRY_LET(const Url url, parse_url(text));
  if (url.scheme != "http" && url.scheme != "https") return Error::invalid("its scheme is neither http nor https");
  if (url.host.empty()) return Error::invalid("it names no host");
  if (!url.user.empty() || text.find('#') != std::string_view::npos) return Error::invalid("it has a user or a fragment");
  return {};
}

/// Whether text is right for its kind; the reason is added to what was expected.
Result<void> check_text(const Setting& setting, const std::string& text) {
  const auto verdict = [](bool right) { return right ? Result<void>{} : Error::invalid(""); };
  const auto of = [](const auto& parsed) { return parsed ? Result<void>{} : Result<void>(parsed.error()); };
  switch (setting.kind) {
    case ValueKind::kAddress: return verdict(is_address(text));
    case ValueKind::kHttpUrl: return check_http_url(text);
    case ValueKind::kProviderUrl: return check_provider_url(text);
    case ValueKind::kIndexUrl: return text.empty() ? Result<void>{} : of(parse_index_url(text));
    case ValueKind::kStorageUrl: return text.empty() ? Result<void>{} : of(parse_storage_url(text));
    case ValueKind::kCacheUrl: return of(parse_cache_url(text));
    case ValueKind::kAeTitle: return verdict(is_ae_title(text));
    case ValueKind::kPath: return verdict(!text.empty() && text.find('\0') == std::string::npos);
    case ValueKind::kChoice:
      return verdict(std::find(setting.choices.begin(), setting.choices.end(), text) != setting.choices.end());
    default: return {};
  }
}

bool is_list_kind(ValueKind kind) {
  return kind == ValueKind::kAddresses || kind == ValueKind::kOrigins || kind == ValueKind::kTexts;
}

Result<void> check_list(const Setting& setting, const std::vector<std::string>& list) {
  if (setting.kind == ValueKind::kTexts) {
    const auto& choices = setting.choices;
    for (const auto& element : list) {
      if (element.empty()) return Error::invalid("one of them is empty");
      if (choices.empty() || std::find(choices.begin(), choices.end(), element) != choices.end()) continue;
      return Error::invalid("\"" + element + "\" is none");
    }
    return {};
  }
  const auto is_right = setting.kind == ValueKind::kAddresses ? is_ip_address : is_origin;
  for (const auto& element : list) {
    if (!is_right(element)) return Error::invalid("\"" + element + "\" is none");
  }
  return {};
}

bool within(const Setting& setting, std::uint64_t amount) { return amount >= setting.least && amount <= setting.most; }

Error refused(const Setting& setting, const std::string& reason, const char* before = "") {
  return Error::invalid("expected " + (before + setting.expected) + (reason.empty() ? "" : " (" + reason + ")"));
}

template <class T>
T& at(const Place& place, Settings& settings) {
  return *std::get<T* (*)(Settings&)>(place)(settings);
}

template <class F>
auto visit_value(const Setting& setting, const Settings& settings, F function) {
  // The places take a Settings& because load() writes through them; nothing is written here.
  return std::visit([&](auto place) { return function(std::as_const(*place(const_cast<Settings&>(settings)))); }, setting.place);
}

bool is_url(ValueKind kind) {
  return kind == ValueKind::kHttpUrl || kind == ValueKind::kIndexUrl || kind == ValueKind::kStorageUrl || kind == ValueKind::kCacheUrl ||
         kind == ValueKind::kProviderUrl;
}

std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& element : list) text += (text.empty() ? "" : ",") + element;
  return text;
}

}  // namespace

std::span<const Setting> setting_table() {
  static const std::vector<Setting> kTable = make_table();
  return kTable;
}

std::span<const SettingInfo> all_settings() {
  static const std::vector<SettingInfo> kInfos = [] {
    std::vector<SettingInfo> infos;
    for (const auto& setting : setting_table()) infos.push_back(setting.info);
    return infos;
  }();
  return kInfos;
}

Result<void> assign_text(const Setting& setting, std::string_view text, Settings& settings) {
  switch (setting.kind) {
    case ValueKind::kSwitch: {
      const auto value = parse_switch(text);
      if (!value) return refused(setting, "");
      at<bool>(setting.place, settings) = *value;
      return {};
    }
    case ValueKind::kCount:
    case ValueKind::kBytes: {
      const auto value = setting.kind == ValueKind::kCount ? parse_count(text) : parse_bytes(text);
      if (!value || !within(setting, *value)) return refused(setting, "");
      at<std::uint64_t>(setting.place, settings) = *value;
      return {};
    }
    case ValueKind::kDuration: {
      const auto value = parse_duration(text);
      if (!value || !within(setting, static_cast<std::uint64_t>(value->count()))) return refused(setting, "");
      at<std::chrono::milliseconds>(setting.place, settings) = *value;
      return {};
    }
    case ValueKind::kAddresses:
    case ValueKind::kTexts:
    case ValueKind::kOrigins: {
      auto list = split_list(text);
      if (const auto checked = check_list(setting, list); !checked) return refused(setting, checked.error().detail());
      at<std::vector<std::string>>(setting.place, settings) = std::move(list);
      return {};
    }
    default: break;
  }
  std::string value(text);
  if (const auto checked = check_text(setting, value); !checked) return refused(setting, checked.error().detail());
  if (setting.kind == ValueKind::kPath) {
    at<std::filesystem::path>(setting.place, settings) = std::move(value);
    return {};
  }
  if (setting.kind == ValueKind::kHttpUrl) {
    while (value.ends_with('/')) value.pop_back();
  }
  at<std::string>(setting.place, settings) = std::move(value);
  return {};
}

Result<void> assign(const Setting& setting, const FileValue& value, Settings& settings) {
  const bool is_number = setting.kind == ValueKind::kCount || setting.kind == ValueKind::kBytes;
  const bool is_list = is_list_kind(setting.kind);
  if (const auto* flag = std::get_if<bool>(&value); flag != nullptr && setting.kind == ValueKind::kSwitch) {
    at<bool>(setting.place, settings) = *flag;
    return {};
  }
  if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && is_number) {
    return assign_text(setting, std::to_string(*number), settings);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value); list != nullptr && is_list) {
    if (const auto checked = check_list(setting, *list); !checked) return refused(setting, checked.error().detail());
    at<std::vector<std::string>>(setting.place, settings) = *list;
    return {};
  }
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return refused(setting, "", is_number || is_list || setting.kind == ValueKind::kSwitch ? "" : "a string: ");
  if (setting.kind == ValueKind::kSwitch) return refused(setting, "without quotes");
  return assign_text(setting, *text, settings);
}

std::string text_of(const Setting& setting, const Settings& settings) {
  return visit_value(setting, settings, [&](const auto& value) -> std::string {
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string>) return value;
    if constexpr (std::is_same_v<T, std::filesystem::path>) return value.string();
    if constexpr (std::is_same_v<T, bool>) return value ? "true" : "false";
    if constexpr (std::is_same_v<T, std::uint64_t>) return amount_text(setting.kind, value);
    if constexpr (std::is_same_v<T, std::chrono::milliseconds>) return format_duration(value);
    if constexpr (std::is_same_v<T, std::vector<std::string>>) return join(value);
  });
}

std::string toml_of(const Setting& setting, const Settings& settings) {
  const auto text = text_of(setting, settings);
  switch (setting.kind) {
    case ValueKind::kSwitch:
    case ValueKind::kCount: return text;
    case ValueKind::kAddresses:
    case ValueKind::kTexts:
    case ValueKind::kOrigins: {
      std::string array;
      for (const auto& element : at<std::vector<std::string>>(setting.place, const_cast<Settings&>(settings))) array += (array.empty() ? "" : ", ") + toml_string(element);
      return "[" + array + "]";
    }
    default: return toml_string(is_url(setting.kind) ? redact_url(text) : text);
  }
}

std::string quote(const Setting& setting, const FileValue& value) {
  constexpr std::size_t kMost = 200;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* other = std::get_if<OtherValue>(&value)) return "a" + std::string(other->kind.starts_with('a') ? "n " : " ") + other->kind;
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  std::string text = list != nullptr ? join(*list) : std::get<std::string>(value);
  if (is_url(setting.kind)) text = redact_url(text);
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return toml_string(text);
}

}  // namespace gantry::config

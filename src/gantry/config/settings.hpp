#pragma once

// What can be configured, and how: a flag beats the environment, which beats the file, which beats the default. Every
// setting has three names by one rule: `url` in `[index]` is GANTRY_INDEX_URL and --index-url.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::config {

/// All settings, as plain values that were checked. Defaults are those of DESIGN §11 and §13.
struct Settings {
  struct Data {
    std::filesystem::path dir = "./gantry-data";  ///< lock, admin socket and, by default, index and objects
    bool core_dumps = false;                      ///< a crash may leave memory, with patient data and keys, on the disk
  } data;

  struct Http {
    std::string listen = "127.0.0.1:8080";       ///< HOST:PORT, [IPV6]:PORT; port 0 takes a free one
    std::string public_url;                      ///< "https://pacs.example/dicom-web" without a slash at its end; empty: none
    std::vector<std::string> trusted_proxies;    ///< addresses whose X-Forwarded-* are believed
    std::vector<std::string> cors_origins{"*"};  ///< exact origins, or "*"; empty: none
    std::uint64_t io_threads = 0;                ///< 0: one per core
    bool insecure_open = false;                  ///< serve beyond this machine although nobody has to say who they are
    bool insecure_tenants = false;               ///< on loopback: nobody has to say who they are, in any tenant
    // The members of http::ServerLimits, by their names.
    std::uint64_t connections = 10'000;
    std::uint64_t connections_per_address = 256;
    std::uint64_t header_bytes = 32 * 1024;
    std::uint64_t header_count = 100;
    std::uint64_t line_bytes = 8 * 1024;
    std::uint64_t url_bytes = 8 * 1024;
    std::chrono::milliseconds header_deadline{std::chrono::seconds(10)};
    std::chrono::milliseconds idle_keep_alive{std::chrono::seconds(60)};
    std::chrono::milliseconds write_stall{std::chrono::seconds(30)};
    std::uint64_t body_rate_bytes_per_s = 1024;
    std::chrono::milliseconds body_rate_window{std::chrono::seconds(10)};
    std::uint64_t body_bytes = 16ULL << 30;
    std::chrono::milliseconds request_life{std::chrono::hours(6)};
  } http;

  /// Of each tenant on this node, unless the tenant has its own; 0 is no limit.
  struct Limits {
    std::uint64_t tenant_requests_per_s = 0;
    std::uint64_t tenant_concurrent = 0;
  } limits;

  /// All files are PEM.
  struct Tls {
    std::string certificate;      ///< the HTTP listener's, with those between it and its authority; empty: no TLS
    std::string key;              ///< its private key, without a password
    std::string client_ca;        ///< authorities of clients' certificates, and revocation lists
    std::string client = "none";  ///< none, optional, required
    std::string client_rules;     ///< who the certificates are (auth::CertificateRules); empty: nobody
    std::chrono::milliseconds reload_interval{std::chrono::seconds(10)};
    std::chrono::milliseconds handshake_deadline{std::chrono::seconds(10)};
    std::uint64_t handshakes = 1024;  ///< at a time
  } tls;

  /// What tokens of one issuer, for one audience, must be and what they give. Without an issuer: none is taken.
  struct Issuer {
    std::string issuer;                             ///< exactly the token's `iss`
    std::vector<std::string> audience;              ///< one of them must be in the token's `aud`
    std::vector<std::string> algorithms{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"};
    std::string discovery_url, jwks_url;            ///< empty: from the issuer's name; from the discovery document
    std::string ca_file;                            ///< PEM; empty: the system's authorities
    bool http_on_loopback = false;                  ///< a provider on this machine may be asked without TLS
    std::string tenant, tenant_claim;               ///< one of both: a fixed one, or the path of the claim that names it
    std::string principal_claim = "$.sub";          ///< who, for logs and audit
    std::vector<std::string> read, write, deletes, admin, operate;  ///< rules: "$.realm_access.roles=viewer", "scope:dicom.read"
  };
  struct Auth {
    bool api_keys = false;                          ///< requests need a credential, and API keys are one
    Issuer main;                                    ///< of `[auth]` itself
    std::vector<Issuer> issuers;                    ///< further ones: `[[auth.issuers]]`, in the file alone
    std::uint64_t remembered_tokens = 10'000;       ///< verified ones, by their hash
    bool share_keys = true;                         ///< with other nodes through the Redis
    std::chrono::milliseconds keys_refresh{std::chrono::minutes(10)};
    std::chrono::milliseconds keys_pause{std::chrono::seconds(10)};  ///< between two fetches for unknown keys
    std::chrono::milliseconds keys_stale{std::chrono::hours(24)};    ///< how long they serve while the provider is down
    std::chrono::milliseconds keys_shared_life{std::chrono::minutes(100)};
  } auth;

  struct Dimse {
    std::string listen = "127.0.0.1:11112";  ///< HOST:PORT
    std::string aet = "GANTRY";              ///< AE title, 1 to 16 characters
  } dimse;

  struct Index {
    std::string url;  ///< sqlite:PATH, postgresql://…, mysql://…, mongodb://…; load() fills in "sqlite:" in data.dir
    // Of databases behind a network.
    std::uint64_t connections = 0;  ///< 0: three more than index threads
    std::chrono::milliseconds connect_time{std::chrono::seconds(5)};
    std::chrono::milliseconds wait_time{std::chrono::seconds(5)};
    std::chrono::milliseconds statement_time{std::chrono::seconds(5)};
    bool migrate = false;  ///< serve brings the schema of a database server up to date, as `gantry migrate` does
  } index;

  struct Storage {
    std::string url;  ///< file:PATH, s3://bucket/prefix?endpoint=…; load() fills in "file:" in data.dir
  } storage;

  struct Cache {
    std::string url;  ///< redis://…, rediss://…, or empty: none
    std::chrono::milliseconds max_staleness{0};  ///< how old what other nodes wrote may be in an answer
    std::uint64_t memory_bytes = 128ULL << 20;   ///< of this process: where instances are, and prepared metadata
    std::uint64_t open_files = 8192;             ///< that it keeps open for them
    std::chrono::milliseconds operation_time{50};
    std::uint64_t connections = 16;
    // How long what is put there lives.
    std::chrono::milliseconds study_life{std::chrono::hours(2)};
    std::chrono::milliseconds absence_life{std::chrono::minutes(5)};
    std::chrono::milliseconds generating_life{std::chrono::seconds(15)};
    std::chrono::milliseconds generating_most{std::chrono::minutes(10)};
  } cache;

  struct Store {
    std::string conflict = "reject";              ///< reject, replace, ignore: same SOP Instance UID, other bytes
    bool unknown_transfer_syntaxes = false;       ///< keep instances whose transfer syntax is in no table
    bool check_sop_class = true;                  ///< a warning for what lacks what its SOP class can't do without
    std::uint64_t instance_bytes = 4ULL << 30;    ///< most bytes of one instance
    std::uint64_t memory_bytes = 0;               ///< node-wide budget of instances on their way in; 0: 25 % of RAM
  } store;

  struct Dicomweb {
    bool strict_transfer_syntax = false;
    bool sanitize_preamble = false;
    bool empty_search_is_204 = false;
    std::uint64_t limit_default = 100;
    std::uint64_t limit_most = 1000;
  } dicomweb;

  struct Pixels {
    std::uint64_t processes = 0;                                      ///< that decode; 0: one per core
    std::chrono::milliseconds frame_time{std::chrono::seconds(30)};   ///< a frame may take so long
    std::uint64_t frame_bytes = 512ULL << 20;                         ///< most bytes of a decoded frame
    std::uint64_t cache_bytes = 128ULL << 20;                         ///< of frames and pictures in memory
    std::uint64_t store_bytes = 1024ULL << 20;                        ///< of transcoded instances in the object store
    bool progressive = false;                                         ///< every image has an HTJ2K rendition
  } pixels;

  struct Worker {
    std::chrono::milliseconds quiet_period{std::chrono::seconds(10)};  ///< a series at rest for so long gets its JSON
    std::chrono::milliseconds lease{std::chrono::minutes(5)};
    std::uint64_t threads = 1;
    /// Percent in use above which series are prepared more slowly, never not at all; 0 and 100: never more slowly.
    std::uint64_t cpu_threshold = 80, memory_threshold = 90;
    std::chrono::milliseconds sweep_interval{std::chrono::hours(1)};
    std::chrono::milliseconds sweep_age{std::chrono::hours(24)};
  } worker;

  struct Deletes {
    std::chrono::milliseconds object_grace{std::chrono::minutes(10)};  ///< `[delete]`: from the row's end to the object's
  } deletes;

  struct Audit {
    bool enabled = true;
    std::string on_failure = "refuse";       ///< refuse, serve: what can't be recorded
    std::uint64_t file_bytes = 64ULL << 20;  ///< a file of the spool that has more is followed by a new one
    std::uint64_t keep_days = 0;             ///< older files are removed; 0: none
    std::string syslog;                      ///< tls://HOST:PORT?ca=FILE…, tcp://…, udp://…; empty: none
    std::string source;                      ///< AuditSourceID; empty: the machine's name
    std::string site;                        ///< AuditEnterpriseSiteID; may be empty
  } audit;
  struct Share {
    std::string viewer_url;  ///< where a shared study is opened in a viewer; empty: the page offers none
  } share;

  struct Log {
    std::string level = "info";   ///< debug, info, warn, error, off
    std::string format = "auto";  ///< auto, json, text
  } log;

  /// Where each setting that is not a default came from: "http.listen" -> "gantry.toml, line 3"; of a further issuer
  /// "auth.issuers[0].read". Written by load().
  std::map<std::string, std::string> sources;
  /// What load() wants an operator to read at start, e.g. a GANTRY_ variable that names no setting.
  std::vector<std::string> warnings;
};

/// What is known of one setting without reading any: for the command line, the manual and messages.
struct SettingInfo {
  std::string section;       ///< "index"
  std::string key;           ///< "url"
  std::string environment;   ///< "GANTRY_INDEX_URL"
  std::string flag;          ///< "--index-url"
  std::string short_flag;    ///< "--listen" for http.listen, "--data" for data.dir; mostly empty
  std::string type;          ///< what a value looks like: "HOST:PORT", "BYTES", "DURATION", "true|false", "reject|replace|ignore"
  std::string default_text;  ///< as one would write it in the environment; empty: nothing
  std::string help;          ///< one or two sentences
  bool is_switch = false;    ///< true|false: as a flag without value it means true

  [[nodiscard]] std::string name() const { return section + "." + key; }
};

/// Every setting, in the order of the manual. Lives as long as the process.
[[nodiscard]] std::span<const SettingInfo> all_settings();

using Environment = std::map<std::string, std::string>;
/// This process's variables that begin with GANTRY_.
[[nodiscard]] Environment process_environment();

/// Flags by name, as typed: {"--index-url", "sqlite:x"}; a setting's two flags are one. A switch without value: "true".
using Flags = std::map<std::string, std::string>;

/// Reads and checks everything. kInvalid names every wrong setting on a line of its own: the file and its line, the variable
/// or the flag, what was given (passwords redacted), what was expected, and the nearest name for an unknown one.
/// kNotFound, kUnavailable or kInternal: the file can't be read. GANTRY_ variables that name no setting are an error when
/// they begin with a section's name or nearly are a setting's; others (of scripts and tests) become a warning.
[[nodiscard]] Result<Settings> load(const std::optional<std::filesystem::path>& file, const Environment& environment,
                                    const Flags& flags);

/// The effective settings as a file with the source of each value in a comment; passwords are redacted. Loads again.
[[nodiscard]] std::string show(const Settings& settings);

/// All settings as Markdown: name, default, meaning, flag and variable.
[[nodiscard]] std::string settings_reference();

}  // namespace gantry::config

// The `gantry` command: flags, help, and which command runs.

#include <cstdio>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include <unistd.h>

#include "gantry/cli/audit_command.hpp"
#include "gantry/cli/credential_commands.hpp"
#include "gantry/cli/fsck_command.hpp"
#include "gantry/cli/hidden_arguments.hpp"
#include "gantry/cli/index_copy_command.hpp"
#include "gantry/cli/migrate_command.hpp"
#include "gantry/cli/serve_command.hpp"
#include "gantry/cli/store_command.hpp"
#include "gantry/cli/tenant_command.hpp"
#include "gantry/cli/worker_command.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/pixels/sandbox/codec_process.hpp"
#include "gantry/server/app.hpp"
#include "gantry/server/data_folder.hpp"
#include "gantry/server/identity_parts.hpp"

namespace gantry::cli {
namespace {

constexpr int kCouldNotWork = 2;

constexpr const char* kFooter = R"(A first tour:
  gantry serve                                                     serves ./gantry-data on 127.0.0.1:8080
  gantry store ~/images --to http://127.0.0.1:8080/dicom-web       sends a folder of DICOM files
  curl 'http://127.0.0.1:8080/dicom-web/studies?PatientName=*'     finds what it holds
  gantry fsck                                                      checks every row and every object

`gantry COMMAND --help` explains each one.)";

constexpr const char* kServeFooter = R"(Examples:
  gantry serve
  gantry serve --data /srv/images --listen 127.0.0.1:9090
  gantry serve -c gantry.toml --store-conflict replace

Without settings it keeps everything under ./gantry-data and serves this machine alone: DICOMweb at /dicom-web, a page at
/, health at /healthz and /readyz, counters at /metrics. When it is ready it prints one line. SIGTERM or Ctrl-C lets
running requests finish; a second one ends it at once.

Every setting has three names: `url` in `[index]` of the file is GANTRY_INDEX_URL in the environment and --index-url here.
A flag beats the environment, which beats the file. `gantry config show` prints what is in effect, and why.)";

constexpr const char* kWorkerFooter = R"(Examples:
  gantry worker -c gantry.toml
  gantry worker --index-url postgresql://gantry:SECRET@db.example/gantry --storage-url file:/srv/images --worker-threads 4

Each `gantry serve` prepares the metadata of series that are at rest (worker.quiet_period) by itself, on worker.threads
threads. This command does that alone, for nodes of the same index and object store that serve with worker.threads = 0.
Any number may run; each series is prepared by one of them. SIGTERM ends it after the series that are being
made; one that takes longer than 20 seconds is handed back.)";

constexpr const char* kWorkerStatusFooter = R"(Examples:
  gantry worker status
  gantry worker status --json -c gantry.toml

Counts the series by how their prepared metadata stands, and names those that failed, those given up first. Takes the
settings of `gantry worker`. While `gantry serve` runs on the folder of the embedded index, it is asked.
Exit status: 0, or 2 when it could not be told.)";

constexpr const char* kWorkerRetryFooter = R"(Examples:
  gantry worker retry
  gantry worker retry --study 1.2.840.1 --series 1.2.840.1.7

Series that failed, or were given up after five tries, are tried again at once, and have all their tries. A series is
also tried again when it changes. Takes the settings of `gantry worker`, as `status` does.
Exit status: 0 done, also when none had failed, 1 there is no such study or series, 2 it could not work.)";

constexpr const char* kApikeyFooter = R"(Examples:
  gantry apikey create --name "CT 3, ward 5" --allow read,write
  gantry apikey create --name archive-robot --allow read,delete --tenant clinic-a --expires 90d -c gantry.toml
  gantry apikey list
  gantry apikey revoke Ab3dE6gH9jK2

A key is sent as `Authorization: Bearer gantry_…`, to servers with auth.api_keys. It is printed once; only its SHA-256 is
kept. A revoked key is refused at once by the node that was told, and by all others within a second. While `gantry serve`
runs on the folder of the embedded index, it is asked; otherwise the index is.
Exit status: 0 done, 1 there is no such key or tenant, 2 it could not work.)";

constexpr const char* kShareFooter = R"(Examples:
  gantry share create --study 1.2.840.113619.2.1
  gantry share create --study 1.2.840.113619.2.1 --tenant clinic-a --expires 36h
  gantry share list
  gantry share revoke Ab3dE6gH9jK2

Prints a link that opens one study for reading, to anybody who has it, until it expires or is revoked: a page, DICOMweb
below it, and a configuration for OHIF. It is printed once; only its SHA-256 is kept. Links begin with http.public_url, or
with the address that is listened on. Revoking works as for `gantry apikey`.
Exit status: 0 done, 1 there is no such study or share, 2 it could not work.)";
constexpr const char* kTenantFooter = R"(Examples:
  gantry tenant create clinic-a --quota-bytes 500000000000
  gantry tenant list
  gantry tenant usage clinic-a --json
  gantry tenant quota clinic-a --quota-requests-per-s 200 --quota-concurrent 0
  gantry tenant disable clinic-a
  gantry tenant delete clinic-a

Each tenant has its studies to itself; what a request may see is decided by its credential. A tenant that is disabled
keeps its data, and its requests are refused on all nodes within a second. `delete` removes rows, objects and cached copies
for good; whatever cuts it off, the same command goes on. Takes the settings of `gantry serve`; while that runs on the
folder of the embedded index, it is asked.
Exit status: 0 done, 1 there is no such tenant, or it is not as the command needs it, 2 it could not work.)";

constexpr const char* kStoreFooter = R"(Examples:
  gantry store ~/images --to http://127.0.0.1:8080/dicom-web
  gantry store ct/ mr/ one.dcm --to https://pacs.example/dicom-web --token "$TOKEN" --parallel 16
  gantry store ~/images --to http://127.0.0.1:8080/dicom-web --report outcome.jsonl

Every file is sent as it is; the server decides what it takes, and its reasons are shown. What was sent is noted in a
ledger, so the same command sends only what is missing or has changed. Busy servers and broken connections are tried
again. Exit status: 0 every file was accepted, 1 some were refused or failed, 2 it could not work.)";

constexpr const char* kFsckFooter = R"(Examples:
  gantry fsck
  gantry fsck --data /srv/images --sizes-only

Checks that every instance has its object with the right size and SHA-256, that every object has its instance, and that
all counts are right. While `gantry serve` runs on the folder, the server does the checking and this command shows it.
Exit status: 0 everything is whole, 1 there are problems (each is a line), 2 the check could not be done.)";

constexpr const char* kMigrateFooter = R"(Examples:
  gantry migrate --index-url postgresql://gantry:SECRET@db.example/gantry
  gantry migrate status -c gantry.toml
  gantry migrate --dry-run -c gantry.toml

Nodes that share a database leave its schema alone: `gantry serve` waits, not ready, until this command was run. It may be
run while older nodes serve when only the schema's second number grows, and by several at once: one works, the others
wait. What was cut off is done again by the next run. The embedded index needs none of this.
Exit status: 0 the schema is up to date, 1 status or --dry-run found something to do, 2 it could not work.)";

constexpr const char* kIndexCopyFooter = R"(Examples:
  gantry index copy --from sqlite:gantry-data/index.sqlite --to postgresql://gantry:SECRET@db.example/gantry
  gantry index copy --from mysql://… --to mongodb://…

Copies every row, then reads the target and compares. The target is an empty database; it gets its schema. Stop what writes
to the source first: a change meanwhile is noticed, and then the copy is not taken for good. What was cut off goes on with
the same command, and until all is done nobody can serve the target. Objects stay where they are.
Exit status: 0 all was copied and compared, 1 it was not (and why), 2 it could not work.)";

constexpr const char* kConfigFooter = R"(Examples:
  gantry config show
  gantry config show -c gantry.toml --store-conflict replace
  gantry config check -c gantry.toml)";

/// The flags of all settings on a subcommand, and what was given of them.
class SettingsFlags {
 public:
  /// Adds -c and a flag per setting of the table. `command` and this live as long as each other.
  explicit SettingsFlags(CLI::App& command) {
    command.add_option("-c,--config", file_, "A file of settings (TOML)")->type_name("FILE");
    for (const auto& setting : config::all_settings()) {
      auto& given = given_.emplace_back();
      given.flag = setting.flag;
      const std::string names = setting.flag + (setting.short_flag.empty() ? "" : "," + setting.short_flag);
      given.option = setting.is_switch ? command.add_flag(names, given.text, setting.help)
                                       : command.add_option(names, given.text, setting.help);
      const std::string standard = setting.default_text.empty() ? "" : " [" + setting.default_text + "]";
      given.option->option_text((setting.is_switch ? "" : setting.type) + standard)->group("[" + setting.section + "]");
    }
  }

  /// File, environment and flags together.
  [[nodiscard]] Result<config::Settings> load() const {
    config::Flags flags;
    for (const auto& given : given_) {
      if (given.option->count() > 0) flags.insert_or_assign(given.flag, given.text);
    }
    std::optional<std::filesystem::path> file;
    if (!file_.empty()) file = file_;
    return config::load(file, config::process_environment(), flags);
  }

 private:
  struct Given {
    std::string flag, text;
    CLI::Option* option = nullptr;
  };
  std::string file_;
  std::deque<Given> given_;  // the parser keeps references to the texts
};

int explain(const char* command, const Error& error) {
  std::fprintf(stderr, "gantry %s: %s\n", command, error.detail().c_str());
  return kCouldNotWork;
}

int run_fsck(const config::Settings& settings, const FsckCommandOptions& options) {
  const auto served = server::is_served(settings.data.dir);
  if (!served) return explain("fsck", served.error());
  if (*served) {
    const auto socket = server::AdminSocket::in(settings.data.dir);
    return socket ? run_fsck_over_socket(socket->path(), options) : explain("fsck", socket.error());
  }
  auto archive = server::OfflineArchive::open(settings);
  if (!archive) return explain("fsck", archive.error());
  return run_fsck_here((*archive)->index(), (*archive)->objects(), options);
}

int run_config(const SettingsFlags& flags, bool show) {
  const auto settings = flags.load();
  if (!settings) {
    std::fprintf(stderr, "%s\n", settings.error().detail().c_str());
    return kCouldNotWork;
  }
  if (const auto checked = server::check_auth(*settings); !checked && !show) {
    std::fprintf(stderr, "%s\n", checked.error().detail().c_str());
    return kCouldNotWork;
  }
  for (const auto& warning : settings->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  std::printf("%s", show ? config::show(*settings).c_str() : "the configuration is right\n");
  return 0;
}

void add_store(CLI::App& store, StoreOptions& options) {
  store.add_option("paths", options.paths, "Files and folders; folders are walked in the order of their names")
      ->required()
      ->type_name("DIR|FILE");
  store.add_option("--to", options.to, "The server's DICOMweb root, e.g. http://127.0.0.1:8080/dicom-web")
      ->required()
      ->type_name("URL");
  store.add_option("--parallel", options.parallel, "Requests at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  store.add_option("--token", options.token, "Bearer token")->envname("GANTRY_STORE_TOKEN");
  store.add_option("--ca", options.ca_file, "Authorities to trust instead of the system's (PEM)")->type_name("FILE");
  auto* const certificate =
      store.add_option("--cert", options.certificate, "A certificate to show to the server (PEM)")->type_name("FILE");
  store.add_option("--key", options.key, "Its private key (PEM), unless the same file holds it")
      ->type_name("FILE")
      ->needs(certificate);
  store.add_option("--report", options.report, "Write what became of every file, a JSON object a line")
      ->type_name("FILE");
  store
      .add_option("--ledger", options.ledger,
                  "Where what was sent is noted (default: a file per server under ~/.local/state/gantry)")
      ->type_name("FILE");
  store.add_flag("--fresh", options.fresh, "Forget what earlier runs sent");
  store.add_flag("--retry-refused", options.retry_refused, "Send again what was refused earlier");
  store.add_flag("-q,--quiet", options.quiet, "No progress");
  store.footer(kStoreFooter);
}

struct WorkerCommands {
  CLI::App& status;
  CLI::App& retry;
};

WorkerCommands add_worker(CLI::App& worker, WorkerStatusOptions& status_options, server::WorkerRetry& asked) {
  worker.footer(kWorkerFooter);
  worker.require_subcommand(0, 1);
  auto& status = *worker.add_subcommand("status", "Say how the metadata of all series stands, and what failed");
  status.footer(kWorkerStatusFooter);
  status.fallthrough();  // the settings are the parent's
  status.add_flag("--json", status_options.json, "Print a JSON object");
  status.add_option("--failures", status_options.failures, "Series that failed to be named, at most")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, server::kFailuresMost))
      ->type_name("N");
  auto& retry = *worker.add_subcommand("retry", "Try series that failed again, at once");
  retry.footer(kWorkerRetryFooter);
  retry.fallthrough();
  auto* const study = retry.add_option("--study", asked.study, "Those of one study")->type_name("UID");
  retry.add_option("--series", asked.series, "One series of that study")->type_name("UID")->needs(study);
  retry.add_option("--tenant", asked.tenant, "Those of one tenant; a study is looked for in `default` without")
      ->type_name("TENANT");
  return {status, retry};
}

/// `create`, `list` and `revoke` of API keys and of shares. Settings are flags of the parent.
struct CredentialVerbs {
  CLI::App& create;
  CLI::App& list;
  CLI::App& revoke;
};

struct CredentialOptions {
  CredentialListOptions list;
  bool json = false;
  std::string id;
};

CredentialVerbs add_credential_verbs(CLI::App& parent, const char* footer, const std::string& what,
                                     CredentialOptions& options) {
  parent.footer(footer);
  parent.require_subcommand(1);
  const auto add = [&](const char* verb, const std::string& help) -> CLI::App& {
    auto& made = *parent.add_subcommand(verb, help);
    made.footer(footer);
    made.fallthrough();
    return made;
  };
  auto& create = add("create", "Make " + what + ", and print it");
  create.add_flag("--json", options.json, "Print a JSON object");
  auto& list = add("list", "Name those that there are");
  list.add_flag("--json", options.list.json, "Print a JSON object");
  list.add_option("--tenant", options.list.tenant, "Those of one tenant alone")->type_name("TENANT");
  auto& revoke = add("revoke", "End one");
  revoke.add_option("id", options.id, "As `list` names it")->required()->type_name("ID");
  return {create, list, revoke};
}

CredentialVerbs add_apikey(CLI::App& apikey, server::ApiKeyRequest& asked, CredentialOptions& options) {
  const auto verbs = add_credential_verbs(apikey, kApikeyFooter, "an API key", options);
  verbs.create.add_option("--name", asked.name, "What it is called in lists, logs and the audit trail")
      ->required()
      ->type_name("TEXT");
  verbs.create.add_option("--allow", asked.permissions, "What it may do: read, write, delete, admin, operate, joined by commas")
      ->required()
      ->type_name("LIST");
  verbs.create.add_option("--tenant", asked.tenant, "Whose images it reaches [default]")->type_name("TENANT");
  verbs.create.add_option("--expires", asked.expires, "How long it is good, or `never` [365d]")->type_name("DURATION");
  return verbs;
}

CredentialVerbs add_share(CLI::App& share, server::ShareRequest& asked, CredentialOptions& options) {
  const auto verbs = add_credential_verbs(share, kShareFooter, "a link that opens one study", options);
  verbs.create.add_option("--study", asked.study, "Study Instance UID")->required()->type_name("UID");
  verbs.create.add_option("--tenant", asked.tenant, "Whose study it is [default]")->type_name("TENANT");
  verbs.create.add_option("--expires", asked.expires, "How long it is good, up to a year [7d]")->type_name("DURATION");
  return verbs;
}

/// The subcommands of `gantry tenant`, in the order in which they are looked at.
struct TenantCommands {
  CLI::App *create, *list, *usage, *quota, *enable, *disable, *remove;
};

TenantCommands add_tenant(CLI::App& tenant, TenantOptions& options) {
  tenant.footer(kTenantFooter);
  tenant.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, bool named) {
    auto* const command = tenant.add_subcommand(name, what);
    command->footer(kTenantFooter);
    command->fallthrough();  // the settings are the parent's
    if (named) command->add_option("tenant", options.tenant, "The tenant's id")->required()->type_name("TENANT");
    command->add_flag("--json", options.json, "Print a JSON object");
    return command;
  };
  const auto add_quotas = [&](CLI::App* command) {
    const auto quota = [&](const char* name, std::optional<std::uint64_t>& into, const char* what) {
      command->add_option(name, into, what)->type_name("N")->check(CLI::Range(std::uint64_t{0}, std::uint64_t{INT64_MAX}));
    };
    quota("--quota-bytes", options.bytes, "Bytes of the files that it may keep; 0 is no limit");
    quota("--quota-instances", options.instances, "Instances that it may keep; 0 is no limit");
    quota("--quota-requests-per-s", options.requests_per_s, "Requests per second, on each node; 0 is no limit");
    quota("--quota-concurrent", options.concurrent, "Requests at once, on each node; 0 is no limit");
    return command;
  };
  TenantCommands commands{add_quotas(add("create", "Make a tenant", true)),
                          add("list", "List the tenants, the deleted ones too", false),
                          add("usage", "Say what a tenant has and may have", true),
                          add_quotas(add("quota", "Change a tenant's quotas; those not given stay", true)),
                          add("enable", "Answer a tenant's requests again", true),
                          add("disable", "Refuse a tenant's requests, and keep its data", true),
                          add("delete", "Delete a tenant with all of its data", true)};
  commands.remove->add_flag("--yes", options.yes, "Don't ask");
  commands.remove->add_flag("-q,--quiet", options.quiet, "No progress");
  return commands;
}

int run_tenant(const config::Settings& settings, const TenantCommands& commands, const TenantOptions& options) {
  if (commands.create->parsed()) return run_tenant_create(settings, options);
  if (commands.list->parsed()) return run_tenant_list(settings, options);
  if (commands.usage->parsed()) return run_tenant_usage(settings, options);
  if (commands.quota->parsed()) return run_tenant_quota(settings, options);
  if (commands.remove->parsed()) return run_tenant_delete(settings, options);
  return run_tenant_enable(settings, options, commands.enable->parsed());
}

int run(int argc, char** argv) {
  CLI::App app{"Gantry, a DICOMweb archive: takes medical images in, finds them, gives them back byte for byte.",
               "gantry"};
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string("gantry ") + server::version());

  auto& serve = *app.add_subcommand("serve", "Run the archive");
  serve.footer(kServeFooter);
  const SettingsFlags serve_flags(serve);

  auto& worker = *app.add_subcommand("worker", "Prepare series' metadata for the nodes that serve");
  const SettingsFlags worker_flags(worker);
  WorkerStatusOptions worker_status_options;
  server::WorkerRetry retry_asked;
  const auto [worker_status, worker_retry] = add_worker(worker, worker_status_options, retry_asked);

  auto& apikey = *app.add_subcommand("apikey", "Make, list and revoke keys for machines");
  const SettingsFlags apikey_flags(apikey);
  server::ApiKeyRequest key_asked;
  CredentialOptions key_options;
  const auto key_verbs = add_apikey(apikey, key_asked, key_options);

  auto& share = *app.add_subcommand("share", "Make, list and revoke links that open one study");
  const SettingsFlags share_flags(share);
  server::ShareRequest share_asked;
  CredentialOptions share_options;
  const auto share_verbs = add_share(share, share_asked, share_options);

  auto& store = *app.add_subcommand("store", "Send files and folders to a DICOMweb server (STOW-RS)");
  StoreOptions store_options;
  add_store(store, store_options);

  auto& tenant = *app.add_subcommand("tenant", "Make, list, limit, disable and delete tenants");
  const SettingsFlags tenant_flags(tenant);
  TenantOptions tenant_options;
  const TenantCommands tenant_commands = add_tenant(tenant, tenant_options);

  auto& fsck = *app.add_subcommand("fsck", "Check that everything in the archive is whole");
  fsck.footer(kFsckFooter);
  FsckCommandOptions fsck_options;
  bool sizes_only = false;
  fsck.add_flag("--sizes-only", sizes_only, "Compare sizes; don't read the objects");
  fsck.add_option("--threads", fsck_options.threads, "Objects read at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  fsck.add_flag("-q,--quiet", fsck_options.quiet, "No progress");
  const SettingsFlags fsck_flags(fsck);

  auto& migrate = *app.add_subcommand("migrate", "Bring the schema of the index's database up to date");
  migrate.footer(kMigrateFooter);
  MigrateOptions migrate_options;
  std::string migrate_what = "up";
  migrate.add_option("what", migrate_what, "up: do it; status: say what was done and what is to be done")
      ->check(CLI::IsMember({"up", "status"}))
      ->capture_default_str()
      ->type_name("");
  migrate.add_flag("--dry-run", migrate_options.dry_run, "Print the statements instead of running them");
  const SettingsFlags migrate_flags(migrate);

  auto& audit = *app.add_subcommand("audit", "Look at the record of who did what, and whether it is whole");
  const SettingsFlags audit_flags(audit);
  AuditOptions audit_options;
  const auto audit_commands = add_audit(audit, audit_options);

  auto& index = *app.add_subcommand("index", "Work on the index as a whole");
  index.require_subcommand(1);
  auto& copy = *index.add_subcommand("copy", "Move an archive's index from one database to another");
  copy.footer(kIndexCopyFooter);
  IndexCopyOptions copy_options;
  copy.add_option("--from", copy_options.from, "The index to copy (sqlite:…, postgresql://…, mysql://…, mongodb://…)")
      ->required()
      ->type_name("URL");
  copy.add_option("--to", copy_options.to, "An empty database to copy it to")->required()->type_name("URL");
  copy.add_flag("-q,--quiet", copy_options.quiet, "No progress");

  auto& config = *app.add_subcommand("config", "Check or show the settings");
  config.footer(kConfigFooter);
  config.require_subcommand(1);
  auto& check = *config.add_subcommand("check", "Say whether the settings are right, and what is wrong with them");
  auto& show = *config.add_subcommand("show", "Print the settings in effect as a file, with where each one comes from");
  check.footer(kConfigFooter);
  show.footer(kConfigFooter);
  const SettingsFlags check_flags(check);
  const SettingsFlags show_flags(show);

  const auto& print_version = *app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : kCouldNotWork;
  }

  hide_secrets(argc, argv);

  if (serve.parsed()) {
    const auto settings = serve_flags.load();
    return settings ? run_serve(*settings) : explain("serve", settings.error());
  }
  if (worker.parsed()) {
    const auto settings = worker_flags.load();
    if (!settings) return explain("worker", settings.error());
    if (worker_status.parsed()) return run_worker_status(*settings, worker_status_options);
    if (worker_retry.parsed()) return run_worker_retry(*settings, retry_asked);
    return run_worker(*settings);
  }
  if (apikey.parsed()) {
    const auto settings = apikey_flags.load();
    if (!settings) return explain("apikey", settings.error());
    if (key_verbs.create.parsed()) return run_apikey_create(*settings, key_asked, key_options.json);
    if (key_verbs.revoke.parsed()) return run_apikey_revoke(*settings, key_options.id);
    return run_apikey_list(*settings, key_options.list);
  }
  if (share.parsed()) {
    const auto settings = share_flags.load();
    if (!settings) return explain("share", settings.error());
    if (share_verbs.create.parsed()) return run_share_create(*settings, share_asked, share_options.json);
    if (share_verbs.revoke.parsed()) return run_share_revoke(*settings, share_options.id);
    return run_share_list(*settings, share_options.list);
  }
  if (audit.parsed()) {
    const auto settings = audit_flags.load();
    if (!settings) return explain("audit", settings.error());
    if (audit_commands.verify.parsed()) return run_audit_verify(*settings, audit_options);
    if (audit_commands.exporting.parsed()) return run_audit_export(*settings, audit_options);
    return run_audit_status(*settings, audit_options);
  }
  if (store.parsed()) return run_store(store_options);
  if (tenant.parsed()) {
    const auto settings = tenant_flags.load();
    return settings ? run_tenant(*settings, tenant_commands, tenant_options) : explain("tenant", settings.error());
  }
  if (fsck.parsed()) {
    const auto settings = fsck_flags.load();
    fsck_options.hashes = !sizes_only;
    return settings ? run_fsck(*settings, fsck_options) : explain("fsck", settings.error());
  }
  if (migrate.parsed()) {
    const auto settings = migrate_flags.load();
    migrate_options.status = migrate_what == "status";
    return settings ? run_migrate(*settings, migrate_options) : explain("migrate", settings.error());
  }
  if (copy.parsed()) return run_index_copy(copy_options);
  if (check.parsed()) return run_config(check_flags, false);
  if (show.parsed()) return run_config(show_flags, true);
  if (print_version.parsed()) {
    std::printf("gantry %s\n", server::version());
    return 0;
  }
  std::printf("%s", app.help().c_str());
  return 0;
}

}  // namespace
}  // namespace gantry::cli

int main(int argc, char** argv) {
  // What `serve` starts to decode frames, with nothing but two descriptors; no command of the manual.
  if (argc == 2 && std::string_view(argv[1]) == "codec-process") return gantry::pixels::sandbox::run_codec_process();
  return gantry::cli::run(argc, argv);
}

#include "gantry/cli/audit_command.hpp"

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include <simdjson.h>

#include "gantry/audit/message.hpp"
#include "gantry/audit/spool_check.hpp"
#include "gantry/cli/admin_question.hpp"
#include "gantry/cli/answer_text.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/server/audit_admin.hpp"
#include "gantry/server/audit_relay.hpp"
#include "gantry/server/audit_spool.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::cli {
namespace {

constexpr int kNotWhole = 1, kCouldNotWork = 2;
constexpr std::size_t kPage = 1000;
constexpr const char* kPrincipal = "audit command";

constexpr const char* kVerifyFooter = R"(Examples:
  gantry audit verify
  gantry audit verify --noted 81234:5f0c…                a line that a syslog receiver or a person noted
  gantry audit verify --tenant clinic-a --json

Follows the chain of every line of this node's audit, and of every tenant's changes in the index, and names what was
changed, dropped, added or moved. May run while `gantry serve` does. Who can write the whole data folder can also make a
new chain of it: note what `gantry audit status` says where they can't reach, or send the audit to a syslog receiver.
Exit status: 0 whole, 1 not whole, 2 it could not be looked at.)";

constexpr const char* kExportFooter = R"(Examples:
  gantry audit export --since 2026-11-01 --until 2026-12-01 > november.jsonl
  gantry audit export --study 1.2.840.1 --format xml
  gantry audit export --changes --tenant clinic-a

Prints this node's accesses and refusals in the order in which they ended, those last that have no end. --format xml gives
audit messages of PS3.15 A.5, one a line. --changes gives what was stored, replaced and deleted in one tenant, by any node.
The answer is patient data. Exit status: 0, 2 it could not work.)";

int explain(const char* command, const Error& error) {
  std::fprintf(stderr, "gantry audit %s: %s\n", command, error.detail().c_str());
  return kCouldNotWork;
}

Result<std::optional<audit::SpoolHead>> noted_line(const std::string& text) {
  if (text.empty()) return std::optional<audit::SpoolHead>();
  audit::SpoolHead head;
  const auto colon = text.find(':');
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), head.n);
  const auto hash =
      colon == std::string::npos ? std::nullopt : audit::parse_hash(std::string_view(text).substr(colon + 1));
  if (error != std::errc() || !hash || end != text.data() + colon)
    return Error::invalid("--noted takes N:HASH as `gantry audit status` says it, with 64 hex digits");
  head.hash = *hash;
  return std::optional(head);
}

std::string numbered(const char* what, std::uint64_t n) { return n == 0 ? "" : what + std::to_string(n) + ": "; }

/// The spool's part of verify; true when it is whole.
Result<bool> verify_spool(const config::Settings& settings, const AuditOptions& options) {
  GANTRY_LET(const auto noted, noted_line(options.noted));
  const auto folder = server::audit_folder(settings.data.dir);
  const auto check = audit::check_spool(folder, noted);
  if (!check && check.error().kind() == ErrorKind::kNotFound && options.noted.empty() && !settings.audit.enabled) {
    std::printf("spool: none is kept\n");
    return true;
  }
  if (!check) return check.error();
  std::printf("spool: %s lines in %s files, %s to %s, %s torn by the end of a process: %s\n",
              count_as_text(check->lines).c_str(), count_as_text(check->files).c_str(),
              std::to_string(check->first_n).c_str(), std::to_string(check->last_n).c_str(),
              count_as_text(check->torn).c_str(), check->whole() ? "whole" : "NOT WHOLE");
  for (const auto& finding : check->findings) {
    std::printf("  %s%s%s%s\n", finding.file.c_str(), finding.file.empty() ? "" : ", ",
                numbered("line ", finding.n).c_str(), finding.what.c_str());
  }
  if (check->findings_left_off > 0) std::printf("  and %s more\n", count_as_text(check->findings_left_off).c_str());
  return check->whole();
}

Result<std::string> checks(const config::Settings& settings, const AuditOptions& options, const std::string& tenant) {
  (void)options;
  return ask_archive(settings, kPrincipal,
                     {[&tenant](index::InstanceIndex& index, const RequestContext& ctx) {
                        std::vector<TenantId> tenants;
                        if (!tenant.empty()) tenants.emplace_back(tenant);
                        return server::audit_check_json(index, ctx, std::move(tenants));
                      },
                      [&tenant](HttpClient& client) {
                        return client.get("http://gantry/admin/audit/changes/check" +
                                          (tenant.empty() ? "" : "?tenant=" + http::percent_encode(tenant)));
                      }});
}

Error not_understood(const std::string& json) {
  return Error::internal("the answer can't be understood: " + json.substr(0, 200));
}

/// The changes' part; true when all chains are whole.
Result<bool> show_checks(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  simdjson::dom::array tenants;
  if (parser.parse(json).get(answer) != simdjson::SUCCESS || answer["tenants"].get(tenants) != simdjson::SUCCESS)
    return not_understood(json);
  bool whole = true;
  for (const auto tenant : tenants) {
    simdjson::dom::array findings;
    if (tenant["findings"].get(findings) != simdjson::SUCCESS) return not_understood(json);
    std::printf("changes of tenant %s: %s rows: %s\n", text_of(tenant, "tenant").c_str(),
                count_as_text(number_of(tenant, "rows")).c_str(), findings.size() == 0 ? "whole" : "NOT WHOLE");
    for (const auto finding : findings) {
      whole = false;
      std::printf("  %s%s\n", numbered("row ", number_of(finding, "number")).c_str(), text_of(finding, "what").c_str());
    }
  }
  return whole;
}

int export_records(const config::Settings& settings, const AuditOptions& options) {
  audit::RecordQuery query = options.query;
  query.with_open = true;
  const bool xml = options.format == "xml";
  const audit::Source source = server::audit_source(settings);
  const audit::PatientOf nobody = [](std::string_view, std::string_view) { return std::optional<audit::Patient>(); };
  const auto print = [&](const audit::Record& record, std::uint64_t) {
    if (xml) {
      for (const auto& message : audit::to_messages(record, source, nobody)) std::printf("%s\n", message.c_str());
    } else {
      std::printf("%s\n", audit::to_json(record).c_str());
    }
    return std::ferror(stdout) == 0;
  };
  const auto read = audit::for_records(server::audit_folder(settings.data.dir), query, print);
  if (!read) return explain("export", read.error());
  if (std::fflush(stdout) != 0 || !read->all)
    return explain("export", Error::unavailable("the output can't be written"));
  return 0;
}

/// Prints a page's changes, a line each; gives where the next one begins, 0: nowhere.
Result<std::uint64_t> print_changes(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  simdjson::dom::array changes;
  if (parser.parse(json).get(answer) != simdjson::SUCCESS || answer["changes"].get(changes) != simdjson::SUCCESS)
    return not_understood(json);
  for (const auto change : changes) std::printf("%s\n", simdjson::minify(change).c_str());
  return number_of(answer, "next");
}

int export_changes(const config::Settings& settings, const AuditOptions& options) {
  const std::string tenant = options.tenants.empty() ? server::kDefaultTenant : options.tenants.front();
  index::AuditQuery query;
  query.limit = kPage;
  query.principal = options.query.user;
  query.study = StudyUid(options.query.study);
  for (;;) {
    const auto json = ask_archive(settings, kPrincipal,
                                  {[&](index::InstanceIndex& index, const RequestContext& ctx) {
                                     RequestContext of_tenant = ctx;
                                     of_tenant.tenant = TenantId(tenant);
                                     return server::changes_page(index, of_tenant, query);
                                   },
                                   [&](HttpClient& client) {
                                     std::string url =
                                         "http://gantry/admin/audit/changes?tenant=" + http::percent_encode(tenant) +
                                         "&limit=" + std::to_string(kPage) + "&after=" + std::to_string(query.after);
                                     if (!query.principal.empty())
                                       url += "&user=" + http::percent_encode(query.principal);
                                     if (!query.study.empty())
                                       url += "&study=" + http::percent_encode(query.study.str());
                                     return client.get(url);
                                   }});
    if (!json) return explain("export", json.error());
    const auto next = print_changes(*json);
    if (!next) return explain("export", next.error());
    if (*next == 0) return std::fflush(stdout) == 0 ? 0 : kCouldNotWork;
    query.after = *next;
  }
}

}  // namespace

AuditCommands add_audit(CLI::App& command, AuditOptions& options) {
  command.require_subcommand(1);
  auto& verify = *command.add_subcommand("verify", "Look for what was changed, dropped or moved in the audit");
  verify.footer(kVerifyFooter);
  auto& exporting = *command.add_subcommand("export", "Print the audit");
  exporting.footer(kExportFooter);
  auto& status = *command.add_subcommand("status", "Say how far the audit goes, and what is to be noted elsewhere");
  for (auto* const each : {&verify, &exporting, &status}) each->fallthrough();  // the settings are the parent's
  verify.add_option("--noted", options.noted, "A line that must be there with this hash")->type_name("N:HASH");
  for (auto* const each : {&verify, &exporting})
    each->add_option("--tenant", options.tenants, "Of one tenant alone")->type_name("TENANT");
  exporting.add_flag("--changes", options.changes, "Changes of one tenant, from the index");
  exporting.add_option("--format", options.format, "Lines of JSON, or audit messages of PS3.15")
      ->check(CLI::IsMember({"json", "xml"}))
      ->capture_default_str();
  exporting.add_option("--since", options.query.since, "Those that began from this time on, in UTC")->type_name("TIME");
  exporting.add_option("--until", options.query.until, "Those that began before this time")->type_name("TIME");
  exporting.add_option("--user", options.query.user, "Of one user")->type_name("NAME");
  exporting.add_option("--study", options.query.study, "Of one study")->type_name("UID");
  exporting.add_option("--operation", options.query.operation, "search, retrieve, metadata, store, delete or admin")
      ->type_name("WORD");
  exporting.add_option("--outcome", options.query.outcome, "success, refused, failure, incomplete or unknown")
      ->type_name("WORD");
  return {verify, exporting, status};
}

int run_audit_verify(const config::Settings& settings, const AuditOptions& options) {
  const auto spool = verify_spool(settings, options);
  if (!spool) return explain("verify", spool.error());
  bool whole = *spool;
  const std::vector<std::string> all{""};
  for (const std::string& tenant : options.tenants.empty() ? all : options.tenants) {
    const auto json = checks(settings, options, tenant);
    if (!json) return explain("verify", json.error());
    const auto of_tenant = show_checks(*json);
    if (!of_tenant) return explain("verify", of_tenant.error());
    whole = whole && *of_tenant;
  }
  return whole ? 0 : kNotWhole;
}

int run_audit_export(const config::Settings& settings, const AuditOptions& options) {
  if (options.changes) return export_changes(settings, options);
  AuditOptions of_spool = options;
  if (!options.tenants.empty()) of_spool.query.tenant = options.tenants.front();
  return export_records(settings, of_spool);
}

int run_audit_status(const config::Settings& settings, const AuditOptions& options) {
  (void)options;
  const auto folder = server::audit_folder(settings.data.dir);
  const auto files = audit::spool_files(folder);
  if (!files) return explain("status", files.error());
  const auto head = audit::read_head(folder);
  if (!head) return explain("status", head.error());
  std::uint64_t bytes = 0;
  for (const auto& file : *files) bytes += file.bytes;
  std::printf("%s files, %s, in %s\n", count_as_text(files->size()).c_str(), bytes_as_text(bytes).c_str(),
              folder.c_str());
  if (!files->empty()) std::printf("from %s\n", files->front().day.c_str());
  if (!*head) {
    std::printf("no line is known to be on the disk\n");
    return 0;
  }
  std::printf("to be noted elsewhere, for `gantry audit verify --noted`:\n%s:%s\n", std::to_string((*head)->n).c_str(),
              to_hex((*head)->hash).c_str());
  return 0;
}

}  // namespace gantry::cli

#include "gantry/cli/tenant_command.hpp"

#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>

#include <simdjson.h>
#include <unistd.h>

#include "gantry/cli/admin_question.hpp"
#include "gantry/cli/answer_text.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/server/app.hpp"
#include "gantry/server/providers.hpp"
#include "gantry/server/removal_stream.hpp"
#include "gantry/server/tenant_admin.hpp"

namespace gantry::cli {
namespace {

constexpr int kNotSo = 1, kCouldNotWork = 2;

int explain(const char* command, const Error& error) {
  std::fprintf(stderr, "gantry tenant %s: %s\n", command, error.detail().c_str());
  const bool not_so = error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kConflict;
  return not_so ? kNotSo : kCouldNotWork;
}

Error not_understood(const std::string& json) {
  return Error::internal("the answer can't be understood: " + json.substr(0, 200));
}

std::string limit_text(std::uint64_t quota, const std::string& text) { return quota == 0 ? "no limit" : text; }

std::string row(const std::string& what, const std::string& value) {
  std::string line = what;
  line.resize(std::max<std::size_t>(line.size(), 22), ' ');
  return line + value + "\n";
}

/// "bytes=1000&concurrent=4"
std::string quota_fields(const TenantOptions& options) {
  std::string fields;
  const auto add = [&fields](const char* name, const std::optional<std::uint64_t>& value) {
    if (value) fields += (fields.empty() ? "" : "&") + std::string(name) + "=" + std::to_string(*value);
  };
  add("bytes", options.bytes);
  add("instances", options.instances);
  add("requests_per_s", options.requests_per_s);
  add("concurrent", options.concurrent);
  return fields;
}

Result<void> check_id(const TenantOptions& options) {
  if (is_valid_tenant(options.tenant)) return {};
  return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
}

std::string url_of(const TenantOptions& options, const std::string& below = "") {
  return "http://gantry/admin/tenants/" + options.tenant + below;
}

using OfIndex = std::function<Result<std::string>(index::InstanceIndex&, const RequestContext&)>;

/// About one tenant: asked of the index by `of_index`, of a server by a POST (or GET, without `post`) of `below`.
Result<std::string> ask_about(const config::Settings& settings, const TenantOptions& options, const std::string& below,
                              bool post, const OfIndex& of_index) {
  GANTRY_TRY(check_id(options));
  return ask_archive(settings, "tenant command",
                     {[&](index::InstanceIndex& index, const RequestContext& ctx) {
                        RequestContext of_tenant = ctx;
                        of_tenant.tenant = TenantId(options.tenant);
                        return of_index(index, of_tenant);
                      },
                      [&](HttpClient& client) {
                        const std::string url = url_of(options, below);
                        return post ? client.post(url) : client.get(url);
                      }});
}

int show(const char* command, const TenantOptions& options, const Result<std::string>& json,
         const std::function<Result<std::string>(const std::string&)>& words) {
  if (!json) return explain(command, json.error());
  const auto text = options.json ? json : words(*json);
  if (!text) return explain(command, text.error());
  std::printf("%s%s", text->c_str(), text->ends_with('\n') ? "" : "\n");
  return 0;
}

/// Shows the lines of a RemovalStream.
class RemovalPrinter {
 public:
  RemovalPrinter(const TenantOptions& options, bool progress) : options_(options), progress_(progress) {}

  void line(std::string_view json) {
    simdjson::dom::parser parser;
    const simdjson::padded_string padded(json);
    simdjson::dom::element object, part;
    if (parser.parse(padded).get(object) != simdjson::SUCCESS || !object.is_object()) {
      std::fprintf(stderr, "gantry tenant delete: can't be understood: %.*s\n", static_cast<int>(json.size()),
                   json.data());
      return;
    }
    if (object["progress"].get(part) == simdjson::SUCCESS) {
      if (!progress_) return;
      std::fprintf(stderr, "\rremoving %s: %s instances left, %s objects removed\x1b[K", text_of(part, "step").c_str(),
                   count_as_text(number_of(part, "instances_left")).c_str(),
                   count_as_text(number_of(part, "objects")).c_str());
      shown_ = true;
      return;
    }
    if (shown_) std::fprintf(stderr, "\r\x1b[K");
    shown_ = false;
    if (object["detail"].error() == simdjson::SUCCESS) {  // no stream, but why there is none
      problem_ = std::string(json);
      return;
    }
    if (object["report"].get(part) != simdjson::SUCCESS) {
      const std::string error = text_of(object, "error");
      std::fprintf(stderr, "gantry tenant delete: %s\n", error.c_str());
      return;
    }
    exit_status_ = 0;
    if (options_.json) {
      std::printf("%s\n", simdjson::minify(part).c_str());
      return;
    }
    bool resumed = false;
    (void)part["resumed"].get(resumed);
    std::printf("%s", (row("tenant", options_.tenant + " is deleted") +
                       row("studies", count_as_text(number_of(part, "studies"))) +
                       row("series", count_as_text(number_of(part, "series"))) +
                       row("instances", count_as_text(number_of(part, "instances")) + ", " +
                                            bytes_as_text(number_of(part, "bytes"))) +
                       row("objects", count_as_text(number_of(part, "objects"))) +
                       row("other rows", count_as_text(number_of(part, "other_rows"))) +
                       row("keys in the cache", count_as_text(number_of(part, "cache_keys"))))
                          .c_str());
    if (resumed) std::printf("An earlier run had begun: what it removed is not counted here.\n");
    std::printf("The audit trail is kept.\n");
  }
  [[nodiscard]] int exit_status() const { return exit_status_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const TenantOptions& options_;
  const bool progress_;
  bool shown_ = false;
  int exit_status_ = kCouldNotWork;
  std::string problem_;  ///< the answer, when the server refused
};

/// By the parts that this process opens.
int delete_here(const config::Settings& settings, const TenantOptions& options, RemovalPrinter& printer) {
  const auto embedded = server::is_embedded(settings);
  if (!embedded) return explain("delete", embedded.error());
  std::unique_ptr<server::OfflineArchive> archive;
  std::unique_ptr<index::InstanceIndex> index;
  std::unique_ptr<storage::ObjectStore> objects;
  if (*embedded) {
    auto opened = server::OfflineArchive::open(settings);
    if (!opened) return explain("delete", opened.error());
    archive = *std::move(opened);
  } else {
    auto opened = server::open_index(settings, TenantId(server::kDefaultTenant));
    if (!opened) return explain("delete", opened.error());
    index = *std::move(opened);
    auto store = server::open_objects(settings);
    if (!store) return explain("delete", store.error());
    objects = *std::move(store);
  }
  const auto cache = server::open_cache(settings);
  if (!cache) return explain("delete", cache.error());
  RequestContext ctx;
  ctx.tenant = TenantId(options.tenant);
  ctx.principal = "tenant command";
  const archive::TenantRemovalParts parts{archive ? archive->index() : *index, archive ? archive->objects() : *objects,
                                          cache->get(), nullptr};
  const auto there = parts.index.find_tenant(ctx);
  if (!there) return explain("delete", there.error());
  if (!*there || (*there)->info.state == tenant::TenantState::kDeleted) {
    return explain("delete", Error::not_found("there is no tenant " + options.tenant));
  }
  server::RemovalStream stream(ctx, parts, [] {});
  each_line(stream, [&](std::string_view line) { printer.line(line); });
  return printer.exit_status();
}

/// Has somebody at a terminal said yes by typing the tenant's name?
bool is_confirmed(const TenantOptions& options) {
  if (options.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    std::fprintf(stderr, "gantry tenant delete: say --yes: all studies of %s will be gone for good\n",
                 options.tenant.c_str());
    return false;
  }
  std::fprintf(stderr,
               "All studies of tenant %s will be gone for good. Type its name to go on: ", options.tenant.c_str());
  char typed[128] = "";
  if (std::fgets(typed, sizeof typed, stdin) == nullptr) return false;
  std::string name(typed);
  while (name.ends_with('\n') || name.ends_with(' ')) name.pop_back();
  if (name == options.tenant) return true;
  std::fprintf(stderr, "gantry tenant delete: nothing was deleted\n");
  return false;
}

}  // namespace

Result<std::string> tenant_usage_text(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element tenant, quotas;
  if (parser.parse(json).get(tenant) != simdjson::SUCCESS || tenant["quotas"].get(quotas) != simdjson::SUCCESS) {
    return not_understood(json);
  }
  const auto count = [](const simdjson::dom::element& of, const char* name) {
    return count_as_text(number_of(of, name));
  };
  const auto limit = [&](const char* name) { return limit_text(number_of(quotas, name), count(quotas, name)); };
  const auto of_node = [&](const char* name) {
    return number_of(quotas, name) == 0 ? std::string("as the node's [limits] say")
                                        : count(quotas, name) + ", each node";
  };
  return row("tenant", text_of(tenant, "tenant")) + row("state", text_of(tenant, "state")) +
         row("created", text_of(tenant, "created")) + row("studies", count(tenant, "studies")) +
         row("series", count(tenant, "series")) +
         row("instances", count(tenant, "instances") + " of " + limit("instances")) +
         row("bytes", bytes_as_text(number_of(tenant, "bytes")) + " of " +
                          limit_text(number_of(quotas, "bytes"), bytes_as_text(number_of(quotas, "bytes")))) +
         row("requests per second", of_node("requests_per_s")) + row("requests at once", of_node("concurrent"));
}

Result<std::string> tenant_list_text(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element list;
  simdjson::dom::array tenants;
  if (parser.parse(json).get(list) != simdjson::SUCCESS || list["tenants"].get(tenants) != simdjson::SUCCESS) {
    return not_understood(json);
  }
  std::string text = "tenant                            state        studies      instances        bytes\n";
  for (const auto each : tenants) {
    char line[256];
    std::snprintf(line, sizeof line, "%-32s  %-9s %10s %14s %12s\n", text_of(each, "tenant").c_str(),
                  text_of(each, "state").c_str(), count_as_text(number_of(each, "studies")).c_str(),
                  count_as_text(number_of(each, "instances")).c_str(), bytes_as_text(number_of(each, "bytes")).c_str());
    text += line;
  }
  return text;
}

int run_tenant_create(const config::Settings& settings, const TenantOptions& options) {
  const std::string fields = quota_fields(options);
  const auto json = ask_about(settings, options, fields.empty() ? "" : "?" + fields, true,
                              [&](index::InstanceIndex& index, const RequestContext& ctx) -> Result<std::string> {
                                GANTRY_LET(const auto quotas, server::read_quotas(fields));
                                return server::tenant_create(index, ctx, quotas);
                              });
  return show("create", options, json, tenant_usage_text);
}

int run_tenant_list(const config::Settings& settings, const TenantOptions& options) {
  const auto json = ask_archive(
      settings, "tenant command",
      {[](index::InstanceIndex& index, const RequestContext& ctx) { return server::tenant_list(index, ctx); },
       [](HttpClient& client) { return client.get("http://gantry/admin/tenants"); }});
  return show("list", options, json, tenant_list_text);
}

int run_tenant_usage(const config::Settings& settings, const TenantOptions& options) {
  const auto json = ask_about(settings, options, "", false, [](index::InstanceIndex& index, const RequestContext& ctx) {
    return server::tenant_usage(index, ctx);
  });
  return show("usage", options, json, tenant_usage_text);
}

int run_tenant_quota(const config::Settings& settings, const TenantOptions& options) {
  const std::string fields = quota_fields(options);
  const auto json = ask_about(settings, options, "/quotas?" + fields, true,
                              [&](index::InstanceIndex& index, const RequestContext& ctx) {
                                return server::tenant_set_quotas(index, ctx, fields);
                              });
  return show("quota", options, json, tenant_usage_text);
}

int run_tenant_enable(const config::Settings& settings, const TenantOptions& options, bool enabled) {
  const auto json = ask_about(settings, options, enabled ? "/enable" : "/disable", true,
                              [&](index::InstanceIndex& index, const RequestContext& ctx) {
                                return server::tenant_enable(index, ctx, enabled);
                              });
  return show(enabled ? "enable" : "disable", options, json, tenant_usage_text);
}

int run_tenant_delete(const config::Settings& settings, const TenantOptions& options) {
  const auto valid = check_id(options);
  if (!valid) return explain("delete", valid.error());
  if (!is_confirmed(options)) return kCouldNotWork;
  const auto socket = serving_socket(settings);
  if (!socket) return explain("delete", socket.error());
  RemovalPrinter printer(options, !options.quiet && ::isatty(STDERR_FILENO) != 0);
  if (socket->empty()) return delete_here(settings, options, printer);
  HttpClient client({"", "", *socket});
  const auto answer =
      client.post_for_lines(url_of(options, "/delete"), [&](std::string_view line) { printer.line(line); });
  if (!answer) {
    return explain("delete", Error::unavailable("asking the running server at " + *socket + ": " +
                                                answer.error().detail() + "; the same command goes on"));
  }
  if (answer->status != 200) return explain("delete", error_of({answer->status, printer.problem(), std::nullopt}));
  return printer.exit_status();
}

}  // namespace gantry::cli

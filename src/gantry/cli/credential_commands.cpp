#include "gantry/cli/credential_commands.hpp"

#include <cstdio>
#include <ctime>
#include <string_view>

#include <simdjson.h>

#include "gantry/cli/admin_question.hpp"
#include "gantry/cli/answer_text.hpp"
#include "gantry/http/query_string.hpp"
#include "gantry/server/share_pages.hpp"

namespace gantry::cli {
namespace {

constexpr int kNotThere = 1, kCouldNotWork = 2;

int explain(const char* command, const Error& error) {
  std::fprintf(stderr, "gantry %s: %s\n", command, error.detail().c_str());
  return error.kind() == ErrorKind::kNotFound ? kNotThere : kCouldNotWork;
}

/// "name=value" pairs of those that are given, behind a '?'.
std::string query_of(std::initializer_list<std::pair<const char*, std::string_view>> arguments) {
  std::string query;
  for (const auto& [name, value] : arguments) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + http::percent_encode(value);
  }
  return query;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// Times in this form compare as texts do.
std::string until(const std::string& expires) {
  if (expires.empty()) return "until it is revoked";
  return (expires <= now_text() ? "expired " : "until ") + expires;
}

std::string permissions_text(const simdjson::dom::element& key) {
  std::string text;
  simdjson::dom::array names;
  if (key["permissions"].get(names) != simdjson::SUCCESS) return text;
  for (const auto name : names) {
    std::string_view word;
    if (name.get(word) == simdjson::SUCCESS) text += (text.empty() ? "" : ",") + std::string(word);
  }
  return text;
}

Error not_understood() { return Error::internal("the answer can't be understood"); }

template <class Line>
Result<std::string> lines_of(const std::string& json, const char* list, const char* none, Line line) {
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  simdjson::dom::array all;
  if (parser.parse(json).get(answer) != simdjson::SUCCESS || answer[list].get(all) != simdjson::SUCCESS) {
    return not_understood();
  }
  std::string text;
  for (const auto one : all) text += line(one) + "\n";
  return text.empty() ? std::string(none) + "\n" : text;
}

/// The secret alone on standard output, the rest beside.
int print_made(const char* command, const Result<std::string>& made, const char* secret, bool json, const char* words) {
  if (!made) return explain(command, made.error());
  if (json) {
    std::printf("%s%s", made->c_str(), made->ends_with('\n') ? "" : "\n");
    return 0;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  if (parser.parse(*made).get(answer) != simdjson::SUCCESS) return explain(command, not_understood());
  std::fprintf(stderr, words, text_of(answer, "id").c_str(), until(text_of(answer, "expires")).c_str());
  std::printf("%s\n", text_of(answer, secret).c_str());
  return 0;
}

int print_list(const char* command, const Result<std::string>& list, bool json,
               Result<std::string> (*as_text)(const std::string&)) {
  if (!list) return explain(command, list.error());
  const auto text = json ? list : as_text(*list);
  if (!text) return explain(command, text.error());
  std::printf("%s%s", text->c_str(), text->ends_with('\n') ? "" : "\n");
  return 0;
}

int print_revoked(const char* command, const Result<std::string>& done, const std::string& id) {
  if (!done) return explain(command, done.error());
  std::printf("%s is revoked\n", id.c_str());
  return 0;
}

}  // namespace

Result<std::string> api_key_list_text(const std::string& json) {
  return lines_of(json, "keys", "there are no API keys", [](const simdjson::dom::element& key) {
    const std::string used = text_of(key, "last_used");
    return text_of(key, "id") + "  tenant " + text_of(key, "tenant") + "  " + permissions_text(key) + "  " +
           until(text_of(key, "expires")) + "  " + (used.empty() ? "never used" : "used about " + used) + "  " +
           text_of(key, "name");
  });
}

Result<std::string> share_list_text(const std::string& json) {
  return lines_of(json, "shares", "there are no shares", [](const simdjson::dom::element& share) {
    return text_of(share, "id") + "  tenant " + text_of(share, "tenant") + "  study " + text_of(share, "study") + "  " +
           until(text_of(share, "expires"));
  });
}

int run_apikey_create(const config::Settings& settings, const server::ApiKeyRequest& asked, bool json) {
  const std::string url =
      "http://gantry/admin/apikeys" + query_of({{"name", asked.name},
                                                {"tenant", asked.tenant},
                                                {"permissions", asked.permissions},
                                                {"expires", asked.expires}});
  const auto made = ask_archive(settings, "command line",
                                {[&asked](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::ApiKeys keys(index.records());
                                   return server::create_api_key(index, keys, ctx, asked);
                                 },
                                 [&url](HttpClient& client) { return client.post(url); }});
  return print_made("apikey create", made, "key", json,
                    "API key %s, good %s. It is shown this once; Gantry keeps only a hash of it:\n");
}

int run_apikey_list(const config::Settings& settings, const CredentialListOptions& options) {
  const std::string url = "http://gantry/admin/apikeys" + query_of({{"tenant", options.tenant}});
  const auto list = ask_archive(settings, "command line",
                                {[&options](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::ApiKeys keys(index.records());
                                   std::optional<TenantId> tenant;
                                   if (!options.tenant.empty()) tenant = TenantId(options.tenant);
                                   return server::list_api_keys(keys, ctx, tenant);
                                 },
                                 [&url](HttpClient& client) { return client.get(url); }});
  return print_list("apikey list", list, options.json, &api_key_list_text);
}

int run_apikey_revoke(const config::Settings& settings, const std::string& id) {
  const std::string url = "http://gantry/admin/apikeys/" + http::percent_encode(id) + "/revoke";
  const auto done = ask_archive(settings, "command line",
                                {[&id](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::ApiKeys keys(index.records());
                                   return server::revoke_api_key(index, keys, ctx, id, std::nullopt);
                                 },
                                 [&url](HttpClient& client) { return client.post(url); }});
  return print_revoked("apikey revoke", done, id);
}

int run_share_create(const config::Settings& settings, const server::ShareRequest& asked, bool json) {
  const std::string url =
      "http://gantry/admin/shares" +
      query_of({{"study", asked.study}, {"tenant", asked.tenant}, {"expires", asked.expires}});
  const auto made = ask_archive(settings, "command line",
                                {[&](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::Shares shares(index.records());
                                   return server::create_share(index, shares, ctx, asked, server::site_url(settings));
                                 },
                                 [&url](HttpClient& client) { return client.post(url); }});
  return print_made("share create", made, "link", json,
                    "Share %s, good %s. Whoever has this link can open the study; it is shown this once:\n");
}

int run_share_list(const config::Settings& settings, const CredentialListOptions& options) {
  const std::string url = "http://gantry/admin/shares" + query_of({{"tenant", options.tenant}});
  const auto list = ask_archive(settings, "command line",
                                {[&options](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::Shares shares(index.records());
                                   std::optional<TenantId> tenant;
                                   if (!options.tenant.empty()) tenant = TenantId(options.tenant);
                                   return server::list_shares(shares, ctx, tenant);
                                 },
                                 [&url](HttpClient& client) { return client.get(url); }});
  return print_list("share list", list, options.json, &share_list_text);
}

int run_share_revoke(const config::Settings& settings, const std::string& id) {
  const std::string url = "http://gantry/admin/shares/" + http::percent_encode(id) + "/revoke";
  const auto done = ask_archive(settings, "command line",
                                {[&id](index::InstanceIndex& index, const RequestContext& ctx) {
                                   auth::Shares shares(index.records());
                                   return server::revoke_share(index, shares, ctx, id, std::nullopt);
                                 },
                                 [&url](HttpClient& client) { return client.post(url); }});
  return print_revoked("share revoke", done, id);
}

}  // namespace gantry::cli

#include "gantry/cli/admin_question.hpp"

#include <memory>
#include <string_view>

#include <pwd.h>
#include <simdjson.h>
#include <unistd.h>

#include "gantry/server/app.hpp"
#include "gantry/server/data_folder.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::cli {
namespace {

/// `detail` of an answer that is an error (RFC 9457).
std::string detail_of(const HttpAnswer& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element problem;
  std::string_view detail;
  if (parser.parse(answer.body).get(problem) == simdjson::SUCCESS &&
      problem["detail"].get(detail) == simdjson::SUCCESS) {
    return std::string(detail);
  }
  return "the running server answers " + std::to_string(answer.status);
}

/// Who runs this program, for the audit.
std::string user_name() {
  const passwd* const entry = getpwuid(getuid());
  return entry == nullptr ? "user " + std::to_string(getuid()) : std::string("user ") + entry->pw_name;
}

}  // namespace

Error error_of(const HttpAnswer& answer) {
  switch (answer.status) {
    case 400: return Error::invalid(detail_of(answer));
    case 403: return Error::denied(detail_of(answer));
    case 404: return Error::not_found(detail_of(answer));
    case 409: return Error::conflict(detail_of(answer));
    default: return Error::unavailable(detail_of(answer));
  }
}

Result<std::string> serving_socket(const config::Settings& settings) {
  GANTRY_LET(const bool embedded, server::is_embedded(settings));
  if (!embedded) return std::string();
  const auto served = server::is_served(settings.data.dir);
  // That there is no folder says nothing about what is asked for in it.
  if (!served) return Error::unavailable(served.error().detail());
  if (!*served) return std::string();
  GANTRY_LET(const auto socket, server::AdminSocket::in(settings.data.dir));
  return socket.path();
}

Result<std::string> ask_archive(const config::Settings& settings, const char* principal, const Question& question) {
  GANTRY_LET(const std::string socket, serving_socket(settings));
  if (!socket.empty()) {
    HttpClient client({"", "", socket});
    auto answer = question.of_server(client);
    if (!answer) return Error::unavailable("asking the running server at " + socket + ": " + answer.error().detail());
    if (answer->status == 200) return std::move(answer->body);
    return error_of(*answer);
  }
  RequestContext ctx;
  ctx.tenant = TenantId(server::kDefaultTenant);
  ctx.principal = std::string(principal) + ", " + user_name();
  GANTRY_LET(const bool embedded, server::is_embedded(settings));
  if (!embedded) {
    GANTRY_LET(const auto index, server::open_index(settings, ctx.tenant));
    return question.of_index(*index, ctx);
  }
  GANTRY_LET(const auto archive, server::OfflineArchive::open(settings));
  return question.of_index(archive->index(), ctx);
}

}  // namespace gantry::cli

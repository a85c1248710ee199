#include "gantry/cli/worker_command.hpp"

#include <cstdint>
#include <cstdio>
#include <string_view>

#include <simdjson.h>

#include "gantry/cli/admin_question.hpp"
#include "gantry/cli/answer_text.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/http/query_string.hpp"

namespace gantry::cli {
namespace {

constexpr int kNotThere = 1, kCouldNotWork = 2;

int explain(const char* command, const Error& error) {
  std::fprintf(stderr, "gantry worker %s: %s\n", command, error.detail().c_str());
  return error.kind() == ErrorKind::kNotFound ? kNotThere : kCouldNotWork;
}

std::string number_line(const char* what, std::uint64_t number, const std::string& more = "") {
  char line[64];
  std::snprintf(line, sizeof line, "%-9s %12s", what, count_as_text(number).c_str());
  return line + more + "\n";
}

std::string failure_lines(const simdjson::dom::element& failure) {
  const std::string next = text_of(failure, "next_try");
  const std::string tries = count_as_text(number_of(failure, "tries"));
  return std::string(next.empty() ? "given up" : "failed") + "  tenant " + text_of(failure, "tenant") + "  study " +
         text_of(failure, "study") + "  series " + text_of(failure, "series") + "\n          tries " + tries +
         (next.empty() ? "" : ", the next at " + next) + ": " + text_of(failure, "error") + "\n";
}

}  // namespace

Result<std::string> worker_status_text(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element status;
  simdjson::dom::array failures;
  if (parser.parse(json).get(status) != simdjson::SUCCESS || status["failures"].get(failures) != simdjson::SUCCESS) {
    return Error::internal("the answer can't be understood: " + json.substr(0, 200));
  }
  const std::string oldest = text_of(status, "oldest_due");
  std::string text =
      number_line("ready", number_of(status, "ready")) + number_line("pending", number_of(status, "pending")) +
      number_line("running", number_of(status, "running")) + number_line("failed", number_of(status, "failed")) +
      number_line("given up", number_of(status, "given_up"));
  text += oldest.empty() ? "nothing is due\n" : "the oldest that is due changed at " + oldest + "\n";
  for (const auto failure : failures) text += failure_lines(failure);
  const std::uint64_t failing = number_of(status, "failed") + number_of(status, "given_up");
  if (failing > failures.size()) text += "and " + count_as_text(failing - failures.size()) + " more\n";
  return text;
}

int run_worker_status(const config::Settings& settings, const WorkerStatusOptions& options) {
  const std::string url = "http://gantry/admin/worker/status?failures=" + std::to_string(options.failures);
  const auto json = ask_archive(settings, "worker command", {[&options](index::InstanceIndex& index, const RequestContext& ctx) {
                                     return server::worker_status(index, ctx, options.failures);
                                   },
                                   [&url](HttpClient& client) { return client.get(url); }});
  if (!json) return explain("status", json.error());
  const auto text = options.json ? json : worker_status_text(*json);
  if (!text) return explain("status", text.error());
  std::printf("%s%s", text->c_str(), text->ends_with('\n') ? "" : "\n");
  return 0;
}

int run_worker_retry(const config::Settings& settings, const server::WorkerRetry& asked) {
  const std::string url = "http://gantry/admin/worker/retry?tenant=" + http::percent_encode(asked.tenant) +
                          "&study=" + http::percent_encode(asked.study) +
                          "&series=" + http::percent_encode(asked.series);
  const auto json = ask_archive(settings, "worker command", {[&asked](index::InstanceIndex& index, const RequestContext& ctx) {
                                     return server::worker_retry(index, ctx, asked);
                                   },
                                   [&url](HttpClient& client) { return client.post(url); }});
  if (!json) return explain("retry", json.error());
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  if (parser.parse(*json).get(answer) != simdjson::SUCCESS) {
    return explain("retry", Error::internal("the answer can't be understood: " + json->substr(0, 200)));
  }
  const std::uint64_t retried = number_of(answer, "retried");
  std::printf("%s\n", retried == 0   ? "no series had failed"
                      : retried == 1 ? "1 series is due again"
                                     : (count_as_text(retried) + " series are due again").c_str());
  return 0;
}

}  // namespace gantry::cli

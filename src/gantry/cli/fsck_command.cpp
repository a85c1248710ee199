#include "gantry/cli/fsck_command.hpp"

#include <cstdio>
#include <string_view>
#include <utility>

#include <simdjson.h>
#include <unistd.h>

#include "gantry/cli/answer_text.hpp"
#include "gantry/cli/http_client.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/server/fsck_stream.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::cli {
namespace {

std::string counts(const simdjson::dom::element& report) {
  return count_as_text(number_of(report, "rows")) + " instances, " + bytes_as_text(number_of(report, "bytes"));
}

}  // namespace

void FsckPrinter::line(std::string_view json) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(json);
  simdjson::dom::element object, part;
  if (parser.parse(padded).get(object) != simdjson::SUCCESS || !object.is_object()) {
    std::fprintf(stderr, "gantry fsck: can't be understood: %.*s\n", static_cast<int>(json.size()), json.data());
    return;
  }
  if (object["progress"].get(part) == simdjson::SUCCESS) {
    if (progress_)
      std::fprintf(stderr, "\rchecked %s, %s problems\x1b[K", counts(part).c_str(),
                   count_as_text(number_of(part, "problems")).c_str());
    shown_ = progress_;
    return;
  }
  if (shown_) std::fprintf(stderr, "\r\x1b[K");
  shown_ = false;
  if (object["problem"].get(part) == simdjson::SUCCESS) {
    std::printf("%-10s %s%s%s\n", text_of(part, "kind").c_str(), text_of(part, "object").c_str(),
                text_of(part, "object").empty() ? "" : ": ", text_of(part, "detail").c_str());
  } else if (object["report"].get(part) == simdjson::SUCCESS) {
    const auto problems = number_of(part, "problems");
    std::printf("%s in %s objects: %s\n", counts(part).c_str(), count_as_text(number_of(part, "objects")).c_str(),
                problems == 0 ? "everything is whole" : (count_as_text(problems) + " problems").c_str());
    exit_status_ = problems == 0 ? 0 : 1;
  } else {
    std::fprintf(stderr, "gantry fsck: %s\n", text_of(object, "error").c_str());
    exit_status_ = 2;
  }
}

int run_fsck_over_socket(const std::string& socket, const FsckCommandOptions& options) {
  FsckPrinter printer(!options.quiet && ::isatty(STDERR_FILENO) != 0);
  HttpClient client({"", "", socket});
  const std::string url = "http://gantry/admin/fsck?hashes=" + std::string(options.hashes ? "1" : "0") +
                          "&threads=" + std::to_string(options.threads);
  const auto answer = client.post_for_lines(url, [&](std::string_view line) { printer.line(line); });
  if (!answer) {
    std::fprintf(stderr, "gantry fsck: asking the running server at %s: %s\n", socket.c_str(),
                 answer.error().detail().c_str());
    return 2;
  }
  if (answer->status != 200) {
    std::fprintf(stderr, "gantry fsck: the running server answers %d\n", answer->status);
    return 2;
  }
  return printer.exit_status();
}

int run_fsck_here(index::InstanceIndex& index, storage::ObjectStore& objects, const FsckCommandOptions& options) {
  FsckPrinter printer(!options.quiet && ::isatty(STDERR_FILENO) != 0);
  RequestContext ctx;
  ctx.tenant = TenantId(server::kDefaultTenant);
  ctx.principal = "fsck";
  archive::FsckOptions what;
  what.hashes = options.hashes;
  what.threads = options.threads;
  server::FsckStream stream(std::move(ctx), index, objects, what);
  each_line(stream, [&](std::string_view line) { printer.line(line); });
  return printer.exit_status();
}

}  // namespace gantry::cli

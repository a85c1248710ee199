#include "gantry/cli/index_copy_command.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "gantry/cli/store_progress.hpp"
#include "gantry/config/urls.hpp"
#include "gantry/index/copy.hpp"
#include "gantry/server/data_folder.hpp"
#include "gantry/server/providers.hpp"

namespace gantry::cli {
namespace {

using index::CopyProgress;

std::atomic<bool> interrupted = false;
extern "C" void interrupt(int) { interrupted = true; }

Error of_end(const char* which, const Error& error) {
  return {error.kind(), std::string(which) + ": " + error.detail()};
}

/// The embedded index has one owner, which knows nothing of changes by others.
Result<void> expect_not_served(const config::IndexUrl& url) {
  if (url.kind != config::IndexKind::kSqlite) return {};
  const auto folder = std::filesystem::absolute(url.path).parent_path();
  const auto served = server::is_served(folder);
  if (served && *served) {
    return Error::conflict("a Gantry serves " + folder.string() + ": stop it first, so that nothing changes meanwhile");
  }
  return {};
}

Result<std::unique_ptr<index::TableStore>> open_end(const std::string& text, bool is_source) {
  GANTRY_LET(const auto url, config::parse_index_url(text));
  if (is_source && url.kind == config::IndexKind::kSqlite && !std::filesystem::exists(url.path)) {
    return Error::not_found("there is no file " + url.path);
  }
  GANTRY_TRY(expect_not_served(url));
  config::Settings settings;
  settings.index.url = text;
  settings.index.connections = 4;
  settings.index.statement_time = std::chrono::minutes(2);
  settings.index.migrate = !is_source;  // an empty target gets its schema
  return server::open_tables(settings);
}

/// A line on a terminal that is drawn again; elsewhere one every ten seconds.
class Progress {
 public:
  explicit Progress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (drawn_) std::fprintf(stderr, "\n");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const CopyProgress& progress) {
    if (quiet_) return;
    const auto now = std::chrono::steady_clock::now();
    const auto pause = terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10);
    if (now - shown_ < pause) return;
    shown_ = now;
    const bool copying = progress.phase == CopyProgress::Phase::kCopying;
    const auto most = std::max(progress.instances_most, progress.instances);
    const unsigned percent = most == 0 ? 100 : static_cast<unsigned>(progress.instances * 100 / most);
    drawn_ = terminal_;
    std::fprintf(stderr, "%s%s %.*s: %s rows, %s of %s instances (%u %%)%s", terminal_ ? "\r" : "",
                 copying ? "copying" : "comparing", static_cast<int>(progress.table.size()), progress.table.data(),
                 count_as_text(progress.rows).c_str(), count_as_text(progress.instances).c_str(),
                 count_as_text(most).c_str(), percent, terminal_ ? "\x1b[K" : "\n");
  }

 private:
  const bool quiet_, terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point shown_{};
};

Result<index::CopyReport> copy(const IndexCopyOptions& options) {
  auto from = open_end(options.from, true);
  if (!from) return of_end("--from", from.error());
  auto to = open_end(options.to, false);
  if (!to) return of_end("--to", to.error());
  Progress progress(options.quiet);
  return index::copy_index(**from, config::redact_url(options.from), **to, [&](const CopyProgress& now) {
    progress.show(now);
    return !interrupted;
  });
}

}  // namespace

int run_index_copy(const IndexCopyOptions& options) {
  std::signal(SIGINT, &interrupt);
  std::signal(SIGTERM, &interrupt);
  const auto report = copy(options);
  if (!report) {
    std::fprintf(stderr, "gantry index copy: %s\n", report.error().detail().c_str());
    const auto kind = report.error().kind();
    return kind == ErrorKind::kInvalid || kind == ErrorKind::kNotFound || kind == ErrorKind::kUnsupported ? 2 : 1;
  }
  std::printf(
      "%s now holds what %s holds, row by row: %s tenants, %s studies, %s instances, %s rows in all%s.\n"
      "Objects are not moved by this. To go on with it: index.url = \"%s\", and the same storage.url as before.\n",
      config::redact_url(options.to).c_str(), config::redact_url(options.from).c_str(),
      count_as_text(report->tenants).c_str(), count_as_text(report->studies).c_str(),
      count_as_text(report->instances).c_str(), count_as_text(report->rows).c_str(),
      report->resumed ? " (gone on with from where it was cut off)" : "", config::redact_url(options.to).c_str());
  return 0;
}

}  // namespace gantry::cli

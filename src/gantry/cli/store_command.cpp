#include "gantry/cli/store_command.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <simdjson.h>
#include <unistd.h>

#include "gantry/cli/file_list.hpp"
#include "gantry/cli/http_client.hpp"
#include "gantry/cli/store_answer_reader.hpp"
#include "gantry/cli/store_ledger.hpp"
#include "gantry/cli/store_progress.hpp"
#include "gantry/cli/store_report.hpp"

namespace gantry::cli {
namespace {

HttpClientSettings client_settings(const StoreOptions& options) {
  return {options.token, options.ca_file, "", options.certificate, options.key};
}

using namespace std::chrono_literals;

constexpr int kAllAccepted = 0, kSomeRefused = 1, kCouldNotWork = 2;
constexpr int kConnectAttempts = 6;  ///< about 15 s
constexpr int kBusyAttempts = 12;    ///< about 4 minutes
constexpr auto kRetryAfterMost = 120s;

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

int could_not_work(const std::string& why) {
  std::fprintf(stderr, "gantry store: %s\n", why.c_str());
  return kCouldNotWork;
}

/// "http://host:port" of a URL; "" when it has no host.
std::string origin_of(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return "";
  const auto path = url.find('/', scheme + 3);
  return url.substr(0, path);
}

std::string studies_url(std::string root) {
  while (!root.empty() && root.back() == '/') root.pop_back();
  return root.ends_with("/studies") ? root : root + "/studies";
}

/// One upload of many files. The workers share the list; the first answer that no further file could better ends it.
class StoreRun {
 public:
  StoreRun(const StoreOptions& options, std::vector<LocalFile> files, StoreLedger& ledger, StoreReport& report,
           StoreProgress& progress)
      : options_(options),
        url_(studies_url(options.to)),
        files_(std::move(files)),
        ledger_(ledger),
        report_(report),
        progress_(progress) {}

  /// Sends everything. A reason when it had to end early.
  std::optional<std::string> run() {
    std::vector<std::thread> workers;
    const auto count = std::clamp<std::size_t>(options_.parallel, 1, std::max<std::size_t>(files_.size(), 1));
    workers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) workers.emplace_back([this] { work(); });
    for (auto& worker : workers) worker.join();
    const std::scoped_lock lock(mutex_);
    return why_stopped_;
  }

 private:
  void work() {
    HttpClient client(client_settings(options_));
    while (!stopping()) {
      const std::size_t at = next_++;
      if (at >= files_.size()) return;
      const auto sent = send(client, files_[at]);
      if (!sent) return;
      const bool fine = sent->status != Sent::Status::kRefused && sent->status != Sent::Status::kFailed;
      progress_.done(files_[at].size - std::min(files_[at].size, moved_of_last_), fine);
      report_.add(files_[at].path, *sent, false);
      if (auto noted = ledger_.note(files_[at], *sent); !noted) stop(noted.error().detail());
    }
  }

  /// Sends one file until there is an answer that stands; nullopt when the run ends before.
  std::optional<Sent> send(HttpClient& client, const LocalFile& file) {
    for (int attempt = 0;; ++attempt) {
      moved_of_last_ = 0;
      auto answer = client.post_instance(url_, file.path, [this](std::size_t bytes) {
        moved_of_last_ += bytes;
        progress_.moved(bytes);
      });
      if (answer && !busy(answer->status)) return judge(*answer);
      if (!answer && answer.error().kind() == ErrorKind::kNotFound) {
        return Sent{Sent::Status::kFailed, 0, 0, answer.error().detail(), ""};
      }
      if (!answer && answer.error().kind() == ErrorKind::kInvalid) return stop(answer.error().detail());
      const std::string why =
          answer ? "the server is busy (" + read_store_answer(answer->status, answer->body).detail + ")"
                 : "can't reach " + url_ + ": " + answer.error().detail();
      if (attempt + 1 >= (answer ? kBusyAttempts : kConnectAttempts)) return stop(why);
      progress_.undo(moved_of_last_);
      if (!wait(attempt, answer ? answer->retry_after : std::nullopt)) return std::nullopt;
    }
  }

  static bool busy(int status) {
    return status == 429 || status == 502 || status == 503 || status == 504 || status == 408;
  }

  std::optional<Sent> judge(const HttpAnswer& answer) {
    const int status = answer.status;
    if (status == 401 || status == 403) {
      return stop("the server refuses us (HTTP " + std::to_string(status) +
                  "): " + read_store_answer(status, answer.body).detail);
    }
    if (status == 404 || status == 405 || (status >= 300 && status < 400)) {
      return stop(url_ + " answers " + std::to_string(status) +
                  ": is --to the DICOMweb root? Gantry's ends in /dicom-web");
    }
    return read_store_answer(status, answer.body);
  }

  /// Back-off before the next attempt: doubled from half a second, at most half a minute, ± 20 %, never less than what
  /// the server asks for. False when the run ends meanwhile.
  bool wait(int attempt, std::optional<std::chrono::seconds> asked) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const double scatter = std::uniform_real_distribution<double>(0.8, 1.2)(random);
    auto pause =
        std::chrono::duration<double>(std::min(30.0, 0.5 * static_cast<double>(1U << std::min(attempt, 6))) * scatter);
    if (asked)
      pause = std::max<std::chrono::duration<double>>(pause, std::min<std::chrono::seconds>(*asked, kRetryAfterMost));
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(pause);
    std::unique_lock lock(mutex_);
    // An interrupt is only a flag, so it is looked at five times a second.
    while (!why_stopped_ && interrupted == 0 && std::chrono::steady_clock::now() < until) {
      wake_.wait_until(lock, std::min(until, std::chrono::steady_clock::now() + 200ms));
    }
    return !why_stopped_ && interrupted == 0;
  }

  std::nullopt_t stop(const std::string& why) {
    {
      const std::scoped_lock lock(mutex_);
      if (!why_stopped_) why_stopped_ = why;
    }
    wake_.notify_all();
    return std::nullopt;
  }

  bool stopping() {
    if (interrupted != 0) stop("interrupted; the same command goes on where this one stopped");
    const std::scoped_lock lock(mutex_);
    return why_stopped_.has_value();
  }

  const StoreOptions& options_;
  const std::string url_;
  const std::vector<LocalFile> files_;
  StoreLedger& ledger_;
  StoreReport& report_;
  StoreProgress& progress_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<std::string> why_stopped_;
  static thread_local std::uint64_t moved_of_last_;  ///< of this worker's last attempt
};

thread_local std::uint64_t StoreRun::moved_of_last_ = 0;

/// The archive's own identity, which Gantry tells at /healthz: a ledger must not believe that a new, empty archive at
/// an old address holds what the old one took. "" when the server is no Gantry. kUnavailable when it can't be reached.
Result<std::string> archive_identity(const StoreOptions& options) {
  HttpClient client(client_settings(options));
  const std::string url = origin_of(options.to) + "/healthz";
  auto answer = client.get(url);
  for (int attempt = 0; !answer && answer.error().kind() == ErrorKind::kUnavailable && attempt < 3 && interrupted == 0;
       ++attempt) {
    std::this_thread::sleep_for(500ms);
    answer = client.get(url);
  }
  if (!answer) return std::move(answer).error();
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(answer->body);
  simdjson::dom::element document;
  std::string_view identity;
  if (parser.parse(padded).get(document) == simdjson::SUCCESS && document.is_object() &&
      document["archive"].get(identity) == simdjson::SUCCESS) {
    return std::string(identity);
  }
  return std::string();
}

StoreProgress::Style style_of(const StoreOptions& options) {
  if (options.quiet) return StoreProgress::Style::kSilent;
  return ::isatty(STDERR_FILENO) != 0 ? StoreProgress::Style::kBar : StoreProgress::Style::kLines;
}

}  // namespace

int run_store(const StoreOptions& options) {
  if (origin_of(options.to).size() < 8)
    return could_not_work("--to takes a URL such as http://127.0.0.1:8080/dicom-web");
  std::signal(SIGINT, &note_interrupt);
  std::signal(SIGTERM, &note_interrupt);
  std::signal(SIGPIPE, SIG_IGN);

  std::vector<std::string> unreadable;
  auto files = list_files(options.paths, unreadable);
  if (!files) return could_not_work(files.error().detail());
  if (files->empty() && unreadable.empty()) return could_not_work("there is no file to send");
  const auto identity = archive_identity(options);
  if (!identity) return could_not_work("can't reach " + origin_of(options.to) + ": " + identity.error().detail());

  const std::string target = studies_url(options.to) + "\n" + *identity;
  const std::string ledger_path = options.ledger.empty() ? default_ledger_path(target) : options.ledger;
  if (options.fresh && ::unlink(ledger_path.c_str()) != 0 && errno != ENOENT)
    return could_not_work("can't remove " + ledger_path);
  auto ledger = StoreLedger::open(ledger_path, target);
  if (!ledger) return could_not_work(ledger.error().detail());
  auto report = StoreReport::open(options.report);
  if (!report) return could_not_work(report.error().detail());

  std::vector<LocalFile> to_send;
  std::uint64_t bytes = 0;
  for (auto& file : *files) {
    const auto known = (*ledger)->find(file);
    if (known && !(options.retry_refused && known->status == Sent::Status::kRefused)) {
      (*report)->add(file.path, *known, true);
      continue;
    }
    bytes += file.size;
    to_send.push_back(std::move(file));
  }
  for (const auto& path : unreadable) (*report)->add(path, {Sent::Status::kFailed, 0, 0, "can't be read", ""}, false);
  if (!options.quiet) {
    std::fprintf(stderr, "%s files to send to %s (%s), %u at a time", count_as_text(to_send.size()).c_str(),
                 options.to.c_str(), bytes_as_text(bytes).c_str(), options.parallel);
    if (const auto earlier = files->size() - to_send.size(); earlier > 0) {
      std::fprintf(stderr, "; %s were sent earlier, says %s (--fresh sends them again)", count_as_text(earlier).c_str(),
                   (*ledger)->path().c_str());
    }
    std::fprintf(stderr, "\n");
  }

  const auto began = std::chrono::steady_clock::now();
  std::optional<std::string> stopped;
  if (!to_send.empty()) {
    StoreProgress progress(style_of(options), to_send.size(), bytes);
    StoreRun run(options, std::move(to_send), **ledger, **report, progress);
    stopped = run.run();
    progress.finish();
  }
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%s", (*report)->summary().c_str());
  if (!options.quiet) std::fprintf(stderr, "took %.1f s\n", took);
  const auto closed = (*report)->close();
  if (stopped) return could_not_work(*stopped);
  if (!closed) return could_not_work(closed.error().detail());
  return (*report)->all_accepted() ? kAllAccepted : kSomeRefused;
}

}  // namespace gantry::cli

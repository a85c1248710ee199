#include "gantry/cli/service_process.hpp"

#include <csignal>
#include <cstdio>

#include <pthread.h>
#include <unistd.h>

#include "gantry/observe/log.hpp"
#include "gantry/server/process_limits.hpp"

namespace gantry::cli {
namespace {

constexpr unsigned kEndSeconds = 29;  ///< by then the process is gone, whatever hangs

constexpr int kEndedBySignal = 1;

extern "C" void end_at_once(int) { _exit(kEndedBySignal); }
/// What was acknowledged is durable, so ending hard loses nothing; what hangs is given up.
extern "C" void end_late(int) { _exit(0); }

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

void print_ready(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int run_service(const char* command, const config::Settings& settings,
                const std::function<Result<Service>(observe::Log&)>& start) {
  if (!settings.data.core_dumps) server::forbid_core_dumps();
  // Blocked before any thread begins, so that all inherit it and the signals wait for sigwait below.
  sigset_t signals = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  observe::LogSettings log_settings;
  log_settings.level = observe::log_level(settings.log.level).value_or(observe::LogLevel::kInfo);
  log_settings.format = observe::log_format(settings.log.format).value_or(observe::LogFormat::kAuto);
  observe::Log log(log_settings);
  for (const auto& warning : settings.warnings) log.warn(warning);

  auto service = start(log);
  if (!service) {
    log.flush();
    std::fprintf(stderr, "gantry %s: %s\n", command, service.error().detail().c_str());
    return 2;
  }

  if (!service->reload) {
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigdelset(&signals, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
  }
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) service->reload();
  log.info("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  std::signal(SIGTERM, &end_at_once);
  std::signal(SIGINT, &end_at_once);
  std::signal(SIGALRM, &end_late);
  alarm(kEndSeconds);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  service->stop();
  log.info("stopped");
  return 0;
}

}  // namespace gantry::cli

#include "gantry/server/audit_spool.hpp"

#include <unistd.h>

#include "gantry/audit/relay.hpp"

namespace gantry::server {

std::filesystem::path audit_folder(const std::filesystem::path& data) { return data / "audit"; }

std::string machine_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

Result<std::unique_ptr<audit::Spool>> open_spool(const config::Settings& settings, const DataFolder& folder,
                                                 observe::Log& log) {
  if (!settings.audit.enabled) {
    log.warn("no audit is kept: audit.enabled is false");
    return std::unique_ptr<audit::Spool>();
  }
  audit::SpoolSettings spool;
  spool.folder = audit_folder(folder.path());
  spool.node = folder.identity();
  spool.file_bytes = settings.audit.file_bytes;
  spool.keep_days = settings.audit.keep_days;
  spool.tell = [&log](bool failed, const std::string& words) {
    log.write(failed ? observe::LogLevel::kError : observe::LogLevel::kInfo, words, {});
  };
  if (!settings.audit.syslog.empty()) {
    spool.keep_from = [folder = spool.folder] { return audit::Relay::needed_in(folder); };
  }
  GANTRY_LET(auto opened, audit::Spool::open(std::move(spool)));
  GANTRY_TRY(opened->append("start", ",\"pid\":" + std::to_string(::getpid())));
  return opened;
}

void record_stop(audit::Spool& spool) {
  // A stop that is not on record shows at the next start, which follows no stop.
  const auto noted = spool.append("stop", ",\"pid\":" + std::to_string(::getpid()));
  (void)noted;
}

void publish_spool_metrics(const audit::Spool& spool, observe::Metrics& metrics) {
  const auto counter = [&](const char* name, const char* help, std::uint64_t audit::Spool::Status::*number) {
    metrics.read_counter(name, help, [&spool, number] { return static_cast<double>(spool.status().*number); });
  };
  using Status = audit::Spool::Status;
  counter("gantry_audit_lines_total", "Lines written to the audit.", &Status::appended);
  counter("gantry_audit_written_bytes_total", "Bytes written to the audit.", &Status::bytes);
  counter("gantry_audit_failures_total", "Lines that could not be written to the audit.", &Status::failures);
  metrics.read_gauge("gantry_audit_unsynced_lines", "Lines of the audit that are not on the disk yet.", [&spool] {
    const auto status = spool.status();
    return static_cast<double>(status.n - status.synced_n);
  });
}

}  // namespace gantry::server

#include "gantry/server/audit_relay.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "gantry/config/urls.hpp"
#include "gantry/server/audit_spool.hpp"

namespace gantry::server {
namespace {

constexpr std::size_t kPatientsMost = 1000;
constexpr std::chrono::seconds kLookUpMost{5};

class Patients {
 public:
  explicit Patients(index::InstanceIndex& index) : index_(index) {}

  std::optional<audit::Patient> find(std::string_view tenant, std::string_view study) {
    const std::pair<std::string, std::string> key(tenant, study);
    if (!is_valid_tenant(tenant) || !is_valid_uid(study)) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    RequestContext ctx;
    ctx.tenant = TenantId(key.first);
    ctx.principal = "audit";
    ctx.deadline = Clock::now() + kLookUpMost;
    index::SearchQuery query;
    query.study = StudyUid(key.second);
    query.limit = 1;
    std::optional<audit::Patient> patient;
    const auto found = index_.search(ctx, query, [&patient](index::SearchRow&& row) {
      patient = audit::Patient{row.study.attributes.patient_id, row.study.attributes.patient_name};
      return false;
    });
    // What is not there, or could not be asked for, may be there the next time.
    if (!found || !patient) return std::nullopt;
    if (known_.size() >= kPatientsMost) known_.clear();
    known_.emplace(key, patient);
    return patient;
  }

 private:
  index::InstanceIndex& index_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::optional<audit::Patient>> known_;
};

}  // namespace

Result<audit::SyslogSettings> parse_syslog_url(std::string_view text) {
  using Transport = audit::SyslogSettings::Transport;
  GANTRY_LET(const config::Url url, config::parse_url(text));
  audit::SyslogSettings syslog;
  std::uint16_t port = 0;
  if (url.scheme == "tls") {
    syslog.transport = Transport::kTls;
    port = 6514;  // RFC 5425 §4.1
  } else if (url.scheme == "tcp") {
    syslog.transport = Transport::kTcp;
    port = 601;
  } else if (url.scheme == "udp") {
    syslog.transport = Transport::kUdp;
    port = 514;  // RFC 5426 §3.3
  } else {
    return Error::invalid("its scheme is none of tls, tcp and udp");
  }
  if (url.host.empty()) return Error::invalid("it names no host");
  if (!url.path.empty() && url.path != "/") return Error::invalid("it has a path");
  syslog.host = url.host;
  syslog.port = std::to_string(url.port.value_or(port));
  for (const auto& [name, value] : url.query) {
    std::string* const into = name == "ca"            ? &syslog.ca_file
                              : name == "certificate" ? &syslog.certificate_file
                              : name == "key"         ? &syslog.key_file
                                                      : nullptr;
    if (into == nullptr || syslog.transport != Transport::kTls)
      return Error::invalid("'" + name + "' is no parameter of it (tls:// takes ca, certificate and key)");
    *into = value;
  }
  return syslog;
}

audit::Source audit_source(const config::Settings& settings) {
  audit::Source source;
  source.host = machine_name();
  source.id = settings.audit.source.empty() ? source.host : settings.audit.source;
  source.site = settings.audit.site;
  return source;
}

audit::PatientOf patients_of(index::InstanceIndex& index) {
  return [patients = std::make_shared<Patients>(index)](std::string_view tenant, std::string_view study) {
    return patients->find(tenant, study);
  };
}

Result<std::unique_ptr<audit::Relay>> open_relay(const config::Settings& settings, const DataFolder& folder,
                                                 index::InstanceIndex& index, observe::Log& log) {
  if (!settings.audit.enabled || settings.audit.syslog.empty()) return std::unique_ptr<audit::Relay>();
  const auto refused = [&settings](const Error& error) {
    return Error(error.kind(), "audit.syslog = \"" + settings.audit.syslog + "\": " + error.detail());
  };
  auto syslog = parse_syslog_url(settings.audit.syslog);
  if (!syslog) return refused(syslog.error());
  auto sender = audit::SyslogSender::open(*std::move(syslog));
  if (!sender) return refused(sender.error());
  audit::RelaySettings relay;
  relay.folder = audit_folder(folder.path());
  relay.source = audit_source(settings);
  relay.patient_of = patients_of(index);
  relay.tell = [&log](bool failed, const std::string& words) {
    log.write(failed ? observe::LogLevel::kError : observe::LogLevel::kInfo, words, {});
  };
  return std::make_unique<audit::Relay>(std::move(relay), *std::move(sender));
}

void publish_relay_metrics(const audit::Relay& relay, observe::Metrics& metrics) {
  using Status = audit::Relay::Status;
  const auto counter = [&](const char* name, const char* help, std::uint64_t Status::*number) {
    metrics.read_counter(name, help, [&relay, number] { return static_cast<double>(relay.status().*number); });
  };
  counter("gantry_audit_messages_sent_total", "Audit messages sent to audit.syslog.", &Status::messages);
  counter("gantry_audit_send_failures_total", "Times that sending them failed, and was tried again.",
          &Status::failures);
  counter("gantry_audit_messages_dropped_total", "Audit messages that can't be sent at all.", &Status::dropped);
  metrics.read_gauge("gantry_audit_sent_lines", "The last line of the audit whose messages were sent.",
                     [&relay] { return static_cast<double>(relay.status().through); });
}

}  // namespace gantry::server

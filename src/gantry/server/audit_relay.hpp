#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gantry/audit/relay.hpp"
#include "gantry/config/settings.hpp"
#include "gantry/index/instance_index.hpp"
#include "gantry/observe/log.hpp"
#include "gantry/observe/metrics.hpp"
#include "gantry/server/data_folder.hpp"

namespace gantry::server {

/// tls://HOST[:6514]?ca=FILE&certificate=FILE&key=FILE, tcp://HOST[:601], udp://HOST[:514]. kInvalid: it is none.
[[nodiscard]] Result<audit::SyslogSettings> parse_syslog_url(std::string_view text);

/// How audit messages name this node.
[[nodiscard]] audit::Source audit_source(const config::Settings& settings);

/// The patient of a study, from the index; the last few are remembered.
[[nodiscard]] audit::PatientOf patients_of(index::InstanceIndex& index);

/// What sends the spool's records to `audit.syslog`; null when that names nobody. The index and the log outlive it.
Result<std::unique_ptr<audit::Relay>> open_relay(const config::Settings& settings, const DataFolder& folder,
                                                 index::InstanceIndex& index, observe::Log& log);
/// The relay outlives the metrics' use.
void publish_relay_metrics(const audit::Relay& relay, observe::Metrics& metrics);

}  // namespace gantry::server

#include "gantry/server/access_log.hpp"

#include <span>

#include "gantry/server/api_description.hpp"
#include "gantry/server/key_access.hpp"

namespace gantry::server {

std::string operation_name(const http::Route* route) { return route != nullptr ? operation_id(*route) : "none"; }

std::string_view outcome_of(int status, bool complete) noexcept {
  switch (status) {
    case 401:
    case 403:
    case 429: return "refused";
    case 404:
    case 410: return "not_found";
    // Both name what a client sent, not what went wrong here.
    case 501:
    case 505: return "rejected";
    case 503: return "unavailable";
    default: break;
  }
  if (status >= 500) return "failed";
  if (status >= 400) return "rejected";
  return complete ? "success" : "incomplete";
}

void log_access(observe::Log& log, const http::AccessRecord& record) {
  const std::string_view outcome = outcome_of(record.status, record.complete);
  const auto level = outcome == "unavailable" ? observe::LogLevel::kWarn
                     : outcome == "failed"    ? observe::LogLevel::kError
                                              : observe::LogLevel::kInfo;
  if (!log.writes(level)) return;
  const std::string path = path_for_logs(record.path);
  const std::string operation = operation_name(record.route);
  const double duration_ms = static_cast<double>(record.duration.count()) / 1000.0;
  const observe::Field fields[] = {
      {"request_id", record.request_id}, {"tenant", record.tenant},
      {"principal", record.principal},   {"remote", record.remote_address},
      {"operation", operation},          {"outcome", outcome},
      {"method", record.method},         {"path", path},
      {"status", record.status},         {"bytes_in", record.bytes_in},
      {"bytes_out", record.bytes_out},   {"duration_ms", duration_ms},
      {"complete", record.complete},     {"detail", record.error_detail},
  };
  const std::span<const observe::Field> all(fields);
  log.write(level, "request", record.error_detail.empty() ? all.first(all.size() - 1) : all);
}

}  // namespace gantry::server

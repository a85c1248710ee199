#pragma once

// What the audit records of HTTP: every request for something that is not public, whether it was answered or refused
// (DESIGN §9).

#include <cstdint>

#include "gantry/audit/record.hpp"
#include "gantry/audit/spool.hpp"
#include "gantry/http/router.hpp"
#include "gantry/http/server.hpp"

namespace gantry::server {

/// The hooks `answering` and `log` of the HTTP server, as far as the audit goes. From all io threads; the spool
/// outlives it.
class AuditTrail {
 public:
  /// `spool` null: nothing is recorded. `refuse`: what can't be recorded is not shown; else it is counted alone.
  AuditTrail(audit::Spool* spool, bool refuse) : spool_(spool), refuse_(refuse) {}

  /// Puts an answer on record before its first byte; gives the number of its line, 0 when it needs none. kUnavailable:
  /// it can't be recorded, and so not be shown.
  Result<std::uint64_t> answering(const http::Request& request, const http::Response& response);
  /// How it ended.
  void finished(const http::AccessRecord& record);

 private:
  audit::Spool* const spool_;
  const bool refuse_;
};

/// What a request asks for; `status`, `reason` and `stored` are the answer's.
[[nodiscard]] audit::Access access_of(const http::Request& request, const http::Response& response);

/// A query string without the values of keys that carry credentials.
[[nodiscard]] std::string without_secrets(std::string_view query);

}  // namespace gantry::server

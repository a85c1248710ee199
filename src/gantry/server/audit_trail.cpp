#include "gantry/server/audit_trail.hpp"

#include <array>
#include <string>
#include <string_view>

namespace gantry::server {
namespace {

namespace operation = audit::operation;

const char* operation_of(const http::Route& route) {
  const std::string_view pattern = route.pattern;
  switch (static_cast<http::Permission>(route.permission)) {
    case http::Permission::kWrite: return operation::kStore;
    case http::Permission::kDelete: return operation::kDelete;
    case http::Permission::kAdmin:
    case http::Permission::kOperate: return operation::kAdmin;
    default: break;
  }
  if (pattern.ends_with("/metadata")) return operation::kMetadata;
  // Searches end in what they list (PS3.18 §10.6), retrievals in what they name.
  for (const std::string_view listed : {"/studies", "/series", "/instances"}) {
    if (pattern.ends_with(listed)) return operation::kSearch;
  }
  return operation::kRetrieve;
}

/// Pages, styles and health say nothing of a patient. What asks for a permission is for the record, refused or not.
bool is_recorded(const http::Request& request) {
  return request.route != nullptr &&
         static_cast<http::Permission>(request.route->permission) != http::Permission::kPublic;
}

/// A value of a query key; "" when there is none. WADO-URI names what it wants there (PS3.18 §9.1.2.1).
std::string_view query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=')
      return pair.substr(key.size() + 1);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return {};
}

}  // namespace

std::string without_secrets(std::string_view query) {
  static constexpr std::array<std::string_view, 4> kSecret{"access_token", "token", "api_key", "key"};
  std::string kept;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::string_view name = pair.substr(0, pair.find('='));
    if (!kept.empty()) kept += '&';
    kept += pair.substr(0, name.size());
    bool secret = false;
    for (const auto key : kSecret) secret = secret || name == key;
    if (name.size() < pair.size()) kept += secret ? std::string_view("=…") : pair.substr(name.size());
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return kept;
}

audit::Access access_of(const http::Request& request, const http::Response& response) {
  audit::Access access;
  const RequestContext& context = request.context;
  access.request_id = context.request_id;
  access.tenant = context.tenant.str();
  access.user = context.principal;
  access.address = request.remote_address;
  if (const auto forwarded = request.headers.get("X-Forwarded-For")) access.forwarded_for = *forwarded;
  access.operation = operation_of(*request.route);
  access.method = request.method_text;
  access.resource = request.route->pattern;
  access.study = request.parameter("study");
  access.series = request.parameter("series");
  access.instance = request.parameter("instance");
  access.frames = request.parameter("frames");
  if (!request.query.empty()) {
    access.query = without_secrets(request.query);
    if (access.study.empty()) access.study = query_value(request.query, "studyUID");
    if (access.series.empty()) access.series = query_value(request.query, "seriesUID");
    if (access.instance.empty()) access.instance = query_value(request.query, "objectUID");
  }
  access.status = response.status;
  if (response.status >= 400) access.reason = response.log_detail;
  access.stored = response.audit_note;
  return access;
}

Result<std::uint64_t> AuditTrail::answering(const http::Request& request, const http::Response& response) {
  if (spool_ == nullptr || !is_recorded(request)) return std::uint64_t{0};
  auto number = spool_->append("begin", audit::begin_members(access_of(request, response)));
  // The spool counts and tells what it could not write.
  if (!number && !refuse_) return std::uint64_t{0};
  if (!number) return Error::unavailable("this access can't be recorded for the audit now, so it is not answered");
  return number;
}

void AuditTrail::finished(const http::AccessRecord& record) {
  if (spool_ == nullptr || record.ticket == 0) return;
  audit::AccessEnd end;
  end.begin = record.ticket;
  end.status = record.status;
  end.bytes_out = record.bytes_out;
  end.bytes_in = record.bytes_in;
  end.duration_us = static_cast<std::uint64_t>(record.duration.count());
  end.complete = record.complete;
  // Nothing waits for this line and nothing can be taken back any more. Without it the access is told as `unknown`.
  spool_->append_late("end", audit::end_members(end));
}

}  // namespace gantry::server

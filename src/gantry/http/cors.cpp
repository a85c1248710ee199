#include "gantry/http/cors.hpp"

#include <algorithm>

namespace gantry::http {

namespace {

constexpr const char* kMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
constexpr const char* kAllowed =
    "Authorization, Accept, Accept-Language, Content-Type, Cache-Control, If-Match, If-None-Match, If-Range, Range, "
    "x-tenant, X-Request-Id, X-Requested-With, traceparent";
constexpr const char* kExposed =
    "ETag, Accept-Ranges, Content-Encoding, Content-Length, Content-Location, Content-Range, Link, Location, "
    "Retry-After, Server-Timing, Warning, X-Request-Id, X-Total-Count";

}  // namespace

CorsPolicy::CorsPolicy(const CorsSettings& settings)
    : origins_(settings.allowed_origins),
      any_(std::find(origins_.begin(), origins_.end(), "*") != origins_.end()),
      max_age_(std::to_string(settings.max_age.count())) {}

bool CorsPolicy::is_preflight(const Request& request) {
  return request.method == Method::kOptions && request.headers.get("Access-Control-Request-Method").has_value();
}

Response CorsPolicy::preflight() const {
  Response response;
  response.status = 204;
  response.headers.add("Access-Control-Allow-Methods", kMethods);
  response.headers.add("Access-Control-Allow-Headers", kAllowed);
  response.headers.add("Access-Control-Max-Age", max_age_);
  return response;
}

void CorsPolicy::decorate(const Headers& request, Headers& answer) const {
  if (any_) {
    answer.add("Access-Control-Allow-Origin", "*");
    answer.add("Access-Control-Expose-Headers", kExposed);
    return;
  }
  if (origins_.empty()) return;
  add_vary(answer, "Origin");
  const auto origin = request.get("Origin");
  if (!origin || std::find(origins_.begin(), origins_.end(), *origin) == origins_.end()) return;
  answer.add("Access-Control-Allow-Origin", std::string(*origin));
  answer.add("Access-Control-Expose-Headers", kExposed);
}

void add_vary(Headers& headers, std::string_view name) {
  auto vary = headers.joined("Vary");
  if (!vary || vary->empty()) {
    headers.set("Vary", std::string(name));
    return;
  }
  std::string_view rest = *vary;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view member = rest.substr(0, comma);
    while (!member.empty() && member.front() == ' ') member.remove_prefix(1);
    while (!member.empty() && member.back() == ' ') member.remove_suffix(1);
    const bool same =
        member.size() == name.size() &&
        std::equal(member.begin(), member.end(), name.begin(), [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    if (same || member == "*") return;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  headers.set("Vary", *vary + ", " + std::string(name));
}

}  // namespace gantry::http

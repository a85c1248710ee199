#include "gantry/cache/keys.hpp"

namespace gantry::cache {

std::string study_rows_key(const TenantId& tenant, const StudyUid& study) {
  return "wado:" + tenant.str() + ":study:" + study.str() + ":metadata";
}

std::string absence_key(const TenantId& tenant, const StudyUid& study) {
  return "db:" + tenant.str() + ":study:" + study.str() + ":metadata";
}

std::string generating_key(const TenantId& tenant, const SeriesUid& series) {
  return "wado:" + tenant.str() + ":series:" + series.str() + ":json_generating";
}

std::string jwks_key(std::string_view issuer_hash) {
  std::string key = "jwksurl:8e646686-9d36-480b-95ea-1718b24c1c98";
  if (!issuer_hash.empty()) key.append(":").append(issuer_hash);
  return key;
}

std::vector<std::string> tenant_prefixes(const TenantId& tenant) {
  return {"wado:" + tenant.str() + ":", "db:" + tenant.str() + ":", "gantry:" + tenant.str() + ":"};
}

std::string outbox_key(const TenantId& tenant) { return "gantry:" + tenant.str() + ":outbox"; }

}  // namespace gantry::cache

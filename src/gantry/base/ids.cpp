#include "gantry/base/ids.hpp"

#include <algorithm>

namespace gantry {

bool is_valid_uid(std::string_view uid) noexcept {
  if (uid.empty() || uid.size() > 64) return false;
  const auto allowed = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
  // ".." or "." alone would be digits-and-dots too; a UID has at least one digit.
  return std::all_of(uid.begin(), uid.end(), allowed) && uid.find_first_of("0123456789") != std::string_view::npos;
}

bool is_valid_tenant(std::string_view tenant) noexcept {
  if (tenant.empty() || tenant.size() > 64) return false;
  const auto allowed = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; };
  return std::all_of(tenant.begin(), tenant.end(), allowed);
}

}  // namespace gantry

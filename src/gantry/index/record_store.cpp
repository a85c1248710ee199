#include "gantry/index/record_store.hpp"

#include <algorithm>

#include "gantry/base/json_text.hpp"

namespace gantry::index {

bool is_record_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

Result<void> check_record(const Record& record) {
  if (!is_record_id(record.id)) return Error::invalid("a record's id is 1 to 64 letters, digits and '-'");
  if (!is_valid_tenant(record.tenant.view())) return Error::invalid("a tenant id is 1 to 64 of a-z, 0-9 and '-'");
  if (record.body.size() > kRecordBytesMost) return Error::invalid("a record of more than 64 kB");
  if (as_utf8(record.body) != record.body || record.body.find('\0') != std::string::npos) {
    return Error::invalid("a record that is no UTF-8 text");
  }
  // The first microsecond stands for "never" in the tables.
  if (record.expires && *record.expires <= Timestamp{}) return Error::invalid("a record that expired before 1970");
  return {};
}

}  // namespace gantry::index

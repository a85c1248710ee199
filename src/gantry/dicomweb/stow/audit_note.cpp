#include "gantry/dicomweb/stow/audit_note.hpp"

#include <cstdint>
#include <cstdio>
#include <map>

#include "gantry/base/json_text.hpp"

namespace gantry::dicomweb::stow {
namespace {

using Status = archive::StoreOutcome::Status;
constexpr std::size_t kListMost = 500;

struct StudyCounts {
  std::map<std::string, std::uint64_t> classes;
  std::uint64_t stored = 0, replaced = 0, unchanged = 0;
};

void add_count(std::string& json, const char* name, std::uint64_t count) {
  if (count > 0) json.append(",\"").append(name).append("\":").append(std::to_string(count));
}

std::string study_text(const std::string& uid, const StudyCounts& counts) {
  std::string json = "{\"study\":" + json_string(uid) + ",\"classes\":{";
  for (const auto& [sop_class, count] : counts.classes) {
    json.append(json.ends_with('{') ? "" : ",")
        .append(json_string(sop_class))
        .append(":")
        .append(std::to_string(count));
  }
  json += "}";
  add_count(json, "stored", counts.stored);
  add_count(json, "replaced", counts.replaced);
  add_count(json, "unchanged", counts.unchanged);
  return json + "}";
}

std::string failure_text(const archive::StoreOutcome& outcome) {
  char reason[8];
  const unsigned code = outcome.stored() ? outcome.warning_reason : outcome.failure_reason;
  std::snprintf(reason, sizeof reason, "%04X", code);
  return "{\"study\":" + json_string(outcome.study.view()) + ",\"instance\":" + json_string(outcome.sop.view()) +
         ",\"reason\":\"" + reason + "\"}";
}

}  // namespace

std::string audit_note(const StoreReport& report) {
  std::map<std::string, StudyCounts> studies;
  std::string failed;
  std::uint64_t failures = 0;
  for (const archive::StoreOutcome& outcome : report.outcomes) {
    if (!outcome.stored() || outcome.status == Status::kIgnored) {
      if (++failures <= kListMost) failed.append(failed.empty() ? "" : ",").append(failure_text(outcome));
      continue;
    }
    StudyCounts& counts = studies[outcome.study.str()];
    ++counts.classes[outcome.sop_class];
    ++(outcome.status == Status::kStored     ? counts.stored
       : outcome.status == Status::kReplaced ? counts.replaced
                                             : counts.unchanged);
  }
  std::string json = "{\"studies\":[";
  std::size_t told = 0;
  for (const auto& [uid, counts] : studies) {
    if (++told > kListMost) break;
    json.append(told == 1 ? "" : ",").append(study_text(uid, counts));
  }
  json += "]";
  if (failures > 0) json.append(",\"failed\":[").append(failed).append("]");
  add_count(json, "failures", failures);
  if (studies.size() > kListMost) add_count(json, "more_studies", studies.size() - kListMost);
  return json + "}";
}

}  // namespace gantry::dicomweb::stow

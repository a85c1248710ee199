#include "gantry/audit/record.hpp"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "gantry/base/json_text.hpp"

namespace gantry::audit {
namespace {

using simdjson::dom::element;

struct Member {
  const char* name;
  std::string Access::*text;
};
/// In the order in which a line has them.
constexpr Member kMembers[] = {
    {"id", &Access::request_id},   {"tenant", &Access::tenant},     {"user", &Access::user},
    {"address", &Access::address}, {"for", &Access::forwarded_for}, {"operation", &Access::operation},
    {"method", &Access::method},   {"resource", &Access::resource}, {"study", &Access::study},
    {"series", &Access::series},   {"instance", &Access::instance}, {"frames", &Access::frames},
    {"query", &Access::query},     {"reason", &Access::reason},
};

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

void add_text(std::string& json, std::string_view name, std::string_view value) {
  json.append(",\"").append(name).append("\":");
  // Nearly all there is: UIDs, names of routes and addresses.
  if (is_plain(value)) {
    json.append(1, '"').append(value).append(1, '"');
  } else {
    json += json_string(value);
  }
}

void add_number(std::string& json, std::string_view name, std::uint64_t value) {
  json.append(",\"").append(name).append("\":").append(std::to_string(value));
}

std::string text_of(const element& object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::uint64_t number_of(const element& object, const char* name) {
  std::uint64_t number = 0;
  return object[name].get(number) == simdjson::SUCCESS ? number : 0;
}

bool flag_of(const element& object, const char* name) {
  bool flag = false;
  return object[name].get(flag) == simdjson::SUCCESS && flag;
}

/// The members of a line between its kind and its hash.
std::string members_of(std::string_view line, std::string_view kind) {
  const std::string before = "\"kind\":\"" + std::string(kind) + "\"";
  const auto begin = line.find(before);
  const auto end = line.rfind(",\"hash\":");
  if (begin == std::string_view::npos || end == std::string_view::npos || begin + before.size() > end) return {};
  return std::string(line.substr(begin + before.size(), end - begin - before.size()));
}

Access access_of(const element& line) {
  Access access;
  for (const auto& [name, text] : kMembers) access.*text = text_of(line, name);
  access.status = static_cast<int>(number_of(line, "status"));
  element stored;
  if (line["stored"].get(stored) == simdjson::SUCCESS) access.stored = simdjson::minify(stored);
  return access;
}

AccessEnd end_of(const element& line) {
  AccessEnd end;
  end.begin = number_of(line, "of");
  end.status = static_cast<int>(number_of(line, "status"));
  end.bytes_out = number_of(line, "bytes");
  end.bytes_in = number_of(line, "received");
  end.duration_us = number_of(line, "us");
  end.complete = flag_of(line, "complete");
  return end;
}

}  // namespace

std::string begin_members(const Access& access) {
  std::string json;
  json.reserve(512);
  for (const auto& [name, text] : kMembers) {
    if (const std::string& value = access.*text; !value.empty()) add_text(json, name, value);
  }
  add_number(json, "status", static_cast<std::uint64_t>(access.status));
  if (!access.stored.empty()) json.append(",\"stored\":").append(access.stored);
  return json;
}

std::string end_members(const AccessEnd& end) {
  std::string json;
  json.reserve(160);
  add_number(json, "of", end.begin);
  add_number(json, "status", static_cast<std::uint64_t>(end.status));
  add_number(json, "bytes", end.bytes_out);
  add_number(json, "received", end.bytes_in);
  add_number(json, "us", end.duration_us);
  return json.append(end.complete ? ",\"complete\":true" : ",\"complete\":false");
}

std::string_view outcome_of(const Record& record) {
  if (record.kind != "access") return "success";
  if (!record.end) return "unknown";
  const int status = record.end->status;
  if (status == 401 || status == 403 || status == 429) return "refused";
  if (status >= 400) return "failure";
  return record.end->complete ? "success" : "incomplete";
}

std::string to_json(const Record& record) {
  std::string json =
      "{\"n\":" + std::to_string(record.n) + ",\"time\":\"" + record.time + "\",\"kind\":\"" + record.kind + "\"";
  if (record.kind != "access") return json + record.line + "}";
  json.append(",\"outcome\":\"").append(outcome_of(record)).append("\"");
  json += begin_members(record.access);
  if (record.end) {
    json.append(",\"end\":{").append(end_members(*record.end).substr(1)).append("}");
  }
  return json + "}";
}

Result<bool> RecordAssembler::take(std::string_view line, const Visit& visit) {
  thread_local simdjson::dom::parser parser;
  element parsed;
  if (parser.parse(simdjson::padded_string(line)).get(parsed) != simdjson::SUCCESS) {
    return Error::invalid("a line of the audit spool is no JSON");
  }
  Record record;
  record.n = number_of(parsed, "n");
  record.time = text_of(parsed, "time");
  record.kind = text_of(parsed, "kind");
  if (record.n == 0 || record.kind.empty()) return Error::invalid("a line of the audit spool has no number or kind");
  if (record.kind == "begin") {
    record.kind = "access";
    record.access = access_of(parsed);
    open_.insert_or_assign(record.n, std::move(record));
    return true;
  }
  if (record.kind == "end") {
    const AccessEnd end = end_of(parsed);
    auto begun = open_.extract(end.begin);
    if (begun.empty()) return true;  // its beginning was removed, or is before what was asked for
    begun.mapped().end = end;
    return visit(std::move(begun.mapped()));
  }
  if (record.kind == "file") {
    if (flag_of(parsed, "start")) {
      for (auto& left : take_open()) {
        if (!visit(std::move(left))) return false;
      }
    }
    return true;
  }
  record.line = members_of(line, record.kind);
  return visit(std::move(record));
}

std::vector<Record> RecordAssembler::take_open() {
  std::vector<Record> left;
  for (auto& [n, record] : std::exchange(open_, {})) left.push_back(std::move(record));
  return left;
}

std::optional<std::uint64_t> RecordAssembler::oldest_open() const {
  if (open_.empty()) return std::nullopt;
  return open_.begin()->first;
}

}  // namespace gantry::audit

#include "gantry/audit/record_query.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

#include "gantry/audit/spool.hpp"
#include "gantry/base/json_text.hpp"

namespace gantry::audit {
namespace {

/// "2026-11-30T…" as a file's name has it; "" for what is too short.
std::string day_of(const std::string& time) {
  if (time.size() < 10) return {};
  return time.substr(0, 4) + time.substr(5, 2) + time.substr(8, 2);
}

/// The day after "20261130", in the same form.
std::string day_after(const std::string& day) {
  int number = 0;
  std::from_chars(day.data(), day.data() + day.size(), number);
  const std::chrono::sys_days next =
      std::chrono::sys_days(std::chrono::year(number / 10000) / std::chrono::month(number / 100 % 100) /
                            std::chrono::day(number % 100)) +
      std::chrono::days(1);
  return day_of(time_text(next));
}

/// Where reading begins: a file before the one that has the line `after`, or the first of the day, as accesses may
/// begin in one file and end in the next.
std::size_t first_file(const std::vector<SpoolFile>& files, const RecordQuery& query) {
  std::size_t first = 0;
  const std::string day = day_of(query.since);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!day.empty() && files[i].day < day) {
      first = i;
      continue;
    }
    if (query.after == 0) break;
    const auto text = SpoolText::open(files[i].path);
    if (!text) continue;
    const auto line = split_line(text->text().substr(0, text->text().find('\n')));
    if (line && line->n > query.after) break;
    first = i;
  }
  return first == 0 ? 0 : first - 1;
}

/// Texts that a beginning must hold to be of use. Searching for them is quicker than parsing.
std::vector<std::string> needles_of(const RecordQuery& query) {
  std::vector<std::string> needles;
  const auto add = [&needles](const char* name, const std::string& value) {
    if (!value.empty()) needles.push_back(std::string("\"") + name + "\":" + json_string(value));
  };
  add("study", query.study);
  add("user", query.user);
  add("tenant", query.tenant);
  add("operation", query.operation);
  add("id", query.request_id);
  return needles;
}

bool is(const std::string& wanted, std::string_view value) { return wanted.empty() || wanted == value; }

}  // namespace

bool meets(const RecordQuery& query, const Record& record) {
  const Access& access = record.access;
  return (query.since.empty() || record.time >= query.since) && (query.until.empty() || record.time < query.until) &&
         is(query.tenant, access.tenant) && is(query.user, access.user) && is(query.operation, access.operation) &&
         is(query.request_id, access.request_id) && is(query.outcome, outcome_of(record)) &&
         (query.study.empty() || query.study == access.study ||
          access.stored.find("\"study\":\"" + query.study + "\"") != std::string::npos);
}

Result<RecordsRead> for_records(const std::filesystem::path& folder, const RecordQuery& query,
                                const std::function<bool(const Record& record, std::uint64_t line)>& visit) {
  GANTRY_LET(const auto files, spool_files(folder));
  const auto needles = needles_of(query);
  RecordAssembler assembler;
  RecordsRead read;
  std::uint64_t bytes = 0;
  bool wanted = true;
  const std::string until = day_of(query.until), last_day = until.empty() ? "" : day_after(until);
  for (std::size_t i = first_file(files, query); i < files.size() && wanted; ++i) {
    // A file's name has the day of its first line. What began on the last day asked for ends on the next one at most.
    if (!last_day.empty() && files[i].day > last_day) break;
    GANTRY_LET(const SpoolText text, SpoolText::open(files[i].path));
    for_lines(text.text(), 0, [&](std::string_view line, std::size_t) {
      const auto split = split_line(line);
      if (!split) return true;
      if (split->n > query.after) bytes += line.size();
      if (bytes > query.bytes_most) return wanted = false;
      read.through = split->n;
      if (line.find("\"kind\":\"begin\"") != std::string_view::npos &&
          !std::all_of(needles.begin(), needles.end(),
                       [line](const std::string& needle) { return line.find(needle) != std::string_view::npos; })) {
        return true;
      }
      const auto taken = assembler.take(line, [&](Record&& record) {
        if (split->n > query.after && meets(query, record)) wanted = visit(record, split->n);
        return wanted;
      });
      (void)taken;
      return wanted;
    });
  }
  read.all = wanted;
  if (wanted && query.with_open) {
    for (const Record& record : assembler.take_open()) {
      if (meets(query, record) && !visit(record, read.through)) break;
    }
  }
  return read;
}

}  // namespace gantry::audit

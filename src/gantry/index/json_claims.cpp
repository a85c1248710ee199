#include "gantry/index/json_claims.hpp"

#include <algorithm>
#include <utility>

#include "gantry/base/ids.hpp"

namespace gantry::index {
namespace {

constexpr std::string_view kLostLease = "the worker that had it was not heard of again";
/// Beyond this a lease or a pause is a mistake, and would leave the range of time stamps.
constexpr std::chrono::hours kWaitMost{24 * 365};

bool is(const JsonTask& task, JsonStatus status) { return task.row.json_status == static_cast<int>(status); }

void set(JsonTask& task, JsonStatus status) { task.row.json_status = static_cast<int>(status); }

void end_lease(JsonTask& task) {
  task.lease_owner.clear();
  task.lease_until = {};
}

/// The beginning of `text` that is not longer than `most` bytes, without half a character at its end.
std::string beginning_of(std::string_view text, std::size_t most) {
  std::size_t size = std::min(text.size(), most);
  if (size < text.size()) {
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  }
  return std::string(text.substr(0, size));
}

}  // namespace

JsonStep next_step(const StateRow& state, const JsonTask* task, Timestamp now) {
  if (task == nullptr) return JsonStep::kClaim;
  // Also of an older version: its worker finds out at the end, and two need not work on one series.
  if (is(*task, JsonStatus::kRunning) && task->lease_until > now) return JsonStep::kWait;
  if (task->row.version < state.version) return JsonStep::kClaim;
  if (is(*task, JsonStatus::kReady) || is(*task, JsonStatus::kFailedForGood)) return JsonStep::kNone;
  if (task->row.retry_times >= kJsonTriesMost) return JsonStep::kGiveUp;
  return is(*task, JsonStatus::kFailed) && task->next_at > now ? JsonStep::kWait : JsonStep::kClaim;
}

JsonTask claimed(const StateRow& state, const JsonTask* task, std::string_view owner, Timestamp now,
                 std::chrono::seconds lease) {
  JsonTask made = task == nullptr ? JsonTask() : *task;
  JsonRow& row = made.row;
  if (task == nullptr) row.created_time = now;
  row.retry_times = task != nullptr && row.version >= state.version ? row.retry_times + 1 : 1;
  row.tenant_id = state.tenant_id;
  row.study_uid = state.study_uid;
  row.series_uid = state.series_uid;
  row.study_uid_hash = state.study_uid_hash;
  row.series_uid_hash = state.series_uid_hash;
  row.study_date_origin = state.study_date_origin;
  row.flag_time = state.updated_time;
  row.version = state.version;
  set(made, JsonStatus::kRunning);
  made.lease_owner = owner;
  made.lease_until = now + lease;
  made.next_at = {};
  return made;
}

JsonTask given_up(JsonTask task) {
  if (is(task, JsonStatus::kRunning)) task.row.last_error = kLostLease;
  set(task, JsonStatus::kFailedForGood);
  end_lease(task);
  return task;
}

bool has_claim(const JsonTask& task, const JsonOutcome& outcome, std::string_view owner) {
  return has_claim(task, owner) && task.row.version == outcome.version;
}

bool has_claim(const JsonTask& task, std::string_view owner) {
  return is(task, JsonStatus::kRunning) && task.lease_owner == owner;
}

JsonCount counted_as(std::uint64_t state_version, bool due, const JsonTask* task, Timestamp now) {
  const bool present = task != nullptr && task->row.version >= state_version;
  if (!due) return present && is(*task, JsonStatus::kFailedForGood) ? JsonCount::kGivenUp : JsonCount::kReady;
  if (task != nullptr && is(*task, JsonStatus::kRunning) && task->lease_until > now) return JsonCount::kRunning;
  return present && is(*task, JsonStatus::kFailed) ? JsonCount::kFailed : JsonCount::kPending;
}

void add_to(JsonTotals& totals, JsonCount as) {
  switch (as) {
    case JsonCount::kReady: ++totals.ready; break;
    case JsonCount::kPending: ++totals.pending; break;
    case JsonCount::kRunning: ++totals.running; break;
    case JsonCount::kFailed: ++totals.failed; break;
    case JsonCount::kGivenUp: ++totals.given_up; break;
  }
}

bool is_failure(std::uint64_t state_version, const JsonTask& task, const JsonFailureQuery& query) {
  const JsonRow& row = task.row;
  return is(task, query.given_up ? JsonStatus::kFailedForGood : JsonStatus::kFailed) && row.version >= state_version &&
         (!query.tenant || row.tenant_id == query.tenant->view()) &&
         (!query.study || row.study_uid == query.study->view()) &&
         (!query.series || row.series_uid == query.series->view());
}

JsonEnd ended(JsonTask task, const JsonOutcome& outcome, Timestamp now) {
  JsonEnd end;
  JsonRow& row = task.row;
  if (!outcome.object_key.empty() && row.object_key != outcome.object_key.view()) {
    end.superseded = std::exchange(row.object_key, outcome.object_key.str());
  }
  end_lease(task);
  task.next_at = {};
  if (outcome.handed_back) {
    set(task, JsonStatus::kPending);
    row.retry_times = std::max(row.retry_times - 1, 0);
    end.task = std::move(task);
    return end;
  }
  row.last_error.clear();
  if (!outcome.failure) {
    set(task, JsonStatus::kReady);
    row.retry_times = 0;
    end.settled = true;
  } else {
    end.settled = row.retry_times >= kJsonTriesMost;
    set(task, end.settled ? JsonStatus::kFailedForGood : JsonStatus::kFailed);
    row.last_error = beginning_of(outcome.failure->error, kJsonErrorBytesMost);
    if (!end.settled) task.next_at = now + outcome.failure->retry_after;
  }
  end.task = std::move(task);
  return end;
}

Result<void> validate_claim(std::string_view owner, std::chrono::seconds lease) {
  if (owner.empty() || owner.size() > 256) return Error::invalid("the owner of a claim has 1 to 256 bytes");
  if (lease < std::chrono::seconds(0) || lease > kWaitMost) return Error::invalid("a lease lasts up to a year");
  return {};
}

Result<void> validate_outcome(const JsonOutcome& outcome) {
  if (outcome.handed_back) {
    if (outcome.failure || !outcome.object_key.empty()) return Error::invalid("a claim handed back has no outcome");
    return {};
  }
  if (!outcome.failure) {
    if (outcome.object_key.empty()) return Error::invalid("JSON that is ready has an object");
    return {};
  }
  const auto pause = outcome.failure->retry_after;
  if (pause < std::chrono::seconds(0) || pause > kWaitMost) return Error::invalid("the next try is due within a year");
  return {};
}

}  // namespace gantry::index

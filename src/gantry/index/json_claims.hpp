#pragma once

// How a series' JSON is claimed, given up and ended (DESIGN §7), for every provider: what becomes of a row of
// dicom_json_meta. A provider finds the rows and writes them.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {

/// A row of dicom_json_meta with the columns of the workers.
struct JsonTask {
  JsonRow row;
  std::string lease_owner;
  Timestamp lease_until, next_at;
};

/// json_status.
enum class JsonStatus : int { kPending = 0, kReady = 1, kFailed = 2, kRunning = 3, kFailedForGood = 4 };

/// How often the JSON of one version of a series is tried.
inline constexpr int kJsonTriesMost = 5;
/// The most series that one call claims.
inline constexpr std::size_t kJsonClaimsMost = 1000;
/// The most of an error's text that is kept, in bytes.
inline constexpr std::size_t kJsonErrorBytesMost = 1000;

enum class JsonStep {
  kClaim,
  kWait,    ///< another worker has it, or its next try is not due
  kGiveUp,  ///< it had all its tries
  kNone,    ///< it is not due; its marker says so wrongly
};
/// What a series with the marker is to get. `task` is null when it has no row.
[[nodiscard]] JsonStep next_step(const StateRow& state, const JsonTask* task, Timestamp now);

/// The row after `owner` claimed it, and after it was given up.
[[nodiscard]] JsonTask claimed(const StateRow& state, const JsonTask* task, std::string_view owner, Timestamp now,
                               std::chrono::seconds lease);
[[nodiscard]] JsonTask given_up(JsonTask task);

/// Whether `owner` still has the claim that it wants to end.
[[nodiscard]] bool has_claim(const JsonTask& task, const JsonOutcome& outcome, std::string_view owner);
/// The same, of whatever version.
[[nodiscard]] bool has_claim(const JsonTask& task, std::string_view owner);
/// Where a series with its marker and its row counts in JsonTotals.
enum class JsonCount { kReady, kPending, kRunning, kFailed, kGivenUp };
void add_to(JsonTotals& totals, JsonCount as);
[[nodiscard]] JsonCount counted_as(std::uint64_t state_version, bool due, const JsonTask* task, Timestamp now);
/// Whether a series whose present version is `state_version` belongs to what the query asks for, its place aside.
[[nodiscard]] bool is_failure(std::uint64_t state_version, const JsonTask& task, const JsonFailureQuery& query);
struct JsonEnd {
  JsonTask task;
  std::string superseded;  ///< the key of an object that nobody needs any more; "": none
  bool settled = false;    ///< the rendered version needs no more work: with it the series is not due
};
[[nodiscard]] JsonEnd ended(JsonTask task, const JsonOutcome& outcome, Timestamp now);

/// kInvalid, saying why.
[[nodiscard]] Result<void> validate_claim(std::string_view owner, std::chrono::seconds lease);
[[nodiscard]] Result<void> validate_outcome(const JsonOutcome& outcome);

}  // namespace gantry::index

#pragma once

// Records of a spool by what they say.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "gantry/audit/record.hpp"
#include "gantry/audit/spool_reader.hpp"
#include "gantry/base/result.hpp"

namespace gantry::audit {

/// All that is given must hold. Times are compared as text: "2026-11-30T16", or any longer beginning of a time in UTC.
struct RecordQuery {
  std::string since, until;  ///< of the beginning: from, and before
  std::string tenant, user, study, operation, outcome, request_id;
  std::uint64_t after = 0;                ///< records that a line up to this one completes are left out
  std::uint64_t bytes_most = UINT64_MAX;  ///< no more of the files is read once so much was
  bool with_open = false;                 ///< also those that have no end yet, last
};
[[nodiscard]] bool meets(const RecordQuery& query, const Record& record);

/// How far a query came.
struct RecordsRead {
  std::uint64_t through = 0;  ///< the last line that was read
  bool all = false;           ///< there was no more to read
};
/// Calls `visit(record, number of the line that completes it)` for each, in the order of completion, until it gives
/// false. Lines that can't be understood are passed over: they are for check_spool() to tell. Errors of the disk.
Result<RecordsRead> for_records(const std::filesystem::path& folder, const RecordQuery& query,
                                const std::function<bool(const Record& record, std::uint64_t line)>& visit);

}  // namespace gantry::audit

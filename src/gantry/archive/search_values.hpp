#pragma once

// Dates, times and their ranges as search keys write them (PS3.4 C.2.2.2.5, PS3.5 §6.2).

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::archive {

/// Both ends inclusive; "" is open.
struct ValueRange {
  std::string from;
  std::string to;
  friend bool operator==(const ValueRange&, const ValueRange&) = default;
};

/// "20240131", "20240131-", "-20240131", "20240101-20240131" with days that exist; the old "2024.01.31" passes, too.
/// One date is the range of itself. kInvalid with what was expected.
[[nodiscard]] Result<ValueRange> parse_date_range(std::string_view value);
/// The same for times: HH, HHMM, HHMMSS or HHMMSS.F to .FFFFFF (colons pass). Both ends come out as HHMMSS.FFFFFF: a
/// short beginning is its first instant, a short end its last ("10-11" ends at 115959.999999).
[[nodiscard]] Result<ValueRange> parse_time_range(std::string_view value);
/// The same for DT (YYYY to YYYYMMDDHHMMSS.FFFFFF, offset &ZZXX ignored): both ends padded to YYYYMMDDHHMMSS.FFFFFF.
[[nodiscard]] Result<ValueRange> parse_date_time_range(std::string_view value);

/// A stored value in the form that ranges compare: nullopt when it is none.
[[nodiscard]] std::optional<std::string> comparable_date(std::string_view value);
[[nodiscard]] std::optional<std::string> comparable_time(std::string_view value);
[[nodiscard]] std::optional<std::string> comparable_date_time(std::string_view value);
[[nodiscard]] bool is_within(const std::string& comparable, const ValueRange& range);

/// The value without leading and trailing spaces and NULs, which mean nothing in a key.
[[nodiscard]] std::string_view trimmed(std::string_view value) noexcept;
/// Splits at any of `separators`; parts are trimmed, empty ones dropped.
[[nodiscard]] std::vector<std::string> split_list(std::string_view value, std::string_view separators);

}  // namespace gantry::archive

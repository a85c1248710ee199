#pragma once

// What is known about each searchable field, and the keys by which dates, times and numbers are compared. One place, so
// that every provider means the same.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"
#include "gantry/index/search_query.hpp"

namespace gantry::index {

enum class FieldKind {
  kText,         ///< compared as it is
  kDescription,  ///< has a folded column
  kName,         ///< a person name; has a folded column
  kUid,
  kDate,
  kTime,
  kNumber,
  kMulti,       ///< values joined by '\'
  kModalities,  ///< the study's modalities
};

using AttributeMember = std::string dicom::QidoAttributes::*;

struct FieldTraits {
  Level level;
  FieldKind kind;
  std::string_view column;  ///< of the level's table
  AttributeMember member;   ///< null for UIDs and what has no place in QidoAttributes
};
[[nodiscard]] const FieldTraits& traits_of(Field field) noexcept;

/// The attributes that a row of each level holds, patient's with the study's.
[[nodiscard]] std::span<const AttributeMember> members_of(Level level) noexcept;
/// Sets the empty attributes of `level` in `into` from `from`: the first instance that has a value gives it.
void fill_attributes(Level level, dicom::QidoAttributes& into, const dicom::QidoAttributes& from);
/// Only the attributes of `level`.
[[nodiscard]] dicom::QidoAttributes attributes_of(Level level, const dicom::QidoAttributes& all);

/// "YYYYMMDD" of a DA value (also of the older "YYYY.MM.DD"); "" when it is none.
[[nodiscard]] std::string date_key(std::string_view date);
/// "HHMMSS.FFFFFF" of a TM value of any precision (also "HH:MM:SS"), missing parts as zero; "" when it is none.
[[nodiscard]] std::string time_key(std::string_view time);
/// The last such key that `time`, as an upper bound of its own precision, still means ("1030" is "103060.999999", leap
/// seconds included).
[[nodiscard]] std::string time_key_upper(std::string_view time);
/// What sorts behind every number: no number.
inline constexpr std::int64_t kNoNumber = std::numeric_limits<std::int64_t>::max();
/// The number of an IS or US value; kNoNumber when it is none.
[[nodiscard]] std::int64_t number_key(std::string_view number);

/// The parts of a value between backslashes, without empty ones.
[[nodiscard]] std::vector<std::string> split_values(std::string_view joined);
[[nodiscard]] std::string join_values(std::span<const std::string> values);

/// The longest text in search columns, in characters; longer ones are found by their beginning.
inline constexpr std::size_t kSearchTextMost = 1024;
/// fold() for the search column of a description.
[[nodiscard]] std::string search_text(std::string_view text);
/// The search column of a person name: its component groups folded, without trailing '^', joined by U+001F.
[[nodiscard]] std::string search_name(std::string_view name);

/// Why no index takes this record; nullopt when nothing is wrong with it.
[[nodiscard]] std::optional<std::string> defect_of(const InstanceRecord& record);

/// kInvalid, saying why, when the query is none: fields of lower levels, missing values, bounds that are no dates …
[[nodiscard]] Result<void> validate(const SearchQuery& query);

/// {from, to} of a kRange as keys, "" is open.
struct KeyRange {
  std::string from, to;
};
[[nodiscard]] KeyRange key_range(const Match& match);

/// Objects that were replaced are unlinked when readers have finished (DESIGN §4).
inline constexpr std::chrono::minutes kReplacedGrace{10};
/// A commit refuses what began to persist longer ago (DESIGN §4).
inline constexpr std::chrono::hours kPersistMost{1};
inline constexpr std::size_t kBatchMost = 64;

}  // namespace gantry::index

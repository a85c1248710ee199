#pragma once

// A search in the index's own words (DESIGN §5): what QIDO-RS and C-FIND keys become.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gantry/base/ids.hpp"

namespace gantry::index {

struct SearchRow;

enum class Level { kStudy, kSeries, kInstance };

/// Everything that has a column. The names are those of dicom::QidoAttributes.
enum class Field {
  // study level
  kStudyUid, kPatientId, kPatientName, kPatientSex, kPatientBirthDate, kPatientBirthTime, kStudyDate, kStudyTime,
  kAccessionNumber, kStudyId, kStudyDescription, kReferringPhysicianName,
  kModalitiesInStudy,  ///< a study matches when one of its series has the modality
  // series level
  kSeriesUid, kModality, kSeriesNumber, kSeriesDate, kSeriesTime, kSeriesDescription, kBodyPartExamined, kProtocolName,
  kPerformedProcedureStepStartDate, kPerformedProcedureStepStartTime, kScheduledProcedureStepId, kRequestedProcedureId,
  // instance level
  kSopUid, kSopClassUid, kInstanceNumber, kNumberOfFrames, kRows, kColumns, kBitsAllocated, kContentDate, kContentTime,
  kTransferSyntaxUid,
};

[[nodiscard]] Level level_of(Field field) noexcept;

/// One condition; a query's conditions are joined by AND.
struct Match {
  enum class Kind {
    kAnyOf,  ///< equals one of `values`, case-sensitive; a multi-valued column by any of its values; numbers by value
    kWildcard,  ///< `values[0]` with '*' and '?' (everything else literal), case-sensitive
    kFolded,    ///< `values[0]` with '*' and '?' against the folded column: case and accents don't count (descriptions)
    kName,      ///< the same for person names, by component group: the pattern's groups ("a=i=p") each match theirs; a
                ///< pattern without '=' matches any group; trailing '^' don't count
    kFuzzyName,  ///< kName, or near it: words in any order, by their beginnings, with typos (fuzzy_name.hpp)
    kRange,  ///< `values` = {from, to}, inclusive, "" is open: dates YYYYMMDD, times HHMMSS.FFFFFF; empty columns don't
             ///< match
    kDateTimeRange,  ///< {from date, from time, to date, to time} over `field` (a date) and `time_field` combined
    kEmpty,          ///< the attribute is absent or empty
  };
  Field field{};
  Kind kind = Kind::kAnyOf;
  std::vector<std::string> values;
  Field time_field{};  ///< kDateTimeRange only
};

struct Order {
  Field field;
  bool descending = false;
};

struct SearchQuery {
  Level level = Level::kStudy;
  std::optional<StudyUid> study;    ///< scope
  std::optional<SeriesUid> series;  ///< scope
  std::optional<SopUid> sop;        ///< scope
  /// Conditions on fields of this level and of those above. Fields of a level below are refused with kInvalid, but for
  /// kModalitiesInStudy.
  std::vector<Match> matches;
  /// Before the default order, which makes it total: studies by date and time descending, then UID; below a study by
  /// series number, series UID, instance number, SOP UID (numbers as numbers, absent ones last).
  std::vector<Order> order;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit;
  bool with_attributes = false;
  bool with_location = false;  ///< instance level
  /// Only hits behind this place in the default order, which is then the order: values of the fields that
  /// place_fields() names. Not with `order`.
  std::vector<std::string> after;
};

/// What says a hit's place in the default order of a level: its date, time and number fields compare by their keys.
[[nodiscard]] std::span<const Field> place_fields(Level level) noexcept;
/// The place of a hit, as keys, of the lowest level that the row has.
[[nodiscard]] std::vector<std::string> place_of(const SearchRow& row);

}  // namespace gantry::index

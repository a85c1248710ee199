#pragma once

// A Match as SQL: asked of a row, and looked up among the terms.

#include <optional>
#include <string>

#include "gantry/index/records.hpp"
#include "gantry/index/search_query.hpp"
#include "gantry/index/sql/dialect.hpp"
#include "gantry/index/sql/tables.hpp"

namespace gantry::index::sql {

/// "st.", "se." or "im.": the table of a level.
[[nodiscard]] std::string_view alias_of(Level level) noexcept;
/// The condition over the columns of a row. False when `sql` was left a condition that every row meets, because the
/// database can't say the match: then ask the hits by meets_unwritten().
bool write_condition(Text& sql, const Match& match);
/// A match that write_condition() could not write, asked of a hit.
[[nodiscard]] bool meets_unwritten(const SearchRow& row, const Match& match);

/// What dicom_term can say about a match: every study that meets it has such a term.
struct TermLookup {
  Term kind{};
  bool of_study = true;              ///< false: a term of series
  std::vector<std::string> equal;    ///< the term is one of these; else:
  std::string from, below, through;  ///< "" is open; `below` excludes, `through` includes
  std::string pattern;               ///< for `check`
  enum class Check { kNone, kWildcard, kFolded, kName, kFuzzyName } check = Check::kNone;
};
/// Its terms are those that the dialect's keys hold.
[[nodiscard]] std::optional<TermLookup> term_lookup(const Dialect& dialect, const Match& match);
void write_lookup(Text& sql, const TermLookup& lookup);

}  // namespace gantry::index::sql

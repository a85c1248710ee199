#include "gantry/index/sql/conditions.hpp"

#include <algorithm>

#include "gantry/index/fields.hpp"
#include "gantry/index/fold.hpp"
#include "gantry/index/fuzzy_name.hpp"
#include "gantry/index/wildcard.hpp"

namespace gantry::index::sql {
namespace {

using Kind = Match::Kind;

std::string column_of(Field field) {
  const FieldTraits& traits = traits_of(field);
  return std::string(alias_of(traits.level)).append(traits.column);
}

void write_in(Text& sql, const std::string& column, const std::vector<Value>& values) {
  sql << column;
  if (values.size() == 1) {
    sql << " = ";
    sql.bind(values[0]);
    return;
  }
  sql << " IN (";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) sql << ", ";
    sql.bind(values[i]);
  }
  sql << ")";
}

// Dates, times and numbers are compared by what they mean; what means nothing, by its text.
void write_any_of_keys(Text& sql, const Match& match, FieldKind kind) {
  std::vector<Value> keys, texts;
  for (const std::string& value : match.values) {
    if (kind == FieldKind::kNumber) {
      const auto number = number_key(value);
      number == kNoNumber ? texts.emplace_back(value) : keys.emplace_back(number);
    } else {
      const std::string key = kind == FieldKind::kDate ? date_key(value) : time_key(value);
      key.empty() ? texts.emplace_back(value) : keys.emplace_back(key);
    }
  }
  sql << "(";
  if (!keys.empty()) write_in(sql, column_of(match.field) + "_key", keys);
  if (!keys.empty() && !texts.empty()) sql << " OR ";
  if (!texts.empty()) write_in(sql, column_of(match.field), texts);
  sql << ")";
}

void write_any_of(Text& sql, const Match& match) {
  const FieldKind kind = traits_of(match.field).kind;
  const std::string column = column_of(match.field);
  if (kind == FieldKind::kDate || kind == FieldKind::kTime || kind == FieldKind::kNumber) {
    return write_any_of_keys(sql, match, kind);
  }
  if (kind == FieldKind::kMulti || kind == FieldKind::kModalities) {
    sql << "(";
    for (std::size_t i = 0; i < match.values.size(); ++i) {
      if (i > 0) sql << " OR ";
      sql.dialect().has_value(sql, column, match.values[i]);
    }
    sql << ")";
    return;
  }
  write_in(sql, column, std::vector<Value>(match.values.begin(), match.values.end()));
}

void write_range(Text& sql, const Match& match) {
  const std::string key = column_of(match.field) + "_key";
  const KeyRange range = key_range(match);
  sql << "(";
  if (range.from.empty()) {
    sql << key << " <> ''";
  } else {
    sql << key << " >= ";
    sql.bind(range.from);
  }
  if (!range.to.empty()) {
    sql << " AND " << key << " <= ";
    sql.bind(range.to);
  }
  sql << ")";
}

// A row without a time is there all day. The dates alone stand beside the whole, for the index.
void write_date_time_range(Text& sql, const Match& match) {
  const std::string date = column_of(match.field) + "_key";
  const std::string time = column_of(match.time_field) + "_key";
  const auto at = [&](const std::string& missing) {
    return date + " || CASE WHEN " + time + " = '' THEN '" + missing + "' ELSE " + time + " END";
  };
  const std::string from = date_key(match.values[0]), to = date_key(match.values[2]);
  sql << "(" << date << " <> ''";
  if (!from.empty()) {
    sql << " AND " << date << " >= ";
    sql.bind(from);
    sql << " AND " << at(time_key_upper("23")) << " >= ";
    sql.bind(from + time_key(match.values[1].empty() ? "00" : match.values[1]));
  }
  if (!to.empty()) {
    sql << " AND " << date << " <= ";
    sql.bind(to);
    sql << " AND " << at(time_key("00")) << " <= ";
    sql.bind(to + time_key_upper(match.values[3].empty() ? "23" : match.values[3]));
  }
  sql << ")";
}

struct TermField {
  Field field;
  Term kind;
};
constexpr TermField kTermFields[] = {
    {Field::kPatientId, Term::kPatientId},
    {Field::kAccessionNumber, Term::kAccessionNumber},
    {Field::kStudyId, Term::kStudyId},
    {Field::kPatientName, Term::kPatientName},
    {Field::kReferringPhysicianName, Term::kReferringPhysician},
    {Field::kStudyDescription, Term::kStudyDescription},
    {Field::kModalitiesInStudy, Term::kModality},
    {Field::kModality, Term::kModality},
    {Field::kPatientBirthDate, Term::kPatientBirthDate},
    {Field::kSeriesDescription, Term::kSeriesDescription},
    {Field::kBodyPartExamined, Term::kBodyPart},
    {Field::kProtocolName, Term::kProtocolName},
    {Field::kScheduledProcedureStepId, Term::kScheduledStepId},
    {Field::kRequestedProcedureId, Term::kRequestedProcedureId},
    {Field::kPerformedProcedureStepStartDate, Term::kPerformedStepDate},
};

bool lookup_any_of(TermLookup& lookup, const Match& match, FieldKind kind) {
  for (const std::string& value : match.values) {
    std::string term = value;
    if (kind == FieldKind::kDescription) term = search_text(value);
    if (kind == FieldKind::kDate) term = date_key(value);
    // A modality with a backslash is several terms; names have theirs by group. Both are asked of rows only.
    if (term.empty() || kind == FieldKind::kName || term.find('\\') != std::string::npos) return false;
    lookup.equal.push_back(std::move(term));
  }
  return true;
}

bool lookup_wildcard(TermLookup& lookup, const Match& match, FieldKind kind) {
  const std::string& pattern = match.values[0];
  if (kind != FieldKind::kText && kind != FieldKind::kMulti && kind != FieldKind::kModalities) return false;
  if (matches_wildcard(pattern, "") || pattern.find('\\') != std::string::npos) return false;
  const std::string prefix(wildcard_prefix(pattern));
  if (prefix.size() == pattern.size()) {
    lookup.equal.push_back(pattern);
    return true;
  }
  lookup.from = prefix;
  lookup.below = after_prefix(prefix);
  lookup.pattern = pattern;
  lookup.check = TermLookup::Check::kWildcard;
  return true;
}

bool lookup_folded(TermLookup& lookup, const Match& match, FieldKind kind) {
  if (kind != FieldKind::kDescription) return false;
  const FoldedPattern pattern(match.values[0]);
  if (pattern.matches("")) return false;
  if (!pattern.has_wildcards()) {
    lookup.equal.emplace_back(pattern.prefix());
    return true;
  }
  lookup.from = pattern.prefix();
  lookup.below = after_prefix(lookup.from);
  lookup.pattern = match.values[0];
  if (!pattern.is_prefix_only()) lookup.check = TermLookup::Check::kFolded;
  return true;
}

bool lookup_name(TermLookup& lookup, const Match& match) {
  const NamePattern pattern(match.values[0]);
  std::size_t group = 0;
  while (group < pattern.groups().size() && pattern.is_universal(group)) ++group;
  if (group == pattern.groups().size()) return false;
  const FoldedPattern& folded = pattern.groups()[group];
  if (folded.matches(std::string(folded.carets(), '^'))) return false;  // also meets names without this group
  lookup.from = folded.prefix();
  while (!lookup.from.empty() && lookup.from.back() == '^') lookup.from.pop_back();
  if (!folded.has_wildcards()) {
    lookup.equal.push_back(std::exchange(lookup.from, {}));
    return true;
  }
  lookup.below = after_prefix(lookup.from);
  std::string_view source = match.values[0];
  for (std::size_t i = 0; i < group; ++i) source.remove_prefix(source.find('=') + 1);
  lookup.pattern = source.substr(0, source.find('='));
  if (!folded.is_prefix_only() || folded.carets() > 0) lookup.check = TermLookup::Check::kName;
  return true;
}

bool lookup_fuzzy_name(TermLookup& lookup, const Match& match) {
  const NamePattern pattern(match.values[0]);
  std::size_t group = 0;
  while (group < pattern.groups().size() && pattern.is_universal(group)) ++group;
  if (group == pattern.groups().size()) return false;
  const FoldedPattern& folded = pattern.groups()[group];
  if (folded.matches(std::string(folded.carets(), '^'))) return false;  // also meets names without this group
  std::string_view source = match.values[0];
  for (std::size_t i = 0; i < group; ++i) source.remove_prefix(source.find('=') + 1);
  lookup.pattern = source.substr(0, source.find('='));
  lookup.check = TermLookup::Check::kFuzzyName;
  return true;
}

// As far as the database can say it: the literal match, or of each word some anchor.
void write_near_name(Text& sql, std::string_view text, const std::string& pattern) {
  const Dialect& dialect = sql.dialect();
  const FuzzyName fuzzy(pattern);
  sql << "(";
  dialect.person_name(sql, text, pattern);
  if (!fuzzy.words().empty()) {
    sql << " OR (";
    bool first = true;
    for (const FuzzyName::Word& word : fuzzy.words()) {
      sql << (first ? "(" : " AND (");
      for (std::size_t i = 0; i < word.anchors.size(); ++i) {
        if (i > 0) sql << " OR ";
        dialect.folded(sql, text, "*" + word.anchors[i] + "*");
      }
      sql << ")";
      first = false;
    }
    sql << ")";
  }
  sql << ")";
}

}  // namespace

std::string_view alias_of(Level level) noexcept {
  switch (level) {
    case Level::kStudy: return "st.";
    case Level::kSeries: return "se.";
    case Level::kInstance: break;
  }
  return "im.";
}

bool write_condition(Text& sql, const Match& match) {
  const FieldTraits& traits = traits_of(match.field);
  const std::string column = column_of(match.field);
  const Dialect& dialect = sql.dialect();
  switch (match.kind) {
    case Kind::kAnyOf: write_any_of(sql, match); break;
    case Kind::kWildcard:
      if (traits.kind == FieldKind::kMulti || traits.kind == FieldKind::kModalities) {
        dialect.has_like(sql, column, match.values[0]);
      } else {
        dialect.wildcard(sql, column, match.values[0]);
      }
      break;
    case Kind::kFolded:
      if (traits.kind == FieldKind::kDescription) {
        dialect.folded(sql, column + "_fold", match.values[0]);
      } else if (!dialect.folding(sql, column, match.values[0])) {
        sql << "1 = 1";
        return false;
      }
      break;
    case Kind::kName: dialect.person_name(sql, column + "_fold", match.values[0]); break;
    case Kind::kFuzzyName:
      if (dialect.fuzzy_name(sql, column + "_fold", match.values[0])) break;
      write_near_name(sql, column + "_fold", match.values[0]);
      return false;
    case Kind::kRange: write_range(sql, match); break;
    case Kind::kDateTimeRange: write_date_time_range(sql, match); break;
    case Kind::kEmpty: sql << column << " = ''"; break;
  }
  return true;
}

bool meets_unwritten(const SearchRow& row, const Match& match) {
  const FieldTraits& traits = traits_of(match.field);
  const dicom::QidoAttributes& attributes = traits.level == Level::kStudy    ? row.study.attributes
                                            : traits.level == Level::kSeries ? row.series->attributes
                                                                             : row.instance->attributes;
  const std::string& value = attributes.*traits.member;
  if (match.kind == Kind::kFuzzyName) return FuzzyName(match.values[0]).matches(search_name(value));
  return FoldedPattern(match.values[0]).matches(search_text(value));
}

std::optional<TermLookup> term_lookup(const Dialect& dialect, const Match& match) {
  const auto* const found = std::find_if(std::begin(kTermFields), std::end(kTermFields),
                                         [&](const TermField& entry) { return entry.field == match.field; });
  if (found == std::end(kTermFields)) return std::nullopt;
  TermLookup lookup;
  lookup.kind = found->kind;
  lookup.of_study = static_cast<int>(found->kind) < static_cast<int>(Term::kSeriesDescription);
  // A study-level term is made of the whole value, whatever it holds; the modality of a series by its values.
  const FieldKind kind = match.field == Field::kModality ? FieldKind::kModalities : traits_of(match.field).kind;
  bool usable = false;
  switch (match.kind) {
    case Kind::kAnyOf: usable = lookup_any_of(lookup, match, kind); break;
    case Kind::kWildcard: usable = match.field != Field::kModality && lookup_wildcard(lookup, match, kind); break;
    case Kind::kFolded: usable = lookup_folded(lookup, match, kind); break;
    case Kind::kName: usable = lookup_name(lookup, match); break;
    case Kind::kFuzzyName: usable = lookup_fuzzy_name(lookup, match); break;
    case Kind::kRange:
      if (kind == FieldKind::kDate) {
        const KeyRange range = key_range(match);
        lookup.from = range.from;
        lookup.through = range.to;
        usable = true;
      }
      break;
    case Kind::kDateTimeRange:
    case Kind::kEmpty: break;
  }
  if (!usable) return std::nullopt;
  // What keys hold of long terms bounds them well enough: rows are asked again.
  for (std::string& term : lookup.equal) term = term_key(dialect, term);
  if (match.kind != Kind::kRange && !lookup.from.empty()) {
    lookup.from = term_key(dialect, lookup.from);
    lookup.below = after_prefix(lookup.from);
  }
  return lookup;
}

void write_lookup(Text& sql, const TermLookup& lookup) {
  sql << "t.kind = ";
  sql.bind(std::int64_t{static_cast<int>(lookup.kind)});
  if (!lookup.equal.empty()) {
    sql << " AND ";
    write_in(sql, "t.term", std::vector<Value>(lookup.equal.begin(), lookup.equal.end()));
    return;
  }
  const auto bound = [&sql](std::string_view comparison, const std::string& value) {
    if (value.empty()) return;
    sql << comparison;
    sql.bind(value);
  };
  bound(" AND t.term >= ", lookup.from);
  bound(" AND t.term < ", lookup.below);
  bound(" AND t.term <= ", lookup.through);
  if (lookup.check == TermLookup::Check::kNone) return;
  const Dialect& dialect = sql.dialect();
  sql << " AND (";
  switch (lookup.check) {
    case TermLookup::Check::kNone: break;
    case TermLookup::Check::kWildcard: dialect.wildcard(sql, "t.term", lookup.pattern); break;
    case TermLookup::Check::kFolded: dialect.folded(sql, "t.term", lookup.pattern); break;
    case TermLookup::Check::kName: dialect.person_name(sql, "t.term", lookup.pattern); break;
    case TermLookup::Check::kFuzzyName:
      if (!dialect.fuzzy_name(sql, "t.term", lookup.pattern)) write_near_name(sql, "t.term", lookup.pattern);
      break;
  }
  if (dialect.term_bytes_most() != SIZE_MAX) sql << " OR " << dialect.is_cut("t.term");
  sql << ")";
}

}  // namespace gantry::index::sql

#include "gantry/index/sql/search_plan.hpp"

#include <algorithm>
#include <array>

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/conditions.hpp"

namespace gantry::index::sql {
namespace {

using A = dicom::QidoAttributes;

constexpr SelectColumn kStudySelect[] = {
    {"study_uid"},
    {"modalities_in_study"},
    {"study_related_series"},
    {"study_related_instances"},
    {"version"},
    {"created_time"},
    {"updated_time"},
    {"patient_id", &A::patient_id},
    {"patient_name", &A::patient_name},
    {"patient_sex", &A::patient_sex},
    {"patient_birth_date", &A::patient_birth_date},
    {"patient_birth_time", &A::patient_birth_time},
    {"patient_age", &A::patient_age},
    {"patient_size", &A::patient_size},
    {"patient_weight", &A::patient_weight},
    {"study_date", &A::study_date},
    {"study_time", &A::study_time},
    {"accession_number", &A::accession_number},
    {"study_id", &A::study_id},
    {"study_description", &A::study_description},
    {"referring_physician_name", &A::referring_physician_name},
    {"timezone_offset", &A::timezone_offset},
};
constexpr SelectColumn kSeriesSelect[] = {
    {"series_uid"},
    {"instances"},
    {"version"},
    {"created_time"},
    {"updated_time"},
    {"modality", &A::modality},
    {"series_number", &A::series_number},
    {"series_date", &A::series_date},
    {"series_time", &A::series_time},
    {"series_description", &A::series_description},
    {"body_part_examined", &A::body_part_examined},
    {"protocol_name", &A::protocol_name},
    {"performed_procedure_step_start_date", &A::performed_procedure_step_start_date},
    {"performed_procedure_step_start_time", &A::performed_procedure_step_start_time},
    {"scheduled_procedure_step_ids", &A::scheduled_procedure_step_ids},
    {"requested_procedure_ids", &A::requested_procedure_ids},
};
constexpr SelectColumn kInstanceSelect[] = {
    {"sop_uid"},
    {"sop_class"},
    {"transfer_syntax"},
    {"version"},
    {"instance_number", &A::instance_number},
    {"number_of_frames", &A::number_of_frames},
    {"image_rows", &A::rows},
    {"image_columns", &A::columns},
    {"bits_allocated", &A::bits_allocated},
    {"content_date", &A::content_date},
    {"content_time", &A::content_time},
};

constexpr std::array kLevels{Level::kStudy, Level::kSeries, Level::kInstance};

std::string order_key(Field field) {
  const FieldTraits& traits = traits_of(field);
  std::string column = std::string(alias_of(traits.level)).append(traits.column);
  switch (traits.kind) {
    case FieldKind::kDate:
    case FieldKind::kTime:
    case FieldKind::kNumber: return column + "_key";
    case FieldKind::kName:
    case FieldKind::kDescription: return column + "_fold";
    default: return column;
  }
}

/// How much a single term narrows a search: ids of a study or patient at once, modalities only when nothing else does.
int rank_of(Term kind) {
  switch (kind) {
    case Term::kAccessionNumber: return 0;
    case Term::kPatientId: return 1;
    case Term::kStudyId: return 2;
    case Term::kPatientName: return 3;
    case Term::kPatientBirthDate: return 4;
    case Term::kReferringPhysician: return 5;
    case Term::kStudyDescription: return 6;
    default: return 7;
  }
}
constexpr int kWeakRank = 7;

void deduplicate(std::vector<std::string>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

std::span<const SelectColumn> select_columns(Level level) noexcept {
  switch (level) {
    case Level::kStudy: return kStudySelect;
    case Level::kSeries: return kSeriesSelect;
    case Level::kInstance: break;
  }
  return kInstanceSelect;
}

Result<SearchPlan> SearchPlan::make(const Dialect& dialect, const TenantId& tenant, const SearchQuery& query,
                                    const Probe& probe) {
  SearchPlan plan(dialect, tenant, query);
  for (const Match& match : query.matches) {
    Text unused(dialect);
    if (!write_condition(unused, match)) plan.unwritten_.push_back(&match);
  }
  GANTRY_TRY(plan.choose(probe));
  return plan;
}

Result<void> SearchPlan::choose(const Probe& probe) {
  if (query_.study) return {};
  GANTRY_LET(const bool by_uid, choose_uids(probe));
  if (by_uid) return {};
  int best = kWeakRank + 1;
  for (const Match& match : query_.matches) {
    const auto lookup = term_lookup(dialect_, match);
    if (!lookup || !lookup->of_study || lookup->equal.size() != 1 || rank_of(lookup->kind) >= best) continue;
    best = rank_of(lookup->kind);
    walk_ = {lookup->kind, lookup->equal[0]};
  }
  if (best < kWeakRank) return {};
  GANTRY_LET(const bool probed, choose_probed(probe));
  if (probed) walk_.reset();
  return {};
}

// UIDs say the studies: those given, or those that hold the series or instances given.
Result<bool> SearchPlan::choose_uids(const Probe& probe) {
  const auto look_up = [&](const Table& table, std::string_view column,
                           const std::vector<std::string>& uids) -> Result<bool> {
    if (uids.size() > kProbeMost) return false;
    Text sql(dialect_);
    sql << "SELECT x.study_uid FROM ";  // DISTINCT would lure planners to an index in the order of studies
    dialect_.array_rows(sql, uids);
    sql << " k" << dialect_.ordered_join() << table.name << " x WHERE x.tenant_id = ";
    sql.bind(tenant_.str()) << " AND x." << column << " = k.value";
    // Also keeps SQLite from walking all of a tenant's series in an index that would hold all else it asks for.
    if (&table == &kStateTable) sql << " AND x.instances > 0";
    sql << " LIMIT " << std::to_string(kProbeMost + 1);
    GANTRY_LET(std::vector<std::string> found, probe(sql));
    if (found.size() > kProbeMost) return false;
    deduplicate(found);
    studies_ = std::move(found);
    return true;
  };
  for (const Match& match : query_.matches) {
    if (match.kind != Match::Kind::kAnyOf) continue;
    if (match.field == Field::kStudyUid) {
      studies_ = match.values;
      deduplicate(*studies_);
      return true;
    }
    if (match.field == Field::kSeriesUid) return look_up(kStateTable, "series_uid", match.values);
    if (match.field == Field::kSopUid) return look_up(kImageTable, "sop_uid", match.values);
  }
  if (query_.sop) return look_up(kImageTable, "sop_uid", {query_.sop->str()});
  if (query_.series) return look_up(kStateTable, "series_uid", {query_.series->str()});
  return false;
}

// True when something was found to be narrow: `studies_` is set, or the walk over a range of dates is short.
Result<bool> SearchPlan::choose_probed(const Probe& probe) {
  std::vector<TermLookup> lookups;
  for (const Match& match : query_.matches) {
    auto lookup = term_lookup(dialect_, match);
    const bool walked = lookup && walk_ && lookup->kind == walk_->kind && lookup->equal.size() == 1;
    if (lookup && !walked) lookups.push_back(*std::move(lookup));
  }
  if (lookups.empty()) return false;  // whatever the dates say, there is nothing better than a walk
  for (const Match& match : query_.matches) {
    const bool by_date = match.field == Field::kStudyDate &&
                         (match.kind == Match::Kind::kRange || match.kind == Match::Kind::kDateTimeRange ||
                          match.kind == Match::Kind::kAnyOf);
    if (!by_date) continue;
    Text sql(dialect_);
    sql << "SELECT st.study_uid FROM dicom_study_meta st WHERE st.tenant_id = ";
    sql.bind(tenant_.str()) << " AND ";
    write_condition(sql, match);
    sql << " LIMIT " << std::to_string(kProbeMost + 1);
    GANTRY_LET(const std::vector<std::string> found, probe(sql));
    if (found.size() <= kProbeMost) return true;
  }
  for (const TermLookup& lookup : lookups) {
    Text sql(dialect_);
    // What is found twice counts twice: to tell that, a database may read all before it looks at the limit.
    sql << "SELECT t.study_uid FROM dicom_term t WHERE t.tenant_id = ";
    sql.bind(tenant_.str()) << " AND ";
    write_lookup(sql, lookup);
    sql << " LIMIT " << std::to_string(kProbeMost + 1);
    GANTRY_LET(std::vector<std::string> found, probe(sql));
    if (found.size() > kProbeMost) continue;
    deduplicate(found);
    studies_ = std::move(found);
    return true;
  }
  return false;
}

void SearchPlan::write_from(Text& sql) const {
  sql << " FROM ";
  if (studies_) {
    dialect_.array_rows(sql, *studies_);
    sql << " k" << dialect_.ordered_join();
  }
  if (walk_) sql << "dicom_term t" << dialect_.ordered_join();
  sql << "dicom_study_meta st";
  if (query_.level >= Level::kSeries) sql << dialect_.ordered_join() << "dicom_state_meta se";
  if (query_.level == Level::kInstance) sql << dialect_.ordered_join() << "dicom_image_meta im";
}

void SearchPlan::write_where(Text& sql) const {
  sql << " WHERE st.tenant_id = ";
  sql.bind(tenant_.str());
  if (studies_) sql << " AND st.study_uid = k.value";
  if (walk_) {
    sql << " AND st.study_uid = t.study_uid AND t.tenant_id = ";
    sql.bind(tenant_.str()) << " AND t.kind = ";
    sql.bind(std::int64_t{static_cast<int>(walk_->kind)}) << " AND t.term = ";
    sql.bind(walk_->term);
  }
  if (query_.study) {
    sql << " AND st.study_uid = ";
    sql.bind(query_.study->str());
  }
  if (query_.level >= Level::kSeries) {
    sql << " AND se.tenant_id = ";
    sql.bind(tenant_.str()) << " AND se.study_uid = st.study_uid AND se.instances > 0";
    if (query_.series) {
      sql << " AND se.series_uid = ";
      sql.bind(query_.series->str());
    }
  }
  if (query_.level == Level::kInstance) {
    sql << " AND im.tenant_id = ";
    sql.bind(tenant_.str()) << " AND im.study_uid = se.study_uid AND im.series_uid = se.series_uid";
    if (query_.sop) {
      sql << " AND im.sop_uid = ";
      sql.bind(query_.sop->str());
    }
  }
  if (!query_.after.empty()) write_after(sql);
  for (const Match& match : query_.matches) {
    sql << " AND ";
    write_condition(sql, match);
    // The dates of a walk's own rows bound it, too.
    if (!walk_ || match.field != Field::kStudyDate || match.kind != Match::Kind::kRange) continue;
    const KeyRange range = key_range(match);
    if (!range.from.empty()) {
      sql << " AND t.study_date_key >= ";
      sql.bind(range.from);
    }
    if (!range.to.empty()) {
      sql << " AND t.study_date_key <= ";
      sql.bind(range.to);
    }
  }
}

// The default order from left to right: a place is behind another in the first column that differs. The date stands
// beside the whole, for the index.
void SearchPlan::write_after(Text& sql) const {
  struct Column {
    std::string name;
    std::string_view behind;
    Value value;
  };
  const std::string studies = walk_ ? "t." : "st.";
  const auto& after = query_.after;
  std::vector<Column> columns{{studies + "study_date_key", " < ", date_key(after[0])},
                              {studies + "study_time_key", " < ", time_key(after[1])},
                              {studies + "study_uid", " > ", after[2]}};
  if (query_.level >= Level::kSeries) {
    columns.push_back({"se.series_number_key", " > ", number_key(after[3])});
    columns.push_back({"se.series_uid", " > ", after[4]});
  }
  if (query_.level == Level::kInstance) {
    columns.push_back({"im.instance_number_key", " > ", number_key(after[5])});
    columns.push_back({"im.sop_uid", " > ", after[6]});
  }
  sql << " AND " << columns[0].name << " <= ";
  sql.bind(columns[0].value) << " AND (";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    sql << columns[i].name << columns[i].behind;
    sql.bind(columns[i].value);
    if (i + 1 == columns.size()) break;
    sql << " OR (" << columns[i].name << " = ";
    sql.bind(columns[i].value) << " AND (";
  }
  sql << std::string(2 * (columns.size() - 1) + 1, ')');
}

void SearchPlan::write_order(Text& sql) const {
  sql << " ORDER BY ";
  for (const Order& order : query_.order) {
    const std::string key = order_key(order.field);
    const bool number = traits_of(order.field).kind == FieldKind::kNumber;
    if (number && order.descending) sql << key << " = " << std::to_string(kNoNumber) << ", ";
    sql << key << (order.descending ? " DESC, " : ", ");
  }
  const std::string_view studies = walk_ ? "t." : "st.";
  const bool one_study = query_.study && !walk_;  // its series are in order by themselves
  if (one_study && query_.level >= Level::kSeries) {
    sql << "se.series_number_key, se.series_uid";
    if (query_.level == Level::kInstance) sql << ", im.instance_number_key, im.sop_uid";
    return;
  }
  if (one_study) {
    sql << "st.study_uid";
    return;
  }
  // A list is looked up and sorted. As an expression, so that no planner walks all studies in this order instead.
  sql << studies << (studies_ ? "study_date_key || '' DESC, " : "study_date_key DESC, ");
  sql << studies << "study_time_key DESC, " << studies << "study_uid";
  // The rest of the walk's key, the same in all its rows: so the order is known to be that of the key, and kept below.
  if (walk_) sql << ", t.series_uid";
  if (query_.level >= Level::kSeries) sql << ", se.series_number_key, se.series_uid";
  if (query_.level == Level::kInstance) sql << ", im.instance_number_key, im.sop_uid";
}

Text SearchPlan::select() const {
  Text sql(dialect_);
  sql << "SELECT ";
  bool first = true;
  for (const Level level : kLevels) {
    if (level > query_.level) break;
    for (const SelectColumn& column : select_columns(level)) {
      sql << (first ? "" : ", ") << alias_of(level) << column.name;
      first = false;
    }
  }
  const bool instances = query_.level == Level::kInstance;
  if (instances && query_.with_location) sql << ", im.object_key, im.size, im.file_sha256, im.frame_index";
  if (query_.with_attributes) sql << (instances ? ", im.attributes" : ", fi.attributes");
  write_from(sql);
  if (query_.with_attributes && !instances) {
    sql << " LEFT JOIN dicom_image_meta fi ON fi.tenant_id = st.tenant_id AND fi.study_uid = st.study_uid AND "
        << (query_.level == Level::kStudy ? "fi.series_uid = st.first_series_uid AND fi.sop_uid = st.first_sop_uid"
                                          : "fi.series_uid = se.series_uid AND fi.sop_uid = se.first_sop_uid");
  }
  write_where(sql);
  write_order(sql);
  if (!unwritten_.empty()) return sql;
  // Clients ask for few different limits, and a planner that sees the number keeps its plan: PostgreSQL plans a
  // statement anew each time whose limit is a parameter.
  if (query_.limit) {
    sql << " LIMIT " << std::to_string(std::min<std::uint64_t>(*query_.limit, INT64_MAX));
  } else if (query_.offset > 0) {
    sql << " LIMIT " << dialect_.no_limit();
  }
  if (query_.offset > 0) {
    sql << " OFFSET ";
    sql.bind(static_cast<std::int64_t>(std::min<std::uint64_t>(query_.offset, INT64_MAX)));
  }
  return sql;
}

Text SearchPlan::count(std::uint64_t most) const {
  Text sql(dialect_);
  sql << "SELECT COUNT(*) FROM (SELECT 1";
  write_from(sql);
  write_where(sql);
  sql << " LIMIT ";
  sql.bind(static_cast<std::int64_t>(std::min<std::uint64_t>(most, INT64_MAX - 1) + 1)) << ") hits";
  return sql;
}

}  // namespace gantry::index::sql

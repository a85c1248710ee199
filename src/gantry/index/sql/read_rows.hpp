#pragma once

// Values of the port from rows of any SQL database. A Row has text(i), view(i), integer(i), count(i) and time(i).

#include "gantry/index/fields.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/search_plan.hpp"

namespace gantry::index::sql {

/// state_row_columns(), from column `first`.
template <class Row>
StateRow read_state_row(const Row& row, int first) {
  StateRow state;
  for (const auto& [name, member] : state_columns()) state.*member = row.text(first++);
  state.series_related_instances = row.count(first);
  state.created_time = row.time(first + 1);
  state.updated_time = row.time(first + 2);
  state.version = row.count(first + 3);
  return state;
}

/// series_columns().
template <class Row>
SeriesState read_series_state(const Dialect& dialect, const Row& row) {
  SeriesState series;
  series.existed = true;
  series.state = read_state_row(row, 0);
  series.attributes.performed_procedure_step_start_date = row.text(30);
  series.attributes.performed_procedure_step_start_time = row.text(31);
  series.attributes.scheduled_procedure_step_ids = row.text(32);
  series.attributes.requested_procedure_ids = row.text(33);
  series.instances = row.count(34);
  series.first_sop = row.text(35);
  if (series.instances > 0) series.terms = terms_of(dialect, series);
  return series;
}

/// study_columns().
template <class Row>
StudyState read_study_state(const Dialect& dialect, const Row& row) {
  StudyState study;
  study.existed = true;
  for (auto& modality : split_values(row.view(1))) study.modalities.insert(std::move(modality));
  study.series = row.count(2);
  study.instances = row.count(3);
  study.version = row.count(4);
  study.first_series = row.text(5);
  study.first_sop = row.text(6);
  study.created = row.time(7);
  int column = 8;
  for (const auto& [name, member] : select_columns(Level::kStudy)) {
    if (member != nullptr) study.attributes.*member = row.text(column++);
  }
  study.terms = terms_of(dialect, row.text(0), study);
  return study;
}

template <class Row, class Target>
int read_attributes(const Row& row, Level level, int column, Target& target) {
  for (const auto& [name, member] : select_columns(level)) {
    if (member != nullptr) target.attributes.*member = row.text(column++);
  }
  return column;
}

/// The columns of SearchPlan::select().
template <class Row>
SearchRow read_search_row(const Row& row, const SearchQuery& asked) {
  SearchRow hit;
  hit.study.study = StudyUid(row.text(0));
  hit.study.modalities = split_values(row.view(1));
  hit.study.series_count = row.count(2);
  hit.study.instance_count = row.count(3);
  hit.study.version = row.count(4);
  hit.study.created = row.time(5);
  hit.study.updated = row.time(6);
  int column = read_attributes(row, Level::kStudy, 7, hit.study);
  if (asked.level >= Level::kSeries) {
    SeriesRow& series = hit.series.emplace();
    series.series = SeriesUid(row.text(column));
    series.instance_count = row.count(column + 1);
    series.version = row.count(column + 2);
    series.created = row.time(column + 3);
    series.updated = row.time(column + 4);
    column = read_attributes(row, Level::kSeries, column + 5, series);
  }
  if (asked.level == Level::kInstance) {
    InstanceRow& instance = hit.instance.emplace();
    instance.sop = SopUid(row.text(column));
    instance.sop_class = row.text(column + 1);
    instance.transfer_syntax = row.text(column + 2);
    instance.version = row.count(column + 3);
    column = read_attributes(row, Level::kInstance, column + 4, instance);
    if (asked.with_location) {
      instance.location = Location{ObjectKey(row.text(column)), row.count(column + 1), sha256_of(row.view(column + 2)),
                                   row.text(column + 3)};
      column += 4;
    }
  }
  if (asked.with_attributes) hit.attributes_zstd = row.text(column);
  return hit;
}

}  // namespace gantry::index::sql

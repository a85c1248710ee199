#include "gantry/index/sql/commit_run.hpp"

#include <algorithm>

#include "gantry/base/context.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/index/sql/audit_rows.hpp"
#include "gantry/index/sql/tables.hpp"
#include "gantry/index/state_row.hpp"

namespace gantry::index::sql {
namespace {

using Outcome = Committed::Outcome;

bool exceeds(std::uint64_t quota, std::uint64_t have, std::uint64_t freed, std::uint64_t added) {
  return quota != 0 && added > freed && have - freed + added > quota;
}

const char* word_of(Change::Action action) {
  switch (action) {
    case Change::Action::kStored: return audit_action::kStored;
    case Change::Action::kReplaced: return audit_action::kReplaced;
    case Change::Action::kDeleted: break;
  }
  return audit_action::kDeleted;
}

bool is_too_late(const InstanceRecord& record) { return Clock::now() - record.persist_began > kPersistMost; }

}  // namespace

Result<bool> CommitRun::open(const CommitStore::Wanted& wanted) {
  GANTRY_LET(const std::optional<TenantRow> row, store_.begin(wanted, loaded_));
  if (!row) return false;
  row_ = *row;
  now_ = row->now;
  asked_studies_ = wanted.studies;
  asked_series_ = wanted.series;
  return true;
}

Result<void> CommitRun::need(const CommitStore::Wanted& wanted) {
  // What is to be dropped must be gone before it can be read as absent.
  if (!writes_.dropped_series.empty() || !writes_.dropped_studies.empty()) GANTRY_TRY(flush());
  CommitStore::Wanted missing;
  for (const auto& uid : wanted.studies) {
    if (asked_studies_.insert(uid).second) missing.studies.insert(uid);
  }
  for (const auto& key : wanted.series) {
    if (asked_series_.insert(key).second) missing.series.insert(key);
  }
  if (missing.empty()) return {};
  return store_.load(missing, loaded_);
}

Result<StudyState*> CommitRun::study(const std::string& uid) {
  CommitStore::Wanted wanted;
  wanted.studies.insert(uid);
  GANTRY_TRY(need(wanted));
  touched_studies_.insert(uid);
  const auto [at, is_new] = loaded_.studies.try_emplace(uid);
  if (is_new) at->second.created = now_;
  return &at->second;
}

Result<SeriesState*> CommitRun::series(const std::string& study, const std::string& uid) {
  const SeriesKey key(study, uid);
  CommitStore::Wanted wanted;
  wanted.series.insert(key);
  GANTRY_TRY(need(wanted));
  touched_series_.insert(key);
  const auto [at, is_new] = loaded_.series.try_emplace(key);
  SeriesState& series = at->second;
  if (is_new) {
    series.state.tenant_id = tenant_.str();
    series.state.study_uid = study;
    series.state.series_uid = uid;
    series.state.study_uid_hash = uid_hash(study);
    series.state.series_uid_hash = uid_hash(uid);
    series.state.created_time = now_;
  }
  return &series;
}

Result<std::vector<Committed>> CommitRun::commit(std::span<const InstanceRecord> batch, ConflictPolicy policy) {
  CommitStore::Wanted wanted;
  for (const InstanceRecord& record : batch) {
    if (is_too_late(record) || defect_of(record)) continue;
    wanted.sops.insert(record.sop.str());
    wanted.object_keys.insert(record.object_key.str());
    wanted.studies.insert(record.study.str());
    wanted.series.emplace(record.study.str(), record.series.str());
  }
  GANTRY_LET(const bool found, open(wanted));
  if (!found || row_.state != TenantState::kActive) {
    return std::vector<Committed>(batch.size(), Committed{Outcome::kNoTenant, 0, {}, {}});
  }
  std::vector<Committed> outcomes;
  const Actor committer = actor_;
  for (const InstanceRecord& record : batch) {
    actor_ = record.actor.value_or(committer);
    GANTRY_LET(Committed outcome, commit_one(record, policy));
    outcomes.push_back(std::move(outcome));
  }
  const bool changed = std::any_of(outcomes.begin(), outcomes.end(), [](const auto& o) { return o.version != 0; });
  if (!changed) return outcomes;
  planned_ = std::move(outcomes);
  GANTRY_TRY(finish());
  return std::move(planned_);
}

Result<Committed> CommitRun::commit_one(const InstanceRecord& record, ConflictPolicy policy) {
  if (is_too_late(record)) return Committed{Outcome::kTooLate, 0, {}, {}};
  if (auto defect = defect_of(record)) return Committed{Outcome::kRejected, 0, *std::move(defect), {}};
  const auto found = loaded_.presents.find(record.sop.str());
  const std::optional<Present> present = found == loaded_.presents.end() ? std::nullopt : std::optional(found->second);
  if (present) {
    if (present->study == record.study && present->series == record.series &&
        present->transfer_syntax == record.transfer_syntax && present->dataset_sha256 == record.dataset_sha256) {
      settled_.insert(record.sop.str());
      return Committed{Outcome::kUnchanged, 0, {}, {}};
    }
    if (policy == ConflictPolicy::kIgnore) return Committed{Outcome::kIgnored, 0, {}, {}};
    if (policy == ConflictPolicy::kReject || settled_.contains(record.sop.str())) {
      return Committed{Outcome::kConflict, 0, {}, {}};
    }
  }
  const std::uint64_t freed = present ? present->size : 0;
  if (exceeds(row_.quota_bytes, row_.bytes, freed, record.size) ||
      exceeds(row_.quota_instances, row_.instances, present ? 1 : 0, 1)) {
    return Committed{Outcome::kNoQuota, 0, {}, {}};
  }
  if (loaded_.used_keys.contains(record.object_key.str())) {
    return Committed{Outcome::kRejected, 0, "the object key is in use", {}};
  }
  const bool moves = present && (present->study != record.study || present->series != record.series);
  if (moves) {
    GANTRY_LET(const std::uint64_t gone, take(present->study, present->series, record.sop, now_ + kReplacedGrace));
    (void)gone;
  }
  const std::uint64_t version = row_.change_no + 1;
  std::string why;
  GANTRY_LET(const bool written, write_instance(record, version, why));
  if (!written) {
    if (moves) return Error::internal("a row that replaces another one was refused: " + why);
    return Committed{Outcome::kRejected, 0, std::move(why), {}};
  }
  row_.change_no = version;
  if (present && !moves) {
    queue_object(present->object_key, now_ + kReplacedGrace);
    row_.bytes -= present->size;
    --row_.instances;
  }
  GANTRY_TRY(count_in(record, version, !present || moves));
  add_change(version, present ? Change::Action::kReplaced : Change::Action::kStored, record.study.view(),
             record.series.view(), record.sop.view());
  settled_.insert(record.sop.str());
  loaded_.used_keys.insert(record.object_key.str());
  loaded_.presents.insert_or_assign(
      record.sop.str(), Present{record.study, record.series, record.transfer_syntax, record.object_key.str(),
                                record.dataset_sha256, record.size});
  Committed committed{present ? Outcome::kReplaced : Outcome::kStored, version, {}, {}};
  if (moves) committed.moved_from = Committed::Place{present->study, present->series};
  return committed;
}

Result<bool> CommitRun::write_instance(const InstanceRecord& record, std::uint64_t version, std::string& why) {
  CellRow cells = instance_cells(tenant_, record, version, now_);
  if (store_.writes_instances_at_once()) return store_.write_instance(cells, why);
  writes_.instances.push_back(std::move(cells));
  return true;
}

Result<void> CommitRun::count_in(const InstanceRecord& record, std::uint64_t version, bool is_new) {
  GANTRY_LET(StudyState* const study, this->study(record.study.str()));
  GANTRY_LET(SeriesState* const series, this->series(record.study.str(), record.series.str()));
  if (is_new) {
    if (study->instances++ == 0) ++row_.studies;
    if (series->instances++ == 0) {
      ++study->series;
      ++row_.series;
      // The row may come from the six calls: from here on it counts, with the modality it has.
      study->recount_modalities = study->recount_modalities || series->existed;
    }
  } else {
    // What only the replaced bytes said goes with them.
    if (series->instances == 1) {
      for (const auto& [column, attribute] : kStateMembers) (series->state.*column).clear();
      series->state.study_date_origin.clear();
      series->attributes = {};
      study->recount_modalities = true;
    }
    if (study->instances == 1) study->attributes = {};
  }
  row_.bytes += record.size;
  ++row_.instances;
  fill_attributes(Level::kStudy, study->attributes, record.attributes);
  fill_state(series->state, record.attributes);
  fill_attributes(Level::kSeries, series->attributes, record.attributes);
  for (auto& modality : split_values(series->state.modality)) study->modalities.insert(std::move(modality));
  if (study->first_sop.empty()) {
    study->first_series = record.series.str();
    study->first_sop = record.sop.str();
  }
  if (series->first_sop.empty()) series->first_sop = record.sop.str();
  series->state.series_related_instances = series->instances;
  series->state.version = version;
  series->state.updated_time = now_;
  study->version = version;
  return {};
}

void CommitRun::queue_object(const std::string& key, Timestamp due) {
  writes_.queue.push_back(queue_cells(tenant_, key, due));
  loaded_.used_keys.insert(key);
}

void CommitRun::add_change(std::uint64_t version, Change::Action action, std::string_view study,
                           std::string_view series, std::string_view sop) {
  const Change change{version, action, StudyUid(std::string(study)), SeriesUid(std::string(series)),
                      SopUid(std::string(sop)), now_};
  writes_.changes.push_back(change_cells(tenant_, change));
  put_audit({word_of(action), actor_, change.study, change.series, change.sop, version, {}});
}

void CommitRun::put_audit(AuditEntry entry) {
  writes_.audits.push_back(audit_cells(tenant_, next_audit_row(row_.audit, now_, std::move(entry))));
}

Result<std::uint64_t> CommitRun::add_audit(const AuditEntry& entry) {
  GANTRY_LET(const bool found, open({}));
  if (!found) return std::uint64_t{0};
  put_audit(entry);
  GANTRY_TRY(finish());
  return row_.audit.number;
}

Result<bool> CommitRun::save_states(std::span<const StateRow> states) {
  CommitStore::Wanted wanted;
  for (const StateRow& state : states) {
    wanted.studies.insert(state.study_uid);
    wanted.series.emplace(state.study_uid, state.series_uid);
  }
  GANTRY_LET(const bool found, open(wanted));
  if (!found) return false;
  for (const StateRow& state : states) GANTRY_TRY(save_state(state));
  GANTRY_TRY(finish());
  return true;
}

Result<void> CommitRun::save_state(const StateRow& state) {
  const bool is_again = touched_series_.contains({state.study_uid, state.series_uid});
  GANTRY_LET(SeriesState* const series, this->series(state.study_uid, state.series_uid));
  const Timestamp created = series->existed || is_again         ? series->state.created_time
                            : state.created_time == Timestamp{} ? now_
                                                                : state.created_time;
  series->state = state;
  series->state.tenant_id = tenant_.str();
  series->state.created_time = created;
  series->state.updated_time = state.updated_time == Timestamp{} ? now_ : state.updated_time;
  series->state.version = ++row_.change_no;
  if (!loaded_.studies.contains(state.study_uid)) return {};  // no instance, no study
  GANTRY_LET(StudyState* const study, this->study(state.study_uid));
  study->version = row_.change_no;
  if (series->instances > 0) study->recount_modalities = true;
  return {};
}

void CommitRun::put_terms(std::set<TermRow>& old_terms, std::set<TermRow> terms) {
  for (const TermRow& term : old_terms) {
    if (!terms.contains(term)) writes_.terms_out.push_back(term_cells(tenant_, term));
  }
  for (const TermRow& term : terms) {
    if (!old_terms.contains(term)) writes_.terms_in.push_back(term_cells(tenant_, term));
  }
  old_terms = std::move(terms);
}

void CommitRun::put_series(SeriesState& series) {
  writes_.series.push_back(series_cells(series));
  // Rows without instances are found by no search.
  put_terms(series.terms, series.instances > 0 ? terms_of(store_.dialect(), series) : std::set<TermRow>());
}

Result<void> CommitRun::put_studies() {
  const bool recounts = std::any_of(touched_studies_.begin(), touched_studies_.end(), [this](const std::string& uid) {
    return loaded_.studies.at(uid).recount_modalities;
  });
  if (recounts) {
    GANTRY_TRY(store_.write(writes_));
    writes_ = {};
    writes_.objects_due = now_ + kReplacedGrace;
  }
  for (const std::string& uid : touched_studies_) {
    StudyState& study = loaded_.studies.at(uid);
    if (study.recount_modalities) {
      study.modalities.clear();
      GANTRY_LET(const std::vector<std::string> modalities, store_.modalities_of(uid));
      for (const auto& value : modalities) {
        for (auto& modality : split_values(value)) study.modalities.insert(std::move(modality));
      }
    }
    writes_.studies.push_back(study_cells(tenant_, uid, study, now_));
    put_terms(study.terms, terms_of(store_.dialect(), uid, study));
  }
  return {};
}

Result<void> CommitRun::flush() {
  writes_.objects_due = now_ + kReplacedGrace;
  for (const SeriesKey& key : touched_series_) put_series(loaded_.series.at(key));
  GANTRY_TRY(put_studies());
  if (!writes_.empty()) GANTRY_TRY(store_.write(writes_));
  writes_ = {};
  touched_series_.clear();
  touched_studies_.clear();
  asked_series_.clear();
  asked_studies_.clear();
  loaded_.series.clear();
  loaded_.studies.clear();
  return {};
}

Result<void> CommitRun::finish() {
  writes_.objects_due = now_ + kReplacedGrace;
  for (const SeriesKey& key : touched_series_) put_series(loaded_.series.at(key));
  GANTRY_TRY(put_studies());
  writes_.tenant = row_;
  return store_.finish(writes_);
}

}  // namespace gantry::index::sql

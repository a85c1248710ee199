// The part of CommitRun that removes.

#include "gantry/index/sql/commit_run.hpp"

namespace gantry::index::sql {

Result<std::uint64_t> CommitRun::remove(const StudyUid& study, const std::optional<SeriesUid>& series,
                                        const std::optional<SopUid>& sop, std::chrono::seconds object_grace) {
  GANTRY_LET(const bool found, open({}));
  if (!found) return std::uint64_t{0};
  GANTRY_LET(const std::uint64_t gone, take(study, series, sop, now_ + object_grace));
  if (gone > 0) GANTRY_TRY(finish());
  return gone;
}

Result<std::uint64_t> CommitRun::take(const StudyUid& study, const std::optional<SeriesUid>& series,
                                      const std::optional<SopUid>& sop, Timestamp due) {
  GANTRY_TRY(flush());  // from here on the tables say all
  CommitStore::Scope scope{study.str(), {}, {}};
  if (series) scope.series = series->str();
  if (sop) scope.sop = sop->str();
  GANTRY_LET(const std::vector<CommitStore::Gone> gone, store_.take_instances(scope, due));
  if (gone.empty()) return std::uint64_t{0};
  CommitStore::Wanted wanted;
  wanted.studies.insert(study.str());
  for (const auto& each : gone) wanted.series.emplace(study.str(), each.series);
  GANTRY_TRY(need(wanted));
  const auto study_at = loaded_.studies.find(study.str());
  if (study_at == loaded_.studies.end()) return Error::internal("instances without their study's row; run fsck");
  StudyState rest = std::move(study_at->second);
  const std::uint64_t version = ++row_.change_no;
  std::uint64_t total = 0;
  for (const auto& [uid, instances, bytes] : gone) {
    total += instances;
    row_.instances -= instances;
    row_.bytes -= bytes;
    rest.instances -= instances;
    const SeriesKey key(study.str(), uid);
    const auto series_at = loaded_.series.find(key);
    if (series_at == loaded_.series.end()) return Error::internal("instances without their series' row; run fsck");
    SeriesState& each = series_at->second;
    each.instances -= instances;
    each.state.series_related_instances = each.instances;
    each.state.version = version;
    each.state.updated_time = now_;
    if (each.instances > 0) {
      if (sop && each.first_sop == sop->str()) {
        GANTRY_LET(each.first_sop, store_.first_instance(key));
      }
      touched_series_.insert(key);
      continue;
    }
    --rest.series;
    --row_.series;
    rest.recount_modalities = true;
    put_terms(each.terms, {});
    writes_.dropped_series.push_back(key);
    loaded_.series.erase(series_at);
  }
  rest.version = version;
  const std::string_view series_uid = series ? series->view() : sop ? std::string_view(gone[0].series) : "";
  add_change(version, Change::Action::kDeleted, study.view(), series_uid, sop ? sop->view() : "");
  loaded_.studies.erase(study_at);
  if (sop) loaded_.presents.erase(sop->str());
  GANTRY_TRY(after_removal(study.str(), rest));
  return total;
}

// What is left of a study: nothing, or a row with another first instance.
Result<void> CommitRun::after_removal(const std::string& uid, StudyState& rest) {
  if (rest.instances == 0) {
    --row_.studies;
    put_terms(rest.terms, {});
    writes_.dropped_studies.push_back(uid);  // the six calls' series rows go with the study
    return {};
  }
  GANTRY_TRY(flush());
  GANTRY_LET(const auto first, store_.next_first_of(uid, {rest.first_series, rest.first_sop}));
  if (first) std::tie(rest.first_series, rest.first_sop) = *first;
  asked_studies_.insert(uid);
  touched_studies_.insert(uid);
  loaded_.studies.insert_or_assign(uid, std::move(rest));
  return {};
}

}  // namespace gantry::index::sql

#include "gantry/archive/shared_studies.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <simdjson.h>

#include "gantry/base/json_text.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/cache/keys.hpp"

namespace gantry::archive {
namespace {

using index::StateRow;

/// Longer ones are read from the index each time: a value takes part of a cache that all tenants share.
constexpr std::size_t kRowsTextMost = 1U << 20;

struct Column {
  const char* name;
  std::string StateRow::*member;
};
constexpr std::array kColumns{
    Column{"tenant_id", &StateRow::tenant_id},
    Column{"patient_id", &StateRow::patient_id},
    Column{"study_uid", &StateRow::study_uid},
    Column{"series_uid", &StateRow::series_uid},
    Column{"study_uid_hash", &StateRow::study_uid_hash},
    Column{"series_uid_hash", &StateRow::series_uid_hash},
    Column{"study_date_origin", &StateRow::study_date_origin},
    Column{"patient_name", &StateRow::patient_name},
    Column{"patient_sex", &StateRow::patient_sex},
    Column{"patient_birth_date", &StateRow::patient_birth_date},
    Column{"patient_birth_time", &StateRow::patient_birth_time},
    Column{"patient_age", &StateRow::patient_age},
    Column{"patient_size", &StateRow::patient_size},
    Column{"patient_weight", &StateRow::patient_weight},
    Column{"study_date", &StateRow::study_date},
    Column{"study_time", &StateRow::study_time},
    Column{"accession_number", &StateRow::accession_number},
    Column{"study_id", &StateRow::study_id},
    Column{"study_description", &StateRow::study_description},
    Column{"modality", &StateRow::modality},
    Column{"series_number", &StateRow::series_number},
    Column{"series_date", &StateRow::series_date},
    Column{"series_time", &StateRow::series_time},
    Column{"series_description", &StateRow::series_description},
    Column{"body_part_examined", &StateRow::body_part_examined},
    Column{"protocol_name", &StateRow::protocol_name},
};

std::string mark_name(const TenantId& tenant, const StudyUid& study) { return tenant.str() + '/' + study.str(); }

void append_number(std::string& text, const char* name, std::int64_t value) {
  text.append(",\"").append(name).append("\":").append(std::to_string(value));
}

}  // namespace

std::vector<SeriesEntry> series_entries(std::span<const StateRow> states, std::span<const index::JsonRow> jsons) {
  std::vector<SeriesEntry> entries;
  for (const StateRow& state : states) {
    if (state.series_related_instances == 0) continue;
    const auto json = std::find_if(jsons.begin(), jsons.end(), [&state](const auto& row) {
      return row.series_uid == state.series_uid && row.version == state.version;
    });
    entries.push_back(
        {SeriesUid(state.series_uid), state.version, ObjectKey(json == jsons.end() ? "" : json->object_key)});
  }
  return entries;
}

std::string study_rows_text(std::uint64_t version, std::span<const StateRow> states,
                            std::span<const index::JsonRow> jsons) {
  const auto entries = series_entries(states, jsons);
  auto entry = entries.begin();
  std::string series = "\"series\":[";
  for (const StateRow& state : states) {
    if (state.series_related_instances == 0) continue;
    series += series.back() == '[' ? "{" : ",{";
    for (const auto& [name, member] : kColumns) {
      if (name != kColumns[0].name) series += ',';
      series.append("\"").append(name).append("\":");
      append_json_string(series, as_utf8(state.*member));
    }
    append_number(series, "series_related_instances", static_cast<std::int64_t>(state.series_related_instances));
    append_number(series, "created_time", state.created_time.time_since_epoch().count());
    append_number(series, "updated_time", state.updated_time.time_since_epoch().count());
    append_number(series, "version", static_cast<std::int64_t>(state.version));
    series += ",\"json_object\":";
    append_json_string(series, entry++->object.view());
    series += '}';
  }
  return cache::versioned_text(version, series + "]");
}

std::optional<std::vector<SeriesEntry>> read_study_rows(std::string_view text, const TenantId& tenant,
                                                        const StudyUid& study) {
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(simdjson::padded_string(text))["series"].get(list) != simdjson::SUCCESS) return std::nullopt;
  std::vector<SeriesEntry> entries;
  for (const auto item : list) {
    std::string_view uid, object;
    std::uint64_t version = 0;
    if (item["series_uid"].get(uid) != simdjson::SUCCESS || item["version"].get(version) != simdjson::SUCCESS ||
        item["json_object"].get(object) != simdjson::SUCCESS || !is_valid_uid(uid)) {
      return std::nullopt;
    }
    // Whoever writes to the cache must not choose what a tenant reads.
    const std::string folder = tenant.str() + '/' + uid_hash(study.view()) + '/' + uid_hash(uid) + '/';
    if (!object.empty() && !object.starts_with(folder)) return std::nullopt;
    entries.push_back({SeriesUid(std::string(uid)), version, ObjectKey(std::string(object))});
  }
  return entries;
}

std::optional<std::vector<SeriesEntry>> SharedStudies::rows(const RequestContext& ctx, const StudyUid& study,
                                                            std::uint64_t version) {
  if (cache_ == nullptr) return std::nullopt;
  const std::string key = cache::study_rows_key(ctx.tenant, study);
  const auto found = cache_->get(ctx, std::span(&key, 1));
  if (!found || !(*found)[0] || (*found)[0]->version != version || cache::is_tombstone((*found)[0]->text)) {
    return std::nullopt;
  }
  return read_study_rows((*found)[0]->text, ctx.tenant, study);
}

void SharedStudies::remember_rows(const RequestContext& ctx, const StudyUid& study, std::uint64_t version,
                                  std::span<const StateRow> states, std::span<const index::JsonRow> jsons) {
  if (cache_ == nullptr) return;
  const cache::SharedCache::Entry entry{cache::study_rows_key(ctx.tenant, study), version,
                                        study_rows_text(version, states, jsons), lives_.study};
  // Whether it was kept is the cache's affair, and counted there.
  if (entry.text.size() <= kRowsTextMost) (void)cache_->put(ctx, std::span(&entry, 1));
}

void SharedStudies::forget(const TenantId& tenant) {
  const std::string prefix = tenant.str() + '/';
  const std::scoped_lock lock(mutex_);
  std::erase_if(by_age_, [&](const std::string& name) { return name.starts_with(prefix) && marks_.erase(name) > 0; });
}

std::optional<std::uint64_t> SharedStudies::absent_at(const TenantId& tenant, const StudyUid& study) {
  const std::scoped_lock lock(mutex_);
  const auto found = marks_.find(mark_name(tenant, study));
  return found == marks_.end() ? std::nullopt : std::optional(found->second.change_no);
}

bool SharedStudies::is_absent(const RequestContext& ctx, const StudyUid& study, std::uint64_t change_no) {
  if (absent_at(ctx.tenant, study) == change_no) return true;
  if (cache_ == nullptr) return false;
  const std::string key = cache::absence_key(ctx.tenant, study);
  const auto found = cache_->get(ctx, std::span(&key, 1));
  if (!found || !(*found)[0] || (*found)[0]->version != change_no) return false;
  remember_absent(ctx.tenant, study, change_no);
  return true;
}

bool SharedStudies::remember_absent(const TenantId& tenant, const StudyUid& study, std::uint64_t change_no) {
  std::string name = mark_name(tenant, study);
  const std::scoped_lock lock(mutex_);
  const auto [at, is_new] = marks_.try_emplace(name);
  if (!is_new && at->second.change_no == change_no) return false;
  if (is_new) {
    at->second.age = by_age_.insert(by_age_.end(), std::move(name));
  } else {
    by_age_.splice(by_age_.end(), by_age_, at->second.age);
  }
  at->second.change_no = change_no;
  while (marks_.size() > kMarksMost) {
    marks_.erase(by_age_.front());
    by_age_.pop_front();
  }
  return true;
}

void SharedStudies::share_absent(const RequestContext& ctx, const StudyUid& study, std::uint64_t change_no) {
  if (cache_ == nullptr) return;
  // More than its version, so that it is no tombstone: those stand for nothing.
  const cache::SharedCache::Entry entry{cache::absence_key(ctx.tenant, study), change_no,
                                        cache::versioned_text(change_no, R"("absent":true)"), lives_.absence};
  (void)cache_->put(ctx, std::span(&entry, 1));
}

}  // namespace gantry::archive

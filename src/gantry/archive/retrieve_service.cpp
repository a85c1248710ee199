#include "gantry/archive/retrieve_service.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/build_document.hpp"
#include "gantry/archive/row_cursor.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::archive {
namespace {

/// Each is an open file of this answer; the metadata of a study with more comes from the rows.
constexpr std::size_t kPreparedSeriesMost = 256;
/// A study with more is sent from the rows while it is not prepared, so that its first byte does not wait for all.
constexpr std::uint64_t kBuiltInstancesMost = 5000;
/// A built document lies on the disk until it is forgotten: so many of its bytes cost as much as one in memory.
constexpr std::uint64_t kBuiltShare = 16;
/// How often, and how many times, a reader looks whether the worker that generates the same has it.
constexpr std::chrono::milliseconds kBetweenLooks{20};
constexpr int kLooksMost = 10;

Error no_instance() { return Error::not_found("there is no such instance"); }
Error no_series_or_study(bool series) {
  return Error::not_found(series ? "there is no such series" : "there is no such study");
}

/// Who may see one study alone finds no other (RequestContext::only_study).
bool sees(const RequestContext& ctx, const StudyUid& study) { return !ctx.only_study || *ctx.only_study == study; }

using ListCursor = RowCursor<ListedInstance>;

Result<std::optional<ListedInstance>> listed(index::SearchRow&& row) {
  if (!row.series || !row.instance || !row.instance->location) {
    return Error::internal("the index gave an instance without its location");
  }
  ListedInstance instance;
  instance.series = std::move(row.series->series);
  instance.sop = std::move(row.instance->sop);
  instance.transfer_syntax = std::move(row.instance->transfer_syntax);
  instance.object_key = std::move(row.instance->location->object_key);
  instance.size = row.instance->location->size;
  return std::optional(std::move(instance));
}

std::size_t size_of(const ListedInstance& instance) {
  return instance.series.str().size() + instance.sop.str().size() + instance.object_key.str().size();
}

class MoreInstances final : public Puller<ListedInstance> {
 public:
  explicit MoreInstances(std::unique_ptr<ListCursor> cursor) : cursor_(std::move(cursor)) {}
  Result<std::optional<ListedInstance>> next() override { return cursor_->next(); }

 private:
  std::unique_ptr<ListCursor> cursor_;
};

/// Keeps the compressed form; one instance's JSON is in memory at a time.
class StoredJson final : public Puller<std::string> {
 public:
  StoredJson(index::InstanceIndex& index, const RequestContext& ctx, index::SearchQuery query)
      : cursor_(
            index, ctx, std::move(query),
            [](index::SearchRow&& row) -> Result<std::optional<std::string>> {
              return std::optional(std::move(row.attributes_zstd));
            },
            [](const std::string& compressed) { return compressed.size(); }, {}) {}

  Result<void> begin() { return cursor_.begin(); }
  [[nodiscard]] bool empty() const { return cursor_.page().empty(); }

  Result<std::optional<std::string>> next() override {
    GANTRY_LET(const auto compressed, cursor_.next());
    if (!compressed) return std::optional<std::string>();
    GANTRY_LET(auto json, decompress_attributes(*compressed));
    return std::optional(std::move(json));
  }

 private:
  RowCursor<std::string> cursor_;
};

index::SearchQuery instances_of(const StudyUid& study, const std::optional<SeriesUid>& series) {
  index::SearchQuery query;
  query.level = index::Level::kInstance;
  query.study = study;
  query.series = series;
  return query;
}

}  // namespace

RetrieveService::RetrieveService(index::InstanceIndex& index, storage::ObjectStore& objects, Sharing sharing,
                                 StudyCacheLimits cache)
    : index_(index),
      objects_(objects),
      versions_(sharing.versions),
      sharing_(sharing),
      cache_(cache),
      prepared_(cache) {}

Task<Result<bool>> RetrieveService::is_current(index::VersionKey key, std::uint64_t version,
                                               std::atomic<std::uint64_t>& confirmed_at) {
  const index::VersionKey tenant{key.tenant, {}, {}, {}};
  std::vector<index::VersionKey> keys{tenant};
  // While nothing of the tenant changes its number alone is asked for, which all requests share.
  if (confirmed_at == 0 || versions_->is_busy(key.tenant)) keys.push_back(key);
  auto now = co_await versions_->read(keys);
  if (!now) co_return now.error();
  // A tenant without a change number has nothing: what is 0 on both sides confirms nothing.
  if (const auto before = confirmed_at.load(); before != 0 && (*now)[0] == before) co_return true;
  if (keys.size() == 1) {
    keys.push_back(std::move(key));
    now = co_await versions_->read(std::move(keys));
    if (!now) co_return now.error();
  }
  if ((*now)[1] == 0) co_return Error::not_found("it is gone");
  if ((*now)[1] != version) co_return false;
  confirmed_at = (*now)[0];
  co_return true;
}

Task<Result<InstancePtr>> RetrieveService::find(const RequestContext& ctx, const StudyUid& study,
                                                const SeriesUid& series, const SopUid& sop) {
  if (!sees(ctx, study)) co_return no_instance();
  InstancePtr found = cache_.find(ctx.tenant, study, series, sop);
  if (!found || versions_ == nullptr) co_return found;
  index::VersionKey key{ctx.tenant, study, series, sop};
  const auto current = co_await is_current(std::move(key), found->version, found->confirmed_at);
  if (!current && current.error().kind() == ErrorKind::kNotFound) co_return no_instance();
  if (!current) co_return current.error();
  co_return *current ? found : nullptr;
}

Result<InstancePtr> RetrieveService::locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                            const SopUid& sop, InstancePtr found) {
  if (!sees(ctx, study)) return no_instance();
  const std::uint64_t epoch = cache_.epoch(ctx.tenant, study);
  // Looked for again after the epoch: what was found before that may have been forgotten since.
  if (versions_ == nullptr) found = cache_.find(ctx.tenant, study, series, sop);
  if (found && found->file) return found;
  if (found) {
    auto file = objects_.open(ctx, found->object_key);
    if (file && (*file)->size() == found->size) {
      InstancePtr again = with_file(*found, *std::move(file));
      cache_.put(ctx.tenant, again, epoch);
      return again;
    }
  }
  // An object that is gone was replaced or deleted between the two reads: the index knows by now (DESIGN §4).
  auto instance = locate_once(ctx, study, series, sop, cache_.epoch(ctx.tenant, study));
  if (!instance && instance.error().kind() == ErrorKind::kNotFound) {
    instance = locate_once(ctx, study, series, sop, cache_.epoch(ctx.tenant, study));
  }
  if (instance && *instance == nullptr) return no_instance();
  return instance;
}

Result<InstancePtr> RetrieveService::locate_once(const RequestContext& ctx, const StudyUid& study,
                                                 const SeriesUid& series, const SopUid& sop, std::uint64_t epoch) {
  GANTRY_LET(auto located, index_.locate(ctx, study, series, sop));
  if (!located || !located->instance.location) return InstancePtr();
  auto& location = *located->instance.location;
  // An object's key is used once: what was made of it before is right as long as the row names it.
  auto known = cache_.find(ctx.tenant, study, series, sop);
  if (known && known->file && known->object_key == location.object_key && known->version == located->version) {
    return known;
  }
  auto instance = std::make_shared<LocatedInstance>();
  GANTRY_LET(auto layout, dicom::decode_layout(location.frame_index));
  instance->layout = std::make_shared<const dicom::Layout>(std::move(layout));
  GANTRY_LET(instance->file, objects_.open(ctx, location.object_key));
  instance->study = study;
  instance->series = series;
  instance->sop = sop;
  instance->sop_class = std::move(located->instance.sop_class);
  instance->transfer_syntax = std::move(located->instance.transfer_syntax);
  instance->object_key = std::move(location.object_key);
  instance->size = location.size;
  instance->version = located->version;
  if (instance->file->size() != instance->size) {
    return Error::internal("object " + instance->object_key.str() + " has not the size that its row says");
  }
  cache_.put(ctx.tenant, instance, epoch);
  return InstancePtr(std::move(instance));
}

Result<std::uint64_t> RetrieveService::version(const RequestContext& ctx, const StudyUid& study,
                                               const std::optional<SeriesUid>& series) {
  if (!sees(ctx, study)) return no_series_or_study(series.has_value());
  GANTRY_LET(const auto version, index_.version_of(ctx, study, series));
  if (!version) return no_series_or_study(series.has_value());
  return *version;
}

Result<InstanceList> RetrieveService::instances(const RequestContext& ctx, const StudyUid& study,
                                                const std::optional<SeriesUid>& series) {
  if (!sees(ctx, study)) return no_series_or_study(series.has_value());
  auto query = instances_of(study, series);
  query.with_location = true;
  auto cursor = std::make_unique<ListCursor>(index_, ctx, std::move(query), listed, size_of, ListCursor::Options{});
  GANTRY_TRY(cursor->begin());
  InstanceList list;
  list.first.reserve(cursor->page().size());
  while (!cursor->page().empty()) {
    GANTRY_LET(auto instance, cursor->next());
    list.first.push_back(*std::move(instance));
  }
  if (list.first.empty()) return no_series_or_study(series.has_value());
  if (!cursor->exhausted()) list.more = std::make_shared<MoreInstances>(std::move(cursor));
  return list;
}

Result<std::shared_ptr<const OpenFile>> RetrieveService::open(const RequestContext& ctx,
                                                              const ListedInstance& instance) {
  GANTRY_LET(auto file, objects_.open(ctx, instance.object_key));
  if (file->size() != instance.size) {
    return Error::internal("object " + instance.object_key.str() + " has not the size that its row says");
  }
  return file;
}

Result<std::shared_ptr<Puller<std::string>>> RetrieveService::metadata(const RequestContext& ctx, const StudyUid& study,
                                                                       const std::optional<SeriesUid>& series,
                                                                       const std::optional<SopUid>& sop) {
  if (!sees(ctx, study)) return sop ? no_instance() : no_series_or_study(series.has_value());
  auto query = instances_of(study, series);
  query.sop = sop;
  query.with_attributes = true;
  auto rows = std::make_shared<StoredJson>(index_, ctx, std::move(query));
  GANTRY_TRY(rows->begin());
  if (rows->empty()) return sop ? no_instance() : no_series_or_study(series.has_value());
  return std::shared_ptr<Puller<std::string>>(std::move(rows));
}

Task<Result<RetrieveService::KnownMetadata>> RetrieveService::find_metadata(const RequestContext& ctx,
                                                                            const StudyUid& study,
                                                                            const std::optional<SeriesUid>& series) {
  if (!sees(ctx, study)) co_return no_series_or_study(series.has_value());
  KnownMetadata known;
  known.prepared = prepared_.find(ctx.tenant, study, series.value_or(SeriesUid()), SopUid());
  if (versions_ == nullptr) co_return known;
  index::VersionKey key{ctx.tenant, study, series.value_or(SeriesUid()), {}};
  if (known.prepared) {
    const auto current = co_await is_current(key, known.prepared->version, known.prepared->confirmed_at);
    if (!current && current.error().kind() == ErrorKind::kNotFound) co_return no_series_or_study(series.has_value());
    if (!current) co_return current.error();
    if (*current) co_return known;
    known.prepared = nullptr;
  }
  const auto version = co_await read_version(ctx, study, series);
  if (!version) co_return version.error();
  known.version = *version;
  co_return known;
}

Task<Result<std::uint64_t>> RetrieveService::read_version(const RequestContext& ctx, const StudyUid& study,
                                                          const std::optional<SeriesUid>& series) {
  const index::VersionKey tenant{ctx.tenant, {}, {}, {}};
  SharedStudies* const studies = sharing_.studies;
  const auto absent_at = studies == nullptr ? std::nullopt : studies->absent_at(ctx.tenant, study);
  if (absent_at && !versions_->is_busy(ctx.tenant)) {
    std::vector<index::VersionKey> keys{tenant};
    const auto now = co_await versions_->read(std::move(keys));
    if (!now) co_return now.error();
    if ((*now)[0] == *absent_at) co_return no_series_or_study(series.has_value());
  }
  std::vector<index::VersionKey> keys{tenant, {ctx.tenant, study, {}, {}}};
  if (series) keys.push_back({ctx.tenant, study, *series, {}});
  const auto now = co_await versions_->read(std::move(keys));
  if (!now) co_return now.error();
  const std::uint64_t change_no = (*now)[0];
  if ((*now)[1] == 0 && studies != nullptr && studies->remember_absent(ctx.tenant, study, change_no) &&
      sharing_.pool != nullptr) {
    // A full queue has better things to do.
    (void)sharing_.pool->try_submit([studies, ctx, study, change_no] { studies->share_absent(ctx, study, change_no); },
                                    ctx.tenant.view());
  }
  if (now->back() == 0) co_return no_series_or_study(series.has_value());
  co_return now->back();
}

Result<PreparedPtr> RetrieveService::prepared(const RequestContext& ctx, const StudyUid& study,
                                              const std::optional<SeriesUid>& series,
                                              std::optional<std::uint64_t> known_version) {
  if (!sees(ctx, study)) return no_series_or_study(series.has_value());
  const SeriesUid of = series.value_or(SeriesUid());
  if (versions_ == nullptr) {
    if (auto found = prepared_.find(ctx.tenant, study, of, SopUid())) return found;
  }
  const std::uint64_t epoch = prepared_.epoch(ctx.tenant, study);
  auto made = std::make_shared<PreparedMetadata>();
  // Read first: what changes afterwards makes rows of a later version, which are not taken for this one's.
  GANTRY_LET(made->version, known_version ? Result(*known_version) : version(ctx, study, series));
  if (auto known = prepared_.find(ctx.tenant, study, of, SopUid()); known && known->version == made->version) {
    return known;
  }
  if (series) {
    GANTRY_LET(const auto row, index_.get_json_meta(ctx, study, *series));
    if (!row || row->version != made->version || row->object_key.empty()) return PreparedPtr();
    GANTRY_LET(const bool there, add_document(ctx, ObjectKey(row->object_key), made->version, *made));
    if (!there) return PreparedPtr();
  } else {
    GANTRY_LET(const bool there, add_study(ctx, study, made->version, *made));
    if (!there) return PreparedPtr();
  }
  keep(ctx, study, of, made, epoch);
  return PreparedPtr(std::move(made));
}

void RetrieveService::keep(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                           const PreparedPtr& made, std::uint64_t epoch) {
  std::size_t bytes = 1024;
  for (const auto& document : made->series) {
    bytes += 1024 + document.chunks.capacity() * sizeof(SeriesDocument::Chunk) +
             2 * document.deflated.capacity() +  // once more in the whole answer
             (document.zstd ? document.zstd->size() : 0);
    if (document.built) bytes += document.file->size() / kBuiltShare;
  }
  prepared_.put(ctx.tenant, study, series, SopUid(), made, {bytes, made->series.size()}, epoch);
}

Task<Result<PreparedPtr>> RetrieveService::fetch_metadata(WorkerPool& pool, const RequestContext& ctx,
                                                          const StudyUid& study, const std::optional<SeriesUid>& series,
                                                          std::optional<std::uint64_t> known) {
  if (!sees(ctx, study)) co_return no_series_or_study(series.has_value());
  // Whoever joins is given what was read when it had asked already: of the version that it just read, or since the last
  // change of this process, the only writer.
  const std::string state = known ? std::to_string(*known) : "e" + std::to_string(prepared_.epoch(ctx.tenant, study));
  const std::string key = ctx.tenant.str() + '/' + study.str() + '/' + (series ? series->str() : "") + '/' + state;
  const auto ticket = flights_.join(key);
  if (ticket.leads) {
    auto work = [this, ctx, study, series, known, key] {
      auto made = prepared(ctx, study, series, known);
      if (made && !*made) made = build(ctx, study, series, known);
      flights_.finish(key, made);
    };
    if (!pool.try_submit(std::move(work), ctx.tenant.view())) {
      const Result<PreparedPtr> refused = Error::unavailable("the server is at its limit of queued work");
      flights_.finish(key, refused);
    }
  }
  co_return co_await ticket.shot.take();
}

Result<PreparedPtr> RetrieveService::build(const RequestContext& ctx, const StudyUid& study,
                                           const std::optional<SeriesUid>& series,
                                           std::optional<std::uint64_t> known_version) {
  const std::uint64_t epoch = prepared_.epoch(ctx.tenant, study);
  auto made = std::make_shared<PreparedMetadata>();
  GANTRY_LET(made->version, known_version ? Result(*known_version) : version(ctx, study, series));
  std::vector<std::pair<SeriesUid, std::uint64_t>> parts;
  GANTRY_LET(const auto states, index_.get_state_metaes(ctx, study));
  std::uint64_t instances = 0;
  for (const auto& state : states) {
    if (state.series_related_instances == 0 || (series && state.series_uid != series->view())) continue;
    instances += state.series_related_instances;
    parts.emplace_back(SeriesUid(state.series_uid), state.version);
  }
  if (parts.empty() || instances > kBuiltInstancesMost || parts.size() > kPreparedSeriesMost) return PreparedPtr();
  for (const auto& [uid, of_version] : parts) {
    const auto there = add_or_build(ctx, study, uid, of_version, *made);
    // A disk without room for it, or a study that changes, is no reason not to answer from the rows.
    if (!there || !*there) return PreparedPtr();
  }
  GANTRY_LET(const std::uint64_t now, version(ctx, study, series));
  if (now != made->version) return PreparedPtr();
  if (!series) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!made->series[i].built) continue;
      auto part = std::make_shared<PreparedMetadata>();
      part->version = parts[i].second;
      part->damaged = made->series[i].damaged;
      part->series.push_back(made->series[i]);
      keep(ctx, study, parts[i].first, part, epoch);
    }
  }
  keep(ctx, study, series.value_or(SeriesUid()), made, epoch);
  return PreparedPtr(std::move(made));
}

Result<bool> RetrieveService::add_or_build(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                           std::uint64_t version, PreparedMetadata& to) {
  if (const auto held = prepared_.find(ctx.tenant, study, series, SopUid()); held && held->version == version) {
    to.damaged += held->damaged;
    to.series.push_back(held->series.front());
    return true;
  }
  GANTRY_LET(const auto row, index_.get_json_meta(ctx, study, series));
  if (row && row->version == version && !row->object_key.empty()) {
    GANTRY_LET(const bool there, add_document(ctx, ObjectKey(row->object_key), version, to));
    if (there) return true;
  }
  const Generation generation(sharing_.cache, ctx, series, std::string(Generation::kReader) + random_hex(8),
                              sharing_.generation);
  // A worker that is at it is mostly nearly done: that is waited for a moment, not for longer than building takes.
  for (int i = 0; i < kLooksMost && generation.is_a_workers(); ++i) {
    std::this_thread::sleep_for(kBetweenLooks);
    GANTRY_LET(const auto again, index_.get_json_meta(ctx, study, series));
    if (!again || again->version != version || again->object_key.empty()) continue;
    GANTRY_LET(const bool there, add_document(ctx, ObjectKey(again->object_key), version, to));
    if (there) return true;
  }
  GANTRY_LET(auto document, build_series_document(index_, objects_, ctx, study, series, version));
  if (!document) return false;
  ++built_;
  document->built = true;
  to.damaged += document->damaged;
  to.series.push_back(*std::move(document));
  return true;
}

Result<bool> RetrieveService::add_study(const RequestContext& ctx, const StudyUid& study, std::uint64_t version,
                                        PreparedMetadata& to) {
  SharedStudies* const studies = sharing_.studies;
  if (const auto shared = studies == nullptr ? std::nullopt : studies->rows(ctx, study, version)) {
    GANTRY_LET(const bool whole, add_series(ctx, *shared, to));
    if (whole) return true;
    to.series.clear();
    to.damaged = 0;
  }
  GANTRY_LET(const auto states, index_.get_state_metaes(ctx, study));
  if (states.size() > kPreparedSeriesMost) return false;
  GANTRY_LET(const auto jsons, index_.get_json_list(ctx, study));
  // The rows are those of the version that was read when it still is the study's.
  GANTRY_LET(const std::uint64_t now, this->version(ctx, study, std::nullopt));
  if (now != version) return false;
  if (studies != nullptr) studies->remember_rows(ctx, study, version, states, jsons);
  return add_series(ctx, series_entries(states, jsons), to);
}

Result<bool> RetrieveService::add_series(const RequestContext& ctx, const std::vector<SeriesEntry>& entries,
                                         PreparedMetadata& to) {
  if (entries.empty() || entries.size() > kPreparedSeriesMost) return false;
  for (const SeriesEntry& entry : entries) {
    if (entry.object.empty()) return false;
    GANTRY_LET(const bool there, add_document(ctx, entry.object, entry.version, to));
    if (!there) return false;
  }
  return true;
}

Result<bool> RetrieveService::add_document(const RequestContext& ctx, const ObjectKey& key, std::uint64_t version,
                                           PreparedMetadata& to) {
  auto file = objects_.open(ctx, key);
  // Replaced since, and removed: the rows of the instances are there.
  if (!file && file.error().kind() == ErrorKind::kNotFound) return false;
  if (!file) return file.error();
  auto document = read_series_document(*std::move(file));
  if (!document && document.error().kind() == ErrorKind::kInternal) return false;  // damaged: fsck's business
  if (!document) return document.error();
  // The row's object may be of an earlier version while a new one is being made or has failed.
  if (document->version != version) return false;
  to.damaged += document->damaged;
  to.series.push_back(*std::move(document));
  return true;
}

void RetrieveService::committed(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                const SopUid& sop) {
  cache_.forget(ctx.tenant, study, series, sop);
  prepared_.forget(ctx.tenant, study, SeriesUid(), SopUid());
  if (versions_ != nullptr) versions_->changed(ctx.tenant);
  if (sharing_.outbox != nullptr) sharing_.outbox->changed(ctx.tenant);
}

void RetrieveService::forget(const TenantId& tenant) {
  cache_.forget(tenant);
  prepared_.forget(tenant);
  if (sharing_.studies != nullptr) sharing_.studies->forget(tenant);
}

}  // namespace gantry::archive

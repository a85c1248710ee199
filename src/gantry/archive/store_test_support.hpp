#pragma once

// For tests of the store side: ports that do what the ones below them do, and tell and fail as they are asked to.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/archive/fsck.hpp"
#include "gantry/archive/read_test_support.hpp"
#include "gantry/archive/store_service.hpp"
#include "gantry/archive/sweep.hpp"

namespace gantry::archive::testing {

/// Asked before and after each port call, from its thread. An error before: the call does not happen. An error after:
/// it happened, and its answer is lost.
class Faults {
 public:
  enum class When { kBefore, kAfter };
  using Rule = std::function<std::optional<Error>(std::string_view call, When when)>;

  /// From here on; not while calls run.
  void set(Rule rule) { rule_ = std::move(rule); }
  /// `count` calls of that name (any, when it is empty) fail, beginning with number `first` from here on, from 0.
  void fail(std::string name, When when, Error error, int first = 0, int count = 1) {
    auto calls = std::make_shared<std::atomic<int>>(0);
    set([=](std::string_view call, When now) -> std::optional<Error> {
      if (now != when || (!name.empty() && call != name)) return std::nullopt;
      const int number = (*calls)++;
      if (number < first || number - first >= count) return std::nullopt;
      return error;
    });
  }

  std::optional<Error> ask(std::string_view call, When when) {
    if (when == When::kBefore) {
      const std::scoped_lock lock(mutex_);
      calls_.emplace_back(call);
    }
    return rule_ ? rule_(call, when) : std::nullopt;
  }
  /// Runs `call` unless a rule forbids it.
  template <class Call>
  auto run(std::string_view name, Call call) -> decltype(call()) {
    if (auto error = ask(name, When::kBefore)) return *std::move(error);
    auto result = call();
    if (auto error = ask(name, When::kAfter)) return *std::move(error);
    return result;
  }
  /// The calls that began since the last look.
  std::vector<std::string> take_calls() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  Rule rule_;
  std::mutex mutex_;
  std::vector<std::string> calls_;
};

class FaultyStore final : public storage::ObjectStore {
 public:
  FaultyStore(storage::ObjectStore& store, Faults& faults) : store_(store), faults_(faults) {}

  Result<std::unique_ptr<storage::StagedObject>> stage(const RequestContext& ctx) override {
    return faults_.run("stage", [&]() -> Result<std::unique_ptr<storage::StagedObject>> {
      GANTRY_LET(auto staged, store_.stage(ctx));
      return std::unique_ptr<storage::StagedObject>(std::make_unique<Staged>(std::move(staged), faults_));
    });
  }
  Result<void> persist(const RequestContext& ctx, std::unique_ptr<storage::StagedObject> staged,
                       const ObjectKey& key) override {
    return faults_.run("persist",
                       [&] { return store_.persist(ctx, std::move(static_cast<Staged&>(*staged).inner), key); });
  }
  Result<std::shared_ptr<const OpenFile>> open_staged(const RequestContext& ctx,
                                                      std::unique_ptr<storage::StagedObject> staged) override {
    return faults_.run("open staged",
                       [&] { return store_.open_staged(ctx, std::move(static_cast<Staged&>(*staged).inner)); });
  }
  Result<std::shared_ptr<const OpenFile>> open(const RequestContext& ctx, const ObjectKey& key) override {
    return faults_.run("open", [&] { return store_.open(ctx, key); });
  }
  Result<void> remove(const RequestContext& ctx, const ObjectKey& key) override {
    return faults_.run("unlink", [&] { return store_.remove(ctx, key); });
  }
  Result<void> list(const RequestContext& ctx, const std::function<bool(const storage::ObjectInfo&)>& visit) override {
    return faults_.run("list", [&] { return store_.list(ctx, visit); });
  }
  Result<void> list_tenant(const RequestContext& ctx,
                           const std::function<bool(const storage::ObjectInfo&)>& visit) override {
    return faults_.run("list_tenant", [&] { return store_.list_tenant(ctx, visit); });
  }
  Result<void> sweep(const RequestContext& ctx, std::chrono::seconds age) override {
    return faults_.run("sweep", [&] { return store_.sweep(ctx, age); });
  }
  Result<void> check(const RequestContext& ctx) override {
    return faults_.run("check store", [&] { return store_.check(ctx); });
  }

 private:
  struct Staged final : storage::StagedObject {
    Staged(std::unique_ptr<storage::StagedObject> below, Faults& how) : inner(std::move(below)), faults(how) {}
    Result<void> write(std::span<const std::byte> bytes) override {
      return faults.run("write", [&] { return inner->write(bytes); });
    }
    [[nodiscard]] std::uint64_t size() const noexcept override { return inner->size(); }
    std::unique_ptr<storage::StagedObject> inner;
    Faults& faults;
  };

  storage::ObjectStore& store_;
  Faults& faults_;
};

class FaultyIndex final : public index::InstanceIndex {
 public:
  FaultyIndex(index::InstanceIndex& index, Faults& faults) : index_(index), faults_(faults) {}

  Result<std::vector<index::Committed>> commit(const RequestContext& ctx, std::span<const index::InstanceRecord> batch,
                                               index::ConflictPolicy policy) override {
    {
      const std::scoped_lock lock(mutex_);
      batches_.push_back({ctx.tenant.str(), {}});
      for (const auto& record : batch) batches_.back().sops.push_back(record.sop.str());
    }
    // A record that the index can't bear, by its UID.
    for (const auto& record : batch) {
      if (!poison.empty() && record.sop.view() == poison) return poison_error;
    }
    return faults_.run("commit", [&] { return index_.commit(ctx, batch, policy); });
  }
  Result<std::optional<Located>> locate(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                                        const SopUid& sop) override {
    return faults_.run("locate", [&] { return index_.locate(ctx, study, series, sop); });
  }
  Result<std::uint64_t> remove(const RequestContext& ctx, const StudyUid& study, const std::optional<SeriesUid>& series,
                               const std::optional<SopUid>& sop, std::chrono::seconds grace) override {
    return faults_.run("remove", [&] { return index_.remove(ctx, study, series, sop, grace); });
  }
  Result<std::vector<ObjectKey>> due_deletions(const RequestContext& ctx, std::size_t limit) override {
    return faults_.run("due_deletions", [&] { return index_.due_deletions(ctx, limit); });
  }
  Result<void> deletion_done(const RequestContext& ctx, std::span<const ObjectKey> keys) override {
    return faults_.run("deletion_done", [&] { return index_.deletion_done(ctx, keys); });
  }
  Result<void> deletion_failed(const RequestContext& ctx, const ObjectKey& key, std::chrono::seconds after) override {
    return faults_.run("deletion_failed", [&] { return index_.deletion_failed(ctx, key, after); });
  }
  Result<std::vector<bool>> are_held(const RequestContext& ctx, std::span<const ObjectKey> keys) override {
    return faults_.run("are_held", [&] { return index_.are_held(ctx, keys); });
  }
  Result<void> visit_objects(const RequestContext& ctx,
                             const std::function<bool(const index::HeldObject&)>& visit) override {
    return faults_.run("visit_objects", [&] { return index_.visit_objects(ctx, visit); });
  }
  Result<std::vector<std::string>> verify_counts(const RequestContext& ctx) override {
    return faults_.run("verify_counts", [&] { return index_.verify_counts(ctx); });
  }

  // Not of interest here: straight through.
  [[nodiscard]] index::RecordStore& records() noexcept override { return index_.records(); }
  [[nodiscard]] index::AuditLog& audit_log() noexcept override { return index_.audit_log(); }
  Result<void> search(const RequestContext& ctx, const index::SearchQuery& query,
                      const std::function<bool(index::SearchRow&&)>& visit) override {
    return faults_.run("search", [&] { return index_.search(ctx, query, visit); });
  }
  Result<std::uint64_t> count(const RequestContext& ctx, const index::SearchQuery& query, std::uint64_t most) override {
    return index_.count(ctx, query, most);
  }
  Result<index::TenantTotals> totals(const RequestContext& ctx) override { return index_.totals(ctx); }
  Result<std::optional<std::uint64_t>> version_of(const RequestContext& ctx, const StudyUid& study,
                                                  const std::optional<SeriesUid>& series) override {
    return faults_.run("version_of", [&] { return index_.version_of(ctx, study, series); });
  }
  Result<std::vector<std::uint64_t>> versions(const RequestContext& ctx,
                                              std::span<const index::VersionKey> keys) override {
    return faults_.run("versions", [&] { return index_.versions(ctx, keys); });
  }
  Result<std::vector<index::JsonRow>> get_json_list(const RequestContext& ctx, const StudyUid& study) override {
    return faults_.run("get_json_list", [&] { return index_.get_json_list(ctx, study); });
  }
  Result<std::vector<index::Change>> changes(const RequestContext& ctx, std::uint64_t after,
                                             std::size_t most) override {
    return faults_.run("changes", [&] { return index_.changes(ctx, after, most); });
  }
  Result<void> ensure_tenant(const RequestContext& ctx) override { return index_.ensure_tenant(ctx); }
  Result<std::optional<index::TenantEntry>> find_tenant(const RequestContext& ctx) override {
    return faults_.run("find_tenant", [&] { return index_.find_tenant(ctx); });
  }
  Result<std::vector<index::TenantEntry>> list_tenants(const RequestContext& ctx, const TenantId& after,
                                                       std::size_t limit) override {
    return faults_.run("list_tenants", [&] { return index_.list_tenants(ctx, after, limit); });
  }
  Result<void> set_quotas(const RequestContext& ctx, const index::TenantQuotas& quotas) override {
    return index_.set_quotas(ctx, quotas);
  }
  Result<void> set_tenant_state(const RequestContext& ctx, index::TenantState state) override {
    return index_.set_tenant_state(ctx, state);
  }
  Result<void> change_tenant_state(const RequestContext& ctx, index::TenantState from, index::TenantState to) override {
    return faults_.run("change_tenant_state", [&] { return index_.change_tenant_state(ctx, from, to); });
  }
  Result<void> queue_objects(const RequestContext& ctx, std::span<const ObjectKey> keys,
                             std::chrono::seconds grace) override {
    return faults_.run("queue_objects", [&] { return index_.queue_objects(ctx, keys, grace); });
  }
  Result<std::uint64_t> purge_tenant(const RequestContext& ctx, std::size_t limit) override {
    return faults_.run("purge_tenant", [&] { return index_.purge_tenant(ctx, limit); });
  }
  Result<void> save_state_info(const RequestContext& ctx, const index::StateRow& state) override {
    return index_.save_state_info(ctx, state);
  }
  Result<void> save_state_list(const RequestContext& ctx, std::span<const index::StateRow> states) override {
    return index_.save_state_list(ctx, states);
  }
  Result<void> save_json_list(const RequestContext& ctx, std::span<const index::JsonRow> jsons) override {
    return index_.save_json_list(ctx, jsons);
  }
  Result<std::vector<index::StateRow>> get_state_metaes(const RequestContext& ctx, const StudyUid& study) override {
    return faults_.run("get_state_metaes", [&] { return index_.get_state_metaes(ctx, study); });
  }
  Result<std::vector<index::StateRow>> get_json_metaes(const RequestContext& ctx, index::Timestamp end,
                                                       std::size_t limit) override {
    return index_.get_json_metaes(ctx, end, limit);
  }
  Result<std::optional<index::JsonRow>> get_json_meta(const RequestContext& ctx, const StudyUid& study,
                                                      const SeriesUid& series) override {
    return faults_.run("get_json_meta", [&] { return index_.get_json_meta(ctx, study, series); });
  }
  Result<std::vector<index::JsonClaim>> claim_json(const RequestContext& ctx, index::Timestamp end_time,
                                                   std::size_t limit, std::string_view owner,
                                                   std::chrono::seconds lease) override {
    return index_.claim_json(ctx, end_time, limit, owner, lease);
  }
  Result<bool> finish_json(const RequestContext& ctx, const index::JsonOutcome& outcome,
                           std::string_view owner) override {
    return index_.finish_json(ctx, outcome, owner);
  }
  Result<bool> renew_json(const RequestContext& ctx, const StudyUid& study, const SeriesUid& series,
                          std::string_view owner, std::chrono::seconds lease) override {
    return index_.renew_json(ctx, study, series, owner, lease);
  }
  Result<index::JsonTotals> json_totals(const RequestContext& ctx) override { return index_.json_totals(ctx); }
  Result<std::vector<index::JsonFailure>> json_failures(const RequestContext& ctx,
                                                        const index::JsonFailureQuery& query) override {
    return index_.json_failures(ctx, query);
  }
  Result<void> check(const RequestContext& ctx) override { return index_.check(ctx); }

  struct Batch {
    std::string tenant;
    std::vector<std::string> sops;
  };
  /// What commit() was given, in order.
  std::vector<Batch> take_batches() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(batches_, {});
  }
  std::string poison;  ///< set while nothing runs
  Error poison_error = Error::internal("poison");

 private:
  index::InstanceIndex& index_;
  Faults& faults_;
  std::mutex mutex_;
  std::vector<Batch> batches_;
};

/// Holds up whoever comes until it is opened.
class Gate {
 public:
  /// Waits, having said that somebody is here.
  void pass() {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_for_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return here_ > 0; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
  bool open_ = false;
};

/// Sends `file` in pieces, and gives what became of it.
inline OneShot<StoreOutcome> send(StoreService& service, const RequestContext& ctx, const std::string& file,
                                  std::optional<StudyUid> expected = std::nullopt, std::size_t piece = 300) {
  auto upload = service.begin(ctx, std::move(expected));
  if (!upload) {
    OneShot<StoreOutcome> shot;
    StoreOutcome outcome;
    outcome.failure_reason = failure::kResources;
    outcome.detail = upload.error().detail();
    outcome.try_later = upload.error().kind() == ErrorKind::kUnavailable;
    shot.set(std::move(outcome));
    return shot;
  }
  for (std::size_t at = 0; at < file.size(); at += piece) {
    if (!(*upload)->write(std::as_bytes(std::span(file)).subspan(at, std::min(piece, file.size() - at)))) break;
  }
  return (*upload)->finish();
}

inline StoreOutcome store(StoreService& service, const RequestContext& ctx, const std::string& file,
                          std::optional<StudyUid> expected = std::nullopt) {
  return send(service, ctx, file, std::move(expected)).wait();
}

/// The bytes that a reader gets; "" when there is no such instance, "!" and a word when something is wrong.
inline std::string read_back(const RequestContext& ctx, index::InstanceIndex& index, storage::ObjectStore& objects,
                             const Made& made) {
  const auto located = index.locate(ctx, StudyUid(made.study), SeriesUid(made.series), SopUid(made.sop));
  if (!located) return "!" + located.error().detail();
  if (!*located) return "";
  const auto file = objects.open(ctx, (*located)->instance.location->object_key);
  if (!file) return "!" + file.error().detail();
  std::string bytes((*file)->size(), '\0');
  const auto count = (*file)->read_at(0, std::as_writable_bytes(std::span(bytes)));
  return count && *count == bytes.size() ? bytes : "!short";
}

inline std::vector<std::string> fsck_findings(const RequestContext& ctx, index::InstanceIndex& index,
                                              storage::ObjectStore& objects, std::chrono::seconds unheld_age) {
  std::vector<std::string> found;
  FsckOptions options;
  options.unheld_age = unheld_age;
  options.threads = 2;
  const auto problem = [&](const FsckProblem& each) {
    found.push_back(each.kind + " " + each.object + " " + each.detail);
  };
  const auto report = fsck(ctx, index, objects, options, problem, {});
  if (!report) {
    found.push_back("!" + report.error().detail());
  } else if (report->problems != found.size()) {
    found.push_back("!another count of problems");
  }
  return found;
}

inline std::size_t count_objects(const RequestContext& ctx, storage::ObjectStore& objects) {
  std::size_t count = 0;
  EXPECT_TRUE(objects.list(ctx, [&](const storage::ObjectInfo&) { return ++count, true; }));
  return count;
}

/// Objects that are two days old as soon as they are there: what no row holds may be swept at once.
inline storage::MemoryStore::Now two_days_ago() {
  return [] { return std::chrono::system_clock::now() - std::chrono::hours(48); };
}

}  // namespace gantry::archive::testing

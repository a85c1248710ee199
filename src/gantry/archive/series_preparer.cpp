#include "gantry/archive/series_preparer.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/row_cursor.hpp"
#include "gantry/archive/series_document.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::archive {
namespace {

using index::JsonClaim;
using index::JsonOutcome;

constexpr std::chrono::seconds kRetryFirst{30}, kRetryMost = std::chrono::minutes(30);
constexpr int kDoublingsMost = 6;  ///< 30 s x 2^6 is more than the most
/// For a claim and for its end. What takes longer is as good as no answer.
constexpr std::chrono::seconds kClaimMost{30};

RequestContext within(RequestContext ctx, std::chrono::seconds most) {
  ctx.deadline = std::min(ctx.deadline, Clock::now() + most);
  return ctx;
}

/// Counts and hashes what goes through.
class HashedObject final : public storage::StagedObject {
 public:
  explicit HashedObject(storage::StagedObject& behind) : behind_(behind) {}
  Result<void> write(std::span<const std::byte> bytes) override {
    hash_.update(bytes);
    return behind_.write(bytes);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return behind_.size(); }
  Sha256 digest() { return hash_.finish(); }

 private:
  storage::StagedObject& behind_;
  Sha256Stream hash_;
};

RowCursor<std::string> stored_json(index::InstanceIndex& index, const RequestContext& ctx, const JsonClaim& claim) {
  index::SearchQuery query;
  query.level = index::Level::kInstance;
  query.study = StudyUid(claim.state.study_uid);
  query.series = SeriesUid(claim.state.series_uid);
  query.with_attributes = true;
  return {index,
          ctx,
          std::move(query),
          [](index::SearchRow&& row) -> Result<std::optional<std::string>> {
            return std::optional(std::move(row.attributes_zstd));
          },
          [](const std::string& compressed) { return compressed.size(); },
          {}};
}

}  // namespace

std::chrono::seconds retry_after(int tries) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto wait = std::min(kRetryFirst * (1 << std::clamp(tries - 1, 0, kDoublingsMost)), kRetryMost);
  const auto percent = std::uniform_int_distribution<int>(80, 120)(random);
  return wait * percent / 100;
}

/// The claim of one series, renewed when a third of its lease has passed.
class SeriesPreparer::Lease {
 public:
  Lease(const SeriesPreparer& worker, const RequestContext& ctx, const JsonClaim& claim)
      : worker_(worker), ctx_(ctx), study_(claim.state.study_uid), series_(claim.state.series_uid), due_(next()) {}

  /// False: another one has the series by now.
  Result<bool> keep() {
    if (worker_.settings_.clock() < due_) return true;
    GANTRY_LET(const bool ours, worker_.index_.renew_json(within(ctx_, kClaimMost), study_, series_, worker_.owner_,
                                                          worker_.settings_.lease));
    due_ = next();
    return ours;
  }

 private:
  [[nodiscard]] Clock::time_point next() const {
    return worker_.settings_.clock() + std::chrono::milliseconds(worker_.settings_.lease) / 3;
  }

  const SeriesPreparer& worker_;
  const RequestContext& ctx_;
  const StudyUid study_;
  const SeriesUid series_;
  Clock::time_point due_;
};

SeriesPreparer::SeriesPreparer(index::InstanceIndex& index, storage::ObjectStore& objects, PreparerSettings settings)
    : index_(index),
      objects_(objects),
      settings_(std::move(settings)),
      owner_(std::string(Generation::kWorker) + random_hex(8)) {}

Result<PreparedSeries> SeriesPreparer::work(const RequestContext& ctx, const WorkerStop& stop) {
  PreparedSeries done;
  for (std::size_t i = 0; i < settings_.batch && !stop.soon() && !stop.now(); ++i) {
    // One at a time: a claim is then never held by a worker that does something else.
    const auto quiet_since = std::chrono::time_point_cast<index::Timestamp::duration>(std::chrono::system_clock::now() -
                                                                                      settings_.quiet_period);
    GANTRY_LET(const auto claims, index_.claim_json(within(ctx, kClaimMost), quiet_since, 1, owner_, settings_.lease));
    if (claims.empty()) break;
    RequestContext of_tenant = ctx;
    of_tenant.tenant = TenantId(claims[0].state.tenant_id);
    // Until the index knows what became of it. The lease alone decides who has the series.
    Generation generation(settings_.cache, of_tenant, SeriesUid(claims[0].state.series_uid), owner_,
                          settings_.generation);
    const auto made = make(within(of_tenant, settings_.series_most), claims[0], stop, generation);
    GANTRY_TRY(end(within(of_tenant, kClaimMost), claims[0], made, done));
  }
  return done;
}

Result<SeriesPreparer::Made> SeriesPreparer::make(const RequestContext& ctx, const JsonClaim& claim,
                                                  const WorkerStop& stop, Generation& generation) {
  const index::StateRow& state = claim.state;
  const StudyUid study(state.study_uid);
  const SeriesUid series(state.series_uid);
  Made made;
  // What is staged goes with its owner, so it is enough to return.
  const auto ended = [&made](Made::End end) {
    made.end = end;
    return made;
  };
  Lease lease(*this, ctx, claim);
  GANTRY_LET(auto staged, objects_.stage(ctx));
  HashedObject hashed(*staged);
  SeriesDocumentWriter document(hashed, SeriesDocumentWriter::Zstd::kYes);
  auto rows = stored_json(index_, ctx, claim);
  for (;;) {
    if (stop.now()) return ended(Made::End::kStopped);
    GANTRY_LET(const bool ours, lease.keep());
    if (!ours) return ended(Made::End::kLost);
    generation.renew();
    GANTRY_LET(const auto compressed, rows.next());
    if (!compressed) break;
    const auto json = decompress_attributes(*compressed);
    if (json) {
      GANTRY_TRY(document.add(*json));
    } else {
      document.leave_out();
    }
  }
  // The rows are of some version from the claimed one on; they are of that very one when it is still the series'.
  GANTRY_LET(const auto now, index_.version_of(ctx, study, series));
  if (now != state.version) return ended(Made::End::kChanged);
  made.damaged = document.damaged();
  GANTRY_TRY(document.finish(state.version));
  made.bytes = hashed.size();
  made.key = ObjectKey(state.tenant_id + "/" + uid_hash(state.study_uid) + "/" + uid_hash(state.series_uid) + "/" +
                       to_hex(hashed.digest()) + "-" + random_hex(16) + ".gsj");
  GANTRY_TRY(objects_.persist(ctx, std::move(staged), made.key));
  return made;
}

Result<void> SeriesPreparer::end(const RequestContext& ctx, const JsonClaim& claim, const Result<Made>& made,
                                 PreparedSeries& done) {
  JsonOutcome outcome;
  outcome.study = StudyUid(claim.state.study_uid);
  outcome.series = SeriesUid(claim.state.series_uid);
  outcome.version = claim.state.version;
  const auto how = made ? made->end : Made::End::kMade;
  if (how == Made::End::kLost) {
    ++done.lost;
    return {};
  }
  if (!made) {
    outcome.failure = JsonOutcome::Failure{retry_after(claim.retry_times), made.error().detail()};
  } else if (how == Made::End::kStopped) {
    outcome.handed_back = true;
  } else if (how == Made::End::kChanged) {
    // Its tries begin anew with the new version.
    outcome.failure = JsonOutcome::Failure{std::chrono::seconds(0), "the series changed while it was read"};
  } else {
    outcome.object_key = made->key;
    if (made->damaged > 0) {
      outcome.failure = JsonOutcome::Failure{
          retry_after(claim.retry_times),
          "the stored attributes of " + std::to_string(made->damaged) + " of its instances can't be read"};
    }
  }
  GANTRY_LET(const bool ended, index_.finish_json(ctx, outcome, owner_));
  if (!ended && !outcome.object_key.empty()) {
    // Nobody names it; what can't be removed now is swept as litter.
    (void)objects_.remove(ctx, outcome.object_key);
  }
  if (!ended) {
    ++done.lost;
  } else if (how == Made::End::kStopped) {
    ++done.handed_back;
  } else if (how == Made::End::kChanged) {
    ++done.changed;
  } else if (outcome.failure) {
    if (done.failed++ == 0) done.why = outcome.failure->error;
  } else {
    ++done.ready;
    done.bytes += made->bytes;
  }
  return {};
}

}  // namespace gantry::archive

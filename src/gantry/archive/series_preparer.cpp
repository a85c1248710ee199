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

SeriesPreparer::SeriesPreparer(index::InstanceIndex& index, storage::ObjectStore& objects, PreparerSettings settings)
    : index_(index), objects_(objects), settings_(settings), owner_("worker-" + random_hex(8)) {}

Result<PreparedSeries> SeriesPreparer::work(const RequestContext& ctx, const std::function<bool()>& stopping) {
  PreparedSeries done;
  for (std::size_t i = 0; i < settings_.batch && !stopping(); ++i) {
    // One at a time: a claim is then never held by a worker that does something else.
    const auto quiet_since = std::chrono::time_point_cast<index::Timestamp::duration>(std::chrono::system_clock::now() -
                                                                                      settings_.quiet_period);
    GANTRY_LET(const auto claims, index_.claim_json(ctx, quiet_since, 1, owner_, settings_.lease));
    if (claims.empty()) break;
    RequestContext of_tenant = ctx;
    of_tenant.tenant = TenantId(claims[0].state.tenant_id);
    // A lease that has run out is another's by now: what takes longer is not worth going on with.
    of_tenant.deadline = std::min(ctx.deadline, Clock::now() + settings_.lease);
    const auto made = make(of_tenant, claims[0]);
    of_tenant.deadline = ctx.deadline;
    GANTRY_TRY(end(of_tenant, claims[0], made, done));
  }
  return done;
}

Result<SeriesPreparer::Made> SeriesPreparer::make(const RequestContext& ctx, const JsonClaim& claim) {
  const index::StateRow& state = claim.state;
  const StudyUid study(state.study_uid);
  const SeriesUid series(state.series_uid);
  Made made;
  GANTRY_LET(auto staged, objects_.stage(ctx));
  HashedObject hashed(*staged);
  SeriesDocumentWriter document(hashed);
  auto rows = stored_json(index_, ctx, claim);
  for (;;) {
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
  if (now != state.version) {
    made.changed = true;
    return made;
  }
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
  if (!made) {
    outcome.failure = JsonOutcome::Failure{retry_after(claim.retry_times), made.error().detail()};
  } else if (made->changed) {
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
  if (!ended || (made && made->changed)) {
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

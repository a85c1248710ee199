// The same calls on a small and on a large archive of one kind of database, in turns, as ratios: what DESIGN 12
// promises to cost at most three times as much. Both were filled by bench_index_fill; what is asked for was asked for
// before, so that memory and not the disk is compared. Ends with 1 when a ratio is above 3. Usage: bench_index_scale
// SMALL_URL SMALL_STUDIES LARGE_URL LARGE_STUDIES

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "contract/archive_rows.hpp"
#include "contract/index_scale_calls.hpp"
#include "gantry/server/providers.hpp"

namespace {

using namespace gantry;
using namespace gantry::index;

constexpr double kMost = 3;
constexpr int kRounds = 7;
constexpr int kClaims = 5;
constexpr std::uint64_t kAsked = 100;  ///< studies that single calls ask for, spread over the archive

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

template <class T>
void expect(const Result<T>& done) {
  if (!done) fail(done.error().detail());
}

struct Operation {
  std::string name;
  int times;
  std::function<void(int)> work;
  std::function<void()> before = [] {}, after = [] {};  ///< of a round; not measured
};

class Side {
 public:
  Side(const std::string& url, std::uint64_t studies) : archive_(studies) {
    config::Settings settings;
    settings.index.url = url;
    settings.index.statement_time = std::chrono::minutes(1);
    auto opened = server::open_tables(settings);
    expect(opened);
    store_ = *std::move(opened);
    index_ = dynamic_cast<InstanceIndex*>(store_.get());
    if (index_ == nullptr) fail("the store is no index");
    ctx_ = contract::scale_context();
    for (std::uint64_t i = 0; i < kAsked; ++i) {
      asked_.push_back(archive_.instances_of(contract::study_from(archive_, studies * i / (kAsked + 1))).front());
    }
    if (!*index_->locate(ctx_, asked_[0].study, asked_[0].series, asked_[0].sop)) {
      fail(url + " does not hold the archive: run bench_index_fill");
    }
  }

  std::vector<Operation> operations() {
    std::vector<Operation> all;
    for (auto& [name, query] : contract::scale_pages(archive_)) {
      all.push_back({"page: " + name, 20, [this, query = query](int) {
                       expect(index_->search(ctx_, query, [](SearchRow&&) { return true; }));
                     }});
    }
    for (auto& [name, query] : contract::scale_pages(archive_)) {
      if (name != "a patient" && name != "a common modality" && name != "a month") continue;
      all.push_back(
          {"count to 200: " + name, 20, [this, query = query](int) { expect(index_->count(ctx_, query, 200)); }});
    }
    const auto one = [this](int i) -> const InstanceRecord& { return asked_[static_cast<std::size_t>(i) % kAsked]; };
    all.push_back(
        {"locate", 100, [this, one](int i) { expect(index_->locate(ctx_, one(i).study, one(i).series, one(i).sop)); }});
    all.push_back({"version_of", 100, [this, one](int i) { expect(index_->version_of(ctx_, one(i).study, {})); }});
    all.push_back({"changes, 100", 20, [this](int) { expect(index_->changes(ctx_, 500, 100)); }});
    all.push_back({"due JSON, 10", 20, [this](int) { expect(index_->get_json_metaes(ctx_, timestamp_now(), 10)); }});
    // Each round makes as many series due as it claims, and ends its claims: what is due stays as much.
    all.push_back({"claim of due JSON, 10", kClaims,
                   [this](int) {
                     auto claims = index_->claim_json(ctx_, timestamp_now(), 10, "bench", std::chrono::minutes(5));
                     expect(claims);
                     if (claims->size() != 10) fail("there was less to claim than was made due");
                     for (JsonClaim& claim : *claims) claims_.push_back(std::move(claim));
                   },
                   [this] { commit(10 * kClaims, 1); }, [this] { end_claims(); }});
    all.push_back({"commit of 64, one new study", 5, [this](int) { commit(64, 64); }});
    return all;
  }

  void clean_up() {
    for (const StudyUid& study : made_) expect(index_->remove(ctx_, study, {}, {}, std::chrono::seconds(0)));
  }

 private:
  /// Of instances of one new study, `in_series` in each series.
  void commit(std::size_t instances, std::size_t in_series) {
    const std::string study = "1.2.3." + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
    made_.emplace_back(study);
    std::vector<InstanceRecord> batch(instances, asked_[made_.size() % kAsked]);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i].study = StudyUid(study);
      batch[i].series = SeriesUid(study + "." + std::to_string(i / in_series));
      batch[i].sop = SopUid(batch[i].series.str() + "." + std::to_string(i));
      batch[i].object_key = ObjectKey("bench/" + random_hex(32) + ".dcm");
      batch[i].persist_began = Clock::now();
    }
    const auto outcomes = index_->commit(ctx_, batch, ConflictPolicy::kReject);
    expect(outcomes);
    for (const Committed& outcome : *outcomes) {
      if (outcome.outcome != Committed::Outcome::kStored) fail("an instance was not stored: " + outcome.detail);
    }
  }

  void end_claims() {
    for (const JsonClaim& claim : claims_) {
      JsonOutcome outcome;
      outcome.study = StudyUid(claim.state.study_uid);
      outcome.series = SeriesUid(claim.state.series_uid);
      outcome.version = claim.state.version;
      outcome.object_key = ObjectKey("bench/" + random_hex(32) + ".json");
      RequestContext ctx = ctx_;
      ctx.tenant = TenantId(claim.state.tenant_id);
      expect(index_->finish_json(ctx, outcome, "bench"));
    }
    claims_.clear();
  }

  contract::Archive archive_;
  std::unique_ptr<TableStore> store_;
  InstanceIndex* index_ = nullptr;
  RequestContext ctx_;
  std::vector<InstanceRecord> asked_;
  std::vector<StudyUid> made_;
  std::vector<JsonClaim> claims_;
};

double micros_of(const Operation& operation) {
  operation.before();
  const auto began = Clock::now();
  for (int i = 0; i < operation.times; ++i) operation.work(i);
  const auto took = Clock::now() - began;
  operation.after();
  return std::chrono::duration<double, std::micro>(took).count() / operation.times;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: bench_index_scale SMALL_URL SMALL_STUDIES LARGE_URL LARGE_STUDIES");
  Side small(argv[1], std::strtoull(argv[2], nullptr, 10)), large(argv[3], std::strtoull(argv[4], nullptr, 10));
  const auto on_small = small.operations(), on_large = large.operations();
  int above = 0;
  std::printf("| What | %s studies, us | %s studies, us | Ratio |\n|---|---:|---:|---:|\n", argv[2], argv[4]);
  for (std::size_t i = 0; i < on_small.size(); ++i) {
    std::vector<double> few, many;
    micros_of(on_small[i]), micros_of(on_large[i]);
    for (int round = 0; round < kRounds; ++round) {
      few.push_back(micros_of(on_small[i]));
      many.push_back(micros_of(on_large[i]));
    }
    const double ratio = median(many) / median(few);
    above += ratio > kMost ? 1 : 0;
    std::printf("| %s | %.0f | %.0f | %.2f%s |\n", on_small[i].name.c_str(), median(few), median(many), ratio,
                ratio > kMost ? " (above 3)" : "");
    std::fflush(stdout);
  }
  small.clean_up();
  large.clean_up();
  return above > 0 ? 1 : 0;
}

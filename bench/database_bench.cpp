// The index on a database server against the bare database, as ratios: commits of 64 against the same rows written by
// hand, locate, and QIDO pages of 25 at two sizes of the archive. The server is the one of scripts/services.
// Usage: bench_database postgres|mysql|mongo [STUDIES]

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "bare/bare.hpp"
#include "contract/index_samples.hpp"

namespace {

using namespace gantry;
using namespace gantry::index;
using bare::fail;

constexpr int kRuns = 5;
constexpr int kClients = 4;
using Clients = std::vector<std::unique_ptr<bare::Client>>;

std::string study_of(int n) { return "1.2.826.0.1.3680043.8.498." + std::to_string(1'000'000 + n); }

InstanceRecord record_of(int n) {
  const std::string study = study_of(n);
  InstanceRecord record = contract::instance(study, study + ".1", study + ".1.1");
  auto& a = record.attributes;
  a.patient_id = "P" + std::to_string(n / 3);
  a.patient_name = "Family" + std::to_string(n % 20'000) + "^Given";
  a.accession_number = "A" + std::to_string(n);
  a.study_date = std::to_string(20000101 + (n * 7919) % 25 * 10000 + n % 12 * 100 + n % 28);
  a.study_time = std::to_string(100000 + n % 5960);
  a.study_description = "CT Abdomen";
  a.modality = n % 50 == 0 ? "XA" : "CT";
  a.series_number = a.instance_number = "1";
  record.attributes_zstd = random_hex(750);
  return record;
}

void commit(InstanceIndex& index, const RequestContext& ctx, const std::vector<InstanceRecord>& batch) {
  const auto outcomes = index.commit(ctx, batch, ConflictPolicy::kReject);
  if (!outcomes) fail(outcomes.error().detail());
  for (const auto& outcome : *outcomes) {
    if (outcome.outcome != Committed::Outcome::kStored) fail("an instance was not stored: " + outcome.detail);
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What `threads` threads take for a call that each makes `count` times, in microseconds per call.
double micros(int threads, int count, const std::function<void(int)>& call) {
  const auto start = Clock::now();
  {
    std::vector<std::jthread> running;
    for (int thread = 0; thread < threads; ++thread) {
      running.emplace_back([&call, count, thread] {
        for (int i = 0; i < count; ++i) call(thread);
      });
    }
  }
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / (threads * count);
}

/// Both in turns. Many threads, as one alone measures how fast two idle processors wake each other.
void compare(const std::string& what, int threads, int count, const std::function<void(int)>& ours,
             const std::function<void(int)>& by_hand) {
  std::vector<double> a, b;
  for (int run = 0; run < kRuns; ++run) {
    a.push_back(micros(threads, count, ours));
    b.push_back(micros(threads, count, by_hand));
  }
  std::printf("| %s | %.0f | %.0f | %.2f |\n", what.c_str(), median(a), median(b), median(b) / median(a));
  std::fflush(stdout);
}

std::size_t page(InstanceIndex& index, const RequestContext& ctx, std::vector<Match> matches) {
  SearchQuery query;
  query.limit = 25;
  query.matches = std::move(matches);
  std::size_t rows = 0;
  const auto done = index.search(ctx, query, [&rows](SearchRow&&) { return ++rows > 0; });
  if (!done) fail(done.error().detail());
  return rows;
}

void expect_same(std::size_t ours, std::size_t by_hand) {
  if (ours != by_hand) fail("the index and the bare database do not find the same");
}

void measure_reads(InstanceIndex& index, const Clients& clients, const RequestContext& ctx, int studies, int calls) {
  const std::string size = ", " + std::to_string(studies) + " studies";
  std::vector<std::mt19937> random(kClients);
  const auto any = [&](int thread) {
    return study_of(static_cast<int>(random[static_cast<std::size_t>(thread)]() % static_cast<unsigned>(studies)));
  };
  const auto client = [&](int thread) -> bare::Client& { return *clients[static_cast<std::size_t>(thread)]; };
  compare(
      "locate (any instance)" + size, kClients, 5 * calls,
      [&](int thread) {
        const std::string study = any(thread);
        const auto found = index.locate(ctx, StudyUid(study), SeriesUid(study + ".1"), SopUid(study + ".1.1"));
        if (!found || !*found) fail("not located");
      },
      [&](int thread) {
        const std::string study = any(thread);
        if (client(thread).locate(study, study + ".1", study + ".1.1") != 1) fail("not found");
      });
  expect_same(page(index, ctx, {}), client(0).page());
  compare(
      "page of 25, newest first" + size, kClients, calls, [&](int) { page(index, ctx, {}); },
      [&](int thread) { client(thread).page(); });
  const std::vector<Match> year{{Field::kStudyDate, Match::Kind::kRange, {"20100101", "20101231"}, {}}};
  expect_same(page(index, ctx, year), client(0).page_of_dates("20100101", "20101231"));
  compare(
      "page of 25, a year" + size, kClients, calls, [&](int) { page(index, ctx, year); },
      [&](int thread) { client(thread).page_of_dates("20100101", "20101231"); });
}

/// One series that grows by 64 at a time, as a CT does; one more of the same by hand.
void measure_commits(InstanceIndex& index, bare::Client& by_hand, const RequestContext& ctx, int study, int count) {
  const auto batches_of = [count](int of, int first) {
    std::vector<std::vector<InstanceRecord>> batches(static_cast<std::size_t>(kRuns * count));
    for (auto& batch : batches) {
      for (int i = 0; i < 64; ++i, ++first) {
        batch.push_back(record_of(of));
        batch.back().sop = SopUid(batch.back().series.str() + "." + std::to_string(first));
        batch.back().attributes.instance_number = std::to_string(first);
      }
    }
    return batches;
  };
  commit(index, ctx, {record_of(study)});
  commit(index, ctx, {record_of(study + 1)});
  const auto ours = batches_of(study, 2), theirs = batches_of(study + 1, 2);
  std::size_t at = 0, at_hand = 0;
  std::uint64_t version = 1'000'000'000;
  compare(
      "commit of 64 into one series", 1, count, [&](int) { commit(index, ctx, ours[at++]); },
      [&](int) {
        by_hand.insert(theirs[at_hand++], version);
        version += 64;
      });
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::unique_ptr<bare::Database> (*)()> kinds{
      {"postgres", bare::open_postgres}, {"mysql", bare::open_mysql}, {"mongo", bare::open_mongo}};
  const auto kind = kinds.find(argc > 1 ? argv[1] : "");
  const int studies = argc > 2 ? std::atoi(argv[2]) : 20'000;
  if (kind == kinds.end() || studies < 100) fail("usage: bench_database postgres|mysql|mongo [STUDIES]");
  const auto database = kind->second();
  const auto index = database->open_index();
  const RequestContext ctx = contract::context_for(bare::kTenant);
  if (const auto made = index->ensure_tenant(ctx); !made) fail(made.error().detail());
  std::printf("| %s | Gantry, us | bare, us | rate, x bare |\n|---|---:|---:|---:|\n", kind->first.c_str());
  std::fflush(stdout);
  Clients clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(database->connect());
  const int calls = kind->first == "mongo" ? 4 : 200;  // FerretDB takes its time
  int n = 0;
  for (const int size : std::set{std::min(1000, studies), studies}) {
    while (n < size) {
      std::vector<InstanceRecord> batch;
      for (; batch.size() < 64 && n < size; ++n) batch.push_back(record_of(n));
      commit(*index, ctx, batch);
    }
    database->analyze();
    measure_reads(*index, clients, ctx, size, calls);
  }
  measure_commits(*index, *clients[0], ctx, n, std::max(1, calls / 10));
  return 0;
}

// The PostgreSQL index against bare SQL on the same server, as ratios: commits of 64 against the same rows inserted by
// hand in one transaction, locate, and QIDO pages of 25 at two sizes of the archive. Needs POSTGRES_URL.
// Usage: bench_postgres [STUDIES]

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <libpq-fe.h>

#include "contract/index_samples.hpp"
#include "gantry/index/postgres/postgres_index.hpp"
#include "gantry/index/postgres/test_database.hpp"

namespace {

using namespace gantry;
using namespace gantry::index;
using Answer = Handle<PGresult, &PQclear>;

/// The median of several runs of `work`, in microseconds for one of `count` calls.
template <class Work>
double micros_per_call(int count, Work work) {
  std::vector<double> runs;
  for (int run = 0; run < 5; ++run) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) work(i);
    runs.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / count);
  }
  std::sort(runs.begin(), runs.end());
  return runs[2];
}

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

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

void commit(PostgresIndex& index, const RequestContext& ctx, const std::vector<InstanceRecord>& batch) {
  const auto outcomes = index.commit(ctx, batch, ConflictPolicy::kReject);
  if (!outcomes) fail(outcomes.error().detail());
  for (const auto& outcome : *outcomes) {
    if (outcome.outcome != Committed::Outcome::kStored) fail("an instance was not stored: " + outcome.detail);
  }
}

/// Statements written by hand on one connection, prepared once.
class Bare {
 public:
  explicit Bare(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    run("SELECT set_config('gantry.tenant', 'bench', false)");
  }
  void run(const char* text) { check(Answer(PQexec(connection_.get(), text))); }
  void prepare(const char* name, const std::string& text) {
    check(Answer(PQprepare(connection_.get(), name, text.c_str(), 0, nullptr)));
  }
  int execute(const char* name, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    const Answer answer(
        PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()), pointers.data(), nullptr, nullptr, 1));
    check(answer);
    return PQntuples(answer.get());
  }

 private:
  void check(const Answer& answer) {
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(PQerrorMessage(connection_.get()));
  }
  Handle<PGconn, &PQfinish> connection_;
};

void report(const char* what, double ours, double bare) {
  std::printf("  %-34s %9.1f us   bare SQL %9.1f us   rate %.2f x bare\n", what, ours, bare, bare / ours);
}

double page(PostgresIndex& index, const RequestContext& ctx, std::vector<Match> matches) {
  SearchQuery query;
  query.limit = 25;
  query.matches = std::move(matches);
  return micros_per_call(200, [&](int) {
    std::size_t rows = 0;
    const auto done = index.search(ctx, query, [&rows](SearchRow&&) { return ++rows > 0; });
    if (!done) fail(done.error().detail());
  });
}

void measure(PostgresIndex& index, Bare& bare, const RequestContext& ctx, int studies) {
  std::printf("%d studies\n", studies);
  std::mt19937 random(1);
  const auto any = [&] { return study_of(static_cast<int>(random() % static_cast<unsigned>(studies))); };
  report("locate (any instance)",
         micros_per_call(2000,
                         [&](int) {
                           const std::string study = any();
                           const auto found =
                               index.locate(ctx, StudyUid(study), SeriesUid(study + ".1"), SopUid(study + ".1.1"));
                           if (!found || !*found) fail("not located");
                         }),
         micros_per_call(2000, [&](int) {
           const std::string study = any();
           if (bare.execute("locate", {study, study + ".1", study + ".1.1"}) != 1) fail("not found");
         }));
  using Kind = Match::Kind;
  report("page of 25, newest first", page(index, ctx, {}),
         micros_per_call(200, [&](int) { bare.execute("page", {}); }));
  report("page of 25, a year", page(index, ctx, {{Field::kStudyDate, Kind::kRange, {"20100101", "20101231"}, {}}}),
         micros_per_call(200, [&](int) {
           bare.execute("year", {"20100101", "20101231"});
         }));
  std::printf("  PatientID %.1f us, modality %.1f us, name prefix %.1f us\n",
              page(index, ctx, {{Field::kPatientId, Kind::kAnyOf, {"P77"}, {}}}),
              page(index, ctx, {{Field::kModalitiesInStudy, Kind::kAnyOf, {"XA"}, {}}}),
              page(index, ctx, {{Field::kPatientName, Kind::kName, {"family77*"}, {}}}));
}

/// One series that grows by 64 at a time, as a CT does.
void measure_commits(PostgresIndex& index, Bare& bare, const RequestContext& ctx, int from) {
  constexpr int kBatches = 20;
  const auto made = [&](int study, int b) {
    std::vector<InstanceRecord> batch;
    for (int i = 0; i < 64; ++i) {
      batch.push_back(record_of(study));
      batch.back().sop = SopUid(batch.back().series.str() + "." + std::to_string(b * 64 + i));
      batch.back().attributes.instance_number = std::to_string(b * 64 + i);
    }
    return batch;
  };
  std::vector<std::vector<InstanceRecord>> batches;
  for (int b = 0; b < 5 * kBatches; ++b) batches.push_back(made(from, b));
  std::size_t next = 0;
  const double ours = micros_per_call(kBatches, [&](int) { commit(index, ctx, batches[next++]); });
  std::string insert =
      "INSERT INTO dicom_image_meta (tenant_id, study_uid, series_uid, sop_uid, sop_class, transfer_syntax, "
      "instance_number, version, created_time, object_key, size, file_sha256, dataset_sha256, frame_index, "
      "attributes) VALUES ";
  for (int i = 0; i < 64; ++i) {
    insert += i == 0 ? "(" : ", (";
    for (int c = 0; c < 15; ++c) {
      insert += (c == 0 ? "$" : ", $") + std::to_string(i * 15 + c + 1) +
                (c == 7 || c == 10 ? "::bigint"
                 : c == 8          ? "::timestamptz"
                 : c > 10          ? "::text::bytea"
                                   : "");
    }
    insert += ")";
  }
  bare.prepare("insert", insert);
  bare.prepare("change",
               "INSERT INTO dicom_change (tenant_id, version, action) SELECT 'bench', g, 0 FROM generate_series("
               "$1::bigint + 1, $1::bigint + 64) g");
  bare.prepare("series",
               "UPDATE dicom_study_meta SET study_related_instances = study_related_instances + 64, version = "
               "version + 64 WHERE tenant_id = 'bench' AND study_uid = $1");
  bare.prepare("study",
               "UPDATE dicom_state_meta SET instances = instances + 64, version = version + 64 WHERE tenant_id = "
               "'bench' AND study_uid = $1");
  bare.prepare("tenant", "UPDATE dicom_tenant SET change_no = change_no + 64 WHERE tenant_id = 'bench'");
  batches.clear();
  for (int b = 0; b < 5 * kBatches; ++b) batches.push_back(made(from + 1, b + 1));
  commit(index, ctx, {record_of(from + 1)});
  next = 0;
  std::uint64_t version = 1'000'000'000;
  const double by_hand = micros_per_call(kBatches, [&](int) {
    std::vector<std::string> values;
    for (const InstanceRecord& r : batches[next]) {
      for (const std::string& value :
           {std::string("bench"), r.study.str(), r.series.str(), r.sop.str(), r.sop_class, r.transfer_syntax,
            r.attributes.instance_number, std::to_string(version), std::string("2026-01-01"), r.object_key.str(),
            std::to_string(r.size), to_hex(r.file_sha256), to_hex(r.dataset_sha256), r.frame_index,
            to_hex(r.file_sha256) + random_hex(700)}) {
        values.push_back(value);
      }
    }
    ++next;
    bare.run("BEGIN");
    bare.execute("insert", values);
    bare.execute("change", {std::to_string(version)});
    bare.execute("series", {study_of(from + 1)});
    bare.execute("study", {study_of(from + 1)});
    bare.execute("tenant", {});
    bare.run("COMMIT");
    version += 64;
  });
  std::printf("commits of 64 into one series\n");
  report("commit", ours, by_hand);
}

}  // namespace

int main(int argc, char** argv) {
  const int studies = argc > 1 ? std::atoi(argv[1]) : 20'000;
  const postgres::TestDatabase database;
  PostgresSettings settings;
  settings.url = database.url();
  auto opened = PostgresIndex::open(settings);
  if (!opened) fail(opened.error().detail());
  PostgresIndex& index = **opened;
  const RequestContext ctx = contract::context_for("bench");
  if (const auto made = index.ensure_tenant(ctx); !made) fail(made.error().detail());
  Bare bare(database.url());
  bare.prepare("locate",
               "SELECT sop_class, transfer_syntax, version, object_key, size, file_sha256, frame_index, "
               "instance_number, number_of_frames, image_rows, image_columns, bits_allocated, content_date, "
               "content_time FROM dicom_image_meta WHERE tenant_id = 'bench' AND study_uid = $1 AND series_uid = $2 "
               "AND sop_uid = $3");
  const std::string columns =
      "SELECT study_uid, modalities_in_study, study_related_series, study_related_instances, version, created_time, "
      "updated_time, patient_id, patient_name, patient_sex, patient_birth_date, patient_birth_time, patient_age, "
      "patient_size, patient_weight, study_date, study_time, accession_number, study_id, study_description, "
      "referring_physician_name, timezone_offset FROM dicom_study_meta WHERE tenant_id = 'bench' ";
  const std::string order = " ORDER BY study_date_key DESC, study_time_key DESC, study_uid LIMIT 25";
  bare.prepare("page", columns + order);
  bare.prepare("year", columns + "AND study_date_key >= $1 AND study_date_key <= $2" + order);
  int n = 0;
  for (const int size : {std::min(1000, studies), studies}) {
    while (n < size) {
      std::vector<InstanceRecord> batch;
      for (; batch.size() < 64 && n < size; ++n) batch.push_back(record_of(n));
      commit(index, ctx, batch);
    }
    database.run("ANALYZE dicom_study_meta, dicom_state_meta, dicom_image_meta, dicom_term", true);
    measure(index, bare, ctx, size);
  }
  measure_commits(index, bare, ctx, n);
  return 0;
}

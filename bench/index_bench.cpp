// The SQLite index against bare SQL on the same database, as ratios: commits of 64, locate, and a QIDO page of 25
// studies at two sizes of the archive. Usage: bench_index [FOLDER [STUDIES]]; FOLDER should be on the disk that counts.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "contract/index_samples.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"

namespace {

using namespace gantry;
using namespace gantry::index;
using Statement = Handle<sqlite3_stmt, &sqlite3_finalize>;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The median of several runs of `work`, in microseconds for one of `count` calls.
template <class Work>
double micros_per_call(int count, Work work) {
  std::vector<double> runs;
  for (int run = 0; run < 5; ++run) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) work(i);
    runs.push_back(seconds_since(start) * 1e6 / count);
  }
  std::sort(runs.begin(), runs.end());
  return runs[2];
}

InstanceRecord record_of(int n) {
  const std::string study = "1.2.826.0.1.3680043.8.498." + std::to_string(1'000'000 + n);
  InstanceRecord record = contract::instance(study, study + ".1", study + ".1.1");
  auto& a = record.attributes;
  a.patient_id = "P" + std::to_string(n / 3);
  a.patient_name = "Family" + std::to_string(n % 20'000) + "^Given";
  a.accession_number = "A" + std::to_string(n);
  a.study_date = std::to_string(20000101 + (n * 7919) % 25 * 10000 + n % 12 * 100 + n % 28);
  a.study_time = std::to_string(100000 + n % 5960);
  a.study_description = n % 997 == 0 ? "Rare finding" : "CT Abdomen";
  a.modality = n % 50 == 0 ? "XA" : "CT";
  a.series_number = "1";
  a.instance_number = "1";
  record.attributes_zstd = random_hex(750);
  return record;
}

bool fill(SqliteIndex& index, const RequestContext& ctx, int from, int to) {
  std::vector<InstanceRecord> batch;
  for (int n = from; n < to; ++n) {
    batch.push_back(record_of(n));
    if (batch.size() < 64 && n + 1 < to) continue;
    const auto outcomes = index.commit(ctx, batch, ConflictPolicy::kReject);
    if (!outcomes) {
      std::fprintf(stderr, "commit: %s\n", outcomes.error().detail().c_str());
      return false;
    }
    for (const auto& outcome : *outcomes) {
      if (outcome.outcome != Committed::Outcome::kStored) {
        std::fprintf(stderr, "commit: outcome %d %s\n", static_cast<int>(outcome.outcome), outcome.detail.c_str());
        return false;
      }
    }
    batch.clear();
  }
  return true;
}

/// Bare SQL beside the index: one connection, statements prepared once, columns read as text.
class Bare {
 public:
  explicit Bare(const std::string& path) {
    sqlite3* raw = nullptr;
    if (sqlite3_open(path.c_str(), &raw) != SQLITE_OK) std::exit(1);
    database_.reset(raw);
    sqlite3_busy_timeout(raw, 5000);  // the index moves its log now and then
    run("PRAGMA cache_size = -8192");
    run("PRAGMA synchronous = FULL");
  }
  void run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      std::fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(database_.get()));
      std::exit(1);
    }
  }
  Statement prepare(const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(database_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
      std::fprintf(stderr, "%s: %s\n", sql.c_str(), sqlite3_errmsg(database_.get()));
      std::exit(1);
    }
    return Statement(raw);
  }

 private:
  Handle<sqlite3, &sqlite3_close_v2> database_;
};

std::size_t drain(sqlite3_stmt* statement) {
  std::size_t bytes = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    for (int c = 0; c < sqlite3_column_count(statement); ++c) {
      sqlite3_column_text(statement, c);
      bytes += static_cast<std::size_t>(sqlite3_column_bytes(statement, c));
    }
  }
  sqlite3_reset(statement);
  return bytes;
}

void report(const char* what, double ours, double bare) {
  std::printf("  %-42s %9.1f us   bare SQL %9.1f us   rate %.2f x bare\n", what, ours, bare, bare / ours);
}

void bind_text(sqlite3_stmt* statement, int index, const std::string& text) {
  sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

double page(SqliteIndex& index, const RequestContext& ctx, std::vector<Match> matches) {
  SearchQuery query;
  query.limit = 25;
  query.matches = std::move(matches);
  return micros_per_call(200, [&](int) {
    std::size_t rows = 0;
    const auto done = index.search(ctx, query, [&rows](SearchRow&&) { return ++rows > 0; });
    if (!done) std::exit(1);
  });
}

struct Figures {
  double all, date, name, patient, modality, leading;
};

Figures measure(SqliteIndex& index, const RequestContext& ctx, const std::string& path, int studies) {
  std::printf("%d studies\n", studies);
  Bare bare(path);
  std::mt19937 random(1);
  const auto any = [&] { return static_cast<int>(random() % static_cast<unsigned>(studies)); };

  const Statement by_key = bare.prepare(
      "SELECT sop_class, transfer_syntax, version, object_key, size, file_sha256, frame_index, instance_number, "
      "number_of_frames, image_rows, image_columns, bits_allocated, content_date, content_time FROM dicom_image_meta "
      "WHERE tenant_id = 'bench' AND study_uid = ?1 AND series_uid = ?2 AND sop_uid = ?3");
  const double bare_locate = micros_per_call(20'000, [&](int) {
    const std::string study = "1.2.826.0.1.3680043.8.498." + std::to_string(1'000'000 + any());
    bind_text(by_key.get(), 1, study), bind_text(by_key.get(), 2, study + ".1"),
        bind_text(by_key.get(), 3, study + ".1.1");
    if (drain(by_key.get()) == 0) std::exit(1);
  });
  const double locate = micros_per_call(20'000, [&](int) {
    const std::string study = "1.2.826.0.1.3680043.8.498." + std::to_string(1'000'000 + any());
    const auto found = index.locate(ctx, StudyUid(study), SeriesUid(study + ".1"), SopUid(study + ".1.1"));
    if (!found || !*found) std::exit(1);
  });
  report("locate (any instance)", locate, bare_locate);

  const std::string columns =
      "SELECT study_uid, modalities_in_study, study_related_series, study_related_instances, version, created_time, "
      "updated_time, patient_id, patient_name, patient_sex, patient_birth_date, patient_birth_time, patient_age, "
      "patient_size, patient_weight, study_date, study_time, accession_number, study_id, study_description, "
      "referring_physician_name, timezone_offset FROM dicom_study_meta WHERE tenant_id = 'bench' ";
  const std::string order = " ORDER BY study_date_key DESC, study_time_key DESC, study_uid LIMIT 25";
  const auto bare_page = [&](const std::string& where) {
    const Statement statement = bare.prepare(columns + where + order);
    return micros_per_call(200, [&](int) { drain(statement.get()); });
  };
  Figures figures{};
  using Kind = Match::Kind;
  figures.all = page(index, ctx, {});
  report("page of 25, newest first", figures.all, bare_page(""));
  figures.date = page(index, ctx, {{Field::kStudyDate, Kind::kRange, {"20100101", "20101231"}, {}}});
  report("page of 25, a year", figures.date,
         bare_page("AND study_date_key >= '20100101' AND study_date_key <= '20101231'"));
  figures.patient = page(index, ctx, {{Field::kPatientId, Kind::kAnyOf, {"P77"}, {}}});
  figures.modality = page(index, ctx, {{Field::kModalitiesInStudy, Kind::kAnyOf, {"XA"}, {}}});
  figures.name = page(index, ctx, {{Field::kPatientName, Kind::kName, {"family77*"}, {}}});
  figures.leading = page(index, ctx, {{Field::kStudyDescription, Kind::kFolded, {"*rare*"}, {}}});
  std::printf("  PatientID %.1f us, modality %.1f us, name prefix %.1f us, leading wildcard %.1f us\n", figures.patient,
              figures.modality, figures.name, figures.leading);
  return figures;
}

void measure_commits(SqliteIndex& index, const RequestContext& ctx, const std::string& path, int from) {
  constexpr int kBatches = 100;
  // One series that grows, as a CT does; records are made beforehand.
  std::vector<std::vector<InstanceRecord>> batches;
  for (int b = 0; b < kBatches; ++b) {
    auto& batch = batches.emplace_back();
    for (int i = 0; i < 64; ++i) {
      batch.push_back(record_of(from));
      batch.back().sop = SopUid(batch.back().series.str() + "." + std::to_string(b * 64 + i));
      batch.back().attributes.instance_number = std::to_string(b * 64 + i);
    }
  }
  auto start = Clock::now();
  for (const auto& batch : batches) {
    if (!index.commit(ctx, batch, ConflictPolicy::kReject)) std::exit(1);
  }
  const double ours = seconds_since(start) * 1e6 / kBatches;

  Bare bare(path);
  const Statement insert = bare.prepare(
      "INSERT INTO dicom_image_meta (tenant_id, study_uid, series_uid, sop_uid, sop_class, transfer_syntax, "
      "instance_number, "
      "instance_number_key, object_key, size, file_sha256, dataset_sha256, frame_index, attributes) "
      "VALUES ('bare', ?1, ?2, ?3, '1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1', ?4, ?4, ?5, 1000, ?6, ?6, ?7, "
      "?8)");
  start = Clock::now();
  for (const auto& batch : batches) {
    bare.run("BEGIN IMMEDIATE");
    for (const auto& record : batch) {
      bind_text(insert.get(), 1, record.study.str()), bind_text(insert.get(), 2, record.series.str());
      bind_text(insert.get(), 3, record.sop.str()), bind_text(insert.get(), 4, record.attributes.instance_number);
      bind_text(insert.get(), 5, "bare" + record.object_key.str());
      sqlite3_bind_blob(insert.get(), 6, record.file_sha256.data(), 32, SQLITE_STATIC);
      bind_text(insert.get(), 7, record.frame_index), bind_text(insert.get(), 8, record.attributes_zstd);
      drain(insert.get());
    }
    bare.run("COMMIT");
  }
  const double bare_time = seconds_since(start) * 1e6 / kBatches;
  report("commit of 64 into one series", ours, bare_time);
  std::printf("  = %.0f instances a second; bare: the instance rows alone\n", 64e6 / ours);
  bare.run("DELETE FROM dicom_image_meta WHERE tenant_id = 'bare'");
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder =
      (argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path()) /
      ("index-bench-" + random_hex(6));
  const int large = argc > 2 ? std::atoi(argv[2]) : 100'000;
  std::filesystem::create_directories(folder);
  SqliteSettings settings;
  settings.path = folder / "index.db";
  {
    auto index = SqliteIndex::open(settings);
    RequestContext ctx = contract::context_for("bench");
    if (!index || !(*index)->ensure_tenant(ctx) || !fill(**index, ctx, 0, 1000)) return 1;
    const Figures few = measure(**index, ctx, settings.path, 1000);
    const auto start = Clock::now();
    if (!fill(**index, ctx, 1000, large)) return 1;
    std::printf("filled: %.0f new studies a second, in commits of 64\n", (large - 1000) / seconds_since(start));
    const Figures many = measure(**index, ctx, settings.path, large);
    std::printf("  against 1,000 studies: page %.2f x, a year %.2f x, PatientID %.2f x, modality %.2f x\n",
                many.all / few.all, many.date / few.date, many.patient / few.patient, many.modality / few.modality);
    measure_commits(**index, ctx, settings.path, large);
    std::printf("  %.0f bytes of database per study\n",
                static_cast<double>(std::filesystem::file_size(settings.path)) / large);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

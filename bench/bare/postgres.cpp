#include <vector>

#include <libpq-fe.h>

#include "bare/bare.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/index/postgres/postgres_index.hpp"
#include "gantry/index/postgres/test_database.hpp"

namespace bare {
namespace {

using gantry::Handle;
using gantry::to_hex;
using gantry::index::InstanceRecord;
using Answer = Handle<PGresult, &PQclear>;

constexpr std::size_t kBatch = 64;
constexpr int kColumns = 15;

/// Statements prepared once.
class PostgresClient final : public Client {
 public:
  explicit PostgresClient(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    run("SELECT set_config('gantry.tenant', 'bench', false)");
    prepare("locate", std::string(kLocateColumns) +
                          "WHERE tenant_id = 'bench' AND study_uid = $1 AND series_uid = $2 AND sop_uid = $3");
    prepare("page", std::string(kPageColumns) + std::string(kPageOrder));
    prepare("dates",
            std::string(kPageColumns) + "AND study_date_key >= $1 AND study_date_key <= $2" + std::string(kPageOrder));
    std::string insert(kInsertColumns);
    for (std::size_t i = 0; i < kBatch; ++i) {
      insert += i == 0 ? "(" : ", (";
      for (int c = 0; c < kColumns; ++c) {
        insert += (c == 0 ? "$" : ", $") + std::to_string(static_cast<int>(i) * kColumns + c + 1) +
                  (c == 7 || c == 10 ? "::bigint"
                   : c == 8          ? "::timestamptz"
                   : c > 10          ? "::text::bytea"
                                     : "");
      }
      insert += ")";
    }
    prepare("insert", insert);
    prepare("change",
            "INSERT INTO dicom_change (tenant_id, version, action) SELECT 'bench', g, 0 FROM generate_series("
            "$1::bigint, $1::bigint + 63) g");
    prepare("study",
            "UPDATE dicom_study_meta SET study_related_instances = study_related_instances + 64, version = "
            "version + 64 WHERE tenant_id = 'bench' AND study_uid = $1");
    prepare("series",
            "UPDATE dicom_state_meta SET instances = instances + 64, version = version + 64 WHERE tenant_id = "
            "'bench' AND study_uid = $1");
    prepare("tenant", "UPDATE dicom_tenant SET change_no = change_no + 64 WHERE tenant_id = 'bench'");
  }

  std::size_t page() override { return execute("page", {}); }
  std::size_t page_of_dates(const std::string& first, const std::string& last) override {
    return execute("dates", {first, last});
  }
  std::size_t locate(const std::string& study, const std::string& series, const std::string& sop) override {
    return execute("locate", {study, series, sop});
  }

  void insert(std::span<const InstanceRecord> batch, std::uint64_t version) override {
    if (batch.size() != kBatch) fail("the statement is for 64 rows");
    std::vector<std::string> values;
    for (const InstanceRecord& r : batch) {
      for (const std::string& value :
           {std::string(kTenant), r.study.str(), r.series.str(), r.sop.str(), r.sop_class, r.transfer_syntax,
            r.attributes.instance_number, std::to_string(version), std::string("2026-01-01"), r.object_key.str(),
            std::to_string(r.size), to_hex(r.file_sha256), to_hex(r.dataset_sha256), r.frame_index,
            r.attributes_zstd}) {
        values.push_back(value);
      }
    }
    run("BEGIN");
    execute("insert", values);
    execute("change", {std::to_string(version)});
    execute("study", {batch[0].study.str()});
    execute("series", {batch[0].study.str()});
    execute("tenant", {});
    run("COMMIT");
  }

 private:
  void run(const char* text) { check(Answer(PQexec(connection_.get(), text))); }
  void prepare(const char* name, const std::string& text) {
    check(Answer(PQprepare(connection_.get(), name, text.c_str(), 0, nullptr)));
  }
  std::size_t execute(const char* name, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    const Answer answer(
        PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()), pointers.data(), nullptr, nullptr, 1));
    check(answer);
    return static_cast<std::size_t>(PQntuples(answer.get()));
  }
  void check(const Answer& answer) {
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(PQerrorMessage(connection_.get()));
  }

  Handle<PGconn, &PQfinish> connection_;
};

class Postgres final : public Database {
 public:
  std::unique_ptr<gantry::index::InstanceIndex> open_index() override {
    gantry::index::PostgresSettings settings;
    settings.url = database_.url();
    auto opened = gantry::index::PostgresIndex::open(settings);
    if (!opened) fail(opened.error().detail());
    return *std::move(opened);
  }
  std::unique_ptr<Client> connect() override { return std::make_unique<PostgresClient>(database_.url()); }
  void analyze() override {
    database_.run("ANALYZE dicom_study_meta, dicom_state_meta, dicom_image_meta, dicom_term", true);
  }

 private:
  gantry::index::postgres::TestDatabase database_;
};

}  // namespace

std::unique_ptr<Database> open_postgres() { return std::make_unique<Postgres>(); }

}  // namespace bare

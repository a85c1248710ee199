#include <mysql.h>

#include "bare/bare.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/index/mysql/literal.hpp"
#include "gantry/index/mysql/mysql_index.hpp"
#include "gantry/index/mysql/test_database.hpp"

namespace bare {
namespace {

using gantry::Handle;
using gantry::to_hex;
using gantry::index::InstanceRecord;
using gantry::index::mysql::literal;
using Answer = Handle<MYSQL_RES, &mysql_free_result>;

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }  // nothing here needs an escape
std::string blob(const gantry::Sha256& digest) { return "X'" + to_hex(digest) + "'"; }

/// Statements as text, each a round trip.
class MysqlClient final : public Client {
 public:
  explicit MysqlClient(const gantry::index::MysqlSettings& settings) : connection_(mysql_init(nullptr)) {
    const unsigned protocol = MYSQL_PROTOCOL_TCP;
    mysql_options(connection_.get(), MYSQL_OPT_PROTOCOL, &protocol);
    if (mysql_real_connect(connection_.get(), settings.host.c_str(), settings.user.c_str(), settings.password.c_str(),
                           settings.database.c_str(), settings.port, nullptr, 0) == nullptr) {
      fail(mysql_error(connection_.get()));
    }
  }

  std::size_t page() override { return run(std::string(kPageColumns) + std::string(kPageOrder)); }
  std::size_t page_of_dates(const std::string& first, const std::string& last) override {
    return run(std::string(kPageColumns) + "AND study_date_key >= " + quoted(first) +
               " AND study_date_key <= " + quoted(last) + std::string(kPageOrder));
  }
  std::size_t locate(const std::string& study, const std::string& series, const std::string& sop) override {
    return run(std::string(kLocateColumns) + "WHERE tenant_id = 'bench' AND study_uid = " + quoted(study) +
               " AND series_uid = " + quoted(series) + " AND sop_uid = " + quoted(sop));
  }

  void insert(std::span<const InstanceRecord> batch, std::uint64_t version) override {
    std::string rows(kInsertColumns), changes =
                                          "INSERT INTO dicom_change (tenant_id, version, action, study_uid, "
                                          "series_uid, sop_uid, change_time) VALUES ";
    const std::string added = std::to_string(batch.size());
    const auto of_study = " WHERE tenant_id = 'bench' AND study_uid = " + quoted(batch[0].study.view());
    bool first = true;
    for (const InstanceRecord& r : batch) {
      if (!std::exchange(first, false)) rows += ", ", changes += ", ";
      const std::string number = std::to_string(version++);
      rows += "('bench', " + quoted(r.study.view()) + ", " + quoted(r.series.view()) + ", " + quoted(r.sop.view()) +
              ", " + quoted(r.sop_class) + ", " + quoted(r.transfer_syntax) + ", " +
              quoted(r.attributes.instance_number) + ", " + number + ", 1, " + quoted(r.object_key.view()) + ", " +
              std::to_string(r.size) + ", " + blob(r.file_sha256) + ", " + blob(r.dataset_sha256) + ", " +
              literal(r.frame_index) + ", " + literal(r.attributes_zstd) + ")";
      changes += "('bench', " + number + ", 0, " + quoted(r.study.view()) + ", " + quoted(r.series.view()) + ", " +
                 quoted(r.sop.view()) + ", 1)";
    }
    run("BEGIN");
    run(rows);
    run(changes);
    run("UPDATE dicom_study_meta SET study_related_instances = study_related_instances + " + added +
        ", version = version + " + added + of_study);
    run("UPDATE dicom_state_meta SET instances = instances + " + added + ", version = version + " + added + of_study);
    run("UPDATE dicom_tenant SET change_no = change_no + " + added + " WHERE tenant_id = 'bench'");
    run("COMMIT");
  }

 private:
  std::size_t run(const std::string& text) {
    if (mysql_real_query(connection_.get(), text.data(), text.size()) != 0) fail(mysql_error(connection_.get()));
    const Answer answer(mysql_store_result(connection_.get()));
    return answer ? mysql_num_rows(answer.get()) : 0;
  }

  Handle<MYSQL, &mysql_close> connection_;
};

class Mysql final : public Database {
 public:
  std::unique_ptr<gantry::index::InstanceIndex> open_index() override {
    auto opened = gantry::index::MysqlIndex::open(database_.settings());
    if (!opened) fail(opened.error().detail());
    return *std::move(opened);
  }
  std::unique_ptr<Client> connect() override { return std::make_unique<MysqlClient>(database_.settings()); }
  void analyze() override {}

 private:
  gantry::index::mysql::TestDatabase database_;
};

}  // namespace

std::unique_ptr<Database> open_mysql() { return std::make_unique<Mysql>(); }

}  // namespace bare

#include "bare/bare.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/index/mongo/mongo_index.hpp"
#include "gantry/index/mongo/rows.hpp"
#include "gantry/index/mongo/test_database.hpp"

namespace bare {
namespace {

using gantry::index::InstanceRecord;
using gantry::index::mongo::Bulk;
using gantry::index::mongo::by_text;
using gantry::index::mongo::Document;
using gantry::index::mongo::Find;
using gantry::index::mongo::wrapped;

std::string_view bytes_of(const gantry::Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// Finds, and inserts in bulk, each a round trip.
class MongoClient final : public Client {
 public:
  explicit MongoClient(gantry::index::mongo::TestDatabase& database) : database_(database) {}
  std::size_t page() override { return find_page(by_text("tenant_id", kTenant)); }
  std::size_t page_of_dates(const std::string& first, const std::string& last) override {
    Document between, filter;
    between.text("$gte", first).text("$lte", last);
    filter.text("tenant_id", kTenant).document("study_date_key", between);
    return find_page(std::move(filter));
  }
  std::size_t locate(const std::string&, const std::string&, const std::string& sop) override {
    Find find;
    find.filter = by_text("_id", gantry::index::mongo::image_id(kTenant, sop));
    find.limit = 1;
    return count(gantry::index::mongo::kImages, find);
  }

  void insert(std::span<const InstanceRecord> batch, std::uint64_t version) override {
    namespace mongo = gantry::index::mongo;
    Bulk images, changes, studies, series, tenants;
    for (const InstanceRecord& r : batch) {
      Document image, change;
      image.text("_id", mongo::image_id(kTenant, r.sop.view()))
          .text("tenant_id", kTenant)
          .text("study_uid", r.study.view())
          .text("series_uid", r.series.view())
          .text("sop_uid", r.sop.view())
          .text("study_key", mongo::study_id(kTenant, r.study.view()))
          .text("series_key", mongo::series_id(kTenant, r.study.view(), r.series.view()))
          .text("sop_class", r.sop_class)
          .text("transfer_syntax", r.transfer_syntax)
          .text("instance_number", r.attributes.instance_number)
          .number("instance_number_key", version)
          .number("version", version)
          .number("created_time", 1)
          .text("object_key", r.object_key.view())
          .number("size", r.size)
          .blob("file_sha256", bytes_of(r.file_sha256))
          .blob("dataset_sha256", bytes_of(r.dataset_sha256))
          .blob("frame_index", r.frame_index)
          .blob("attributes", r.attributes_zstd);
      images.insert(image);
      change.text("_id", mongo::change_id(kTenant, version))
          .number("action", 0)
          .text("study_uid", r.study.view())
          .text("series_uid", r.series.view())
          .text("sop_uid", r.sop.view())
          .number("change_time", 1);
      changes.insert(change);
      ++version;
    }
    const auto more = [&](std::string_view counter) {
      Document numbers;
      numbers.number(counter, batch.size()).number("version", batch.size());
      return wrapped("$inc", numbers);
    };
    studies.update_one(by_text("_id", mongo::study_id(kTenant, batch[0].study.view())),
                       more("study_related_instances"));
    series.update_one(by_text("_id", mongo::series_id(kTenant, batch[0].study.view(), batch[0].series.view())),
                      more("instances"));
    tenants.update_one(by_text("_id", kTenant), more("change_no"));
    write(mongo::kImages, images);
    write(mongo::kChanges, changes);
    write(mongo::kStudies, studies);
    write(mongo::kStates, series);
    write(mongo::kTenants, tenants);
  }

 private:
  std::size_t find_page(Document filter) {
    Find find;
    find.filter = std::move(filter);
    find.sort.small("study_date_key", -1).small("study_time_key", -1).small("study_uid", 1);
    find.limit = 25;
    return count(gantry::index::mongo::kStudies, find);
  }
  std::size_t count(const char* collection, const Find& find) {
    auto session = database_.session();
    std::size_t found = 0;
    const auto done = session.find(collection, find, [&found](const bson_t&) { return ++found > 0; });
    if (!done) fail(done.error().detail());
    return found;
  }
  void write(const char* collection, const Bulk& bulk) {
    auto session = database_.session();
    const auto done = session.write(collection, bulk);
    if (!done) fail(done.error().detail());
  }

  gantry::index::mongo::TestDatabase& database_;
};

class Mongo final : public Database {
 public:
  std::unique_ptr<gantry::index::InstanceIndex> open_index() override {
    gantry::index::MongoSettings settings;
    settings.url = database_.url();
    auto opened = gantry::index::MongoIndex::open(settings);
    if (!opened) fail(opened.error().detail());
    return *std::move(opened);
  }
  std::unique_ptr<Client> connect() override { return std::make_unique<MongoClient>(database_); }
  void analyze() override {}

 private:
  gantry::index::mongo::TestDatabase database_;
};

}  // namespace

std::unique_ptr<Database> open_mongo() { return std::make_unique<Mongo>(); }

}  // namespace bare

// Counts kept in documents against documents counted (fsck), page by page.

#include <algorithm>
#include <map>

#include "gantry/index/mongo/mongo_impl.hpp"

namespace gantry::index {

using mongo::Document;
using mongo::Find;
using mongo::number_of;
using mongo::Session;
using mongo::text_of;

namespace {

struct Counted {
  std::int64_t documents = 0, series = 0, instances = 0, bytes = 0;
};
using CountedBy = std::map<std::string, Counted>;

/// Adds `amount` (an expression) of each document that meets `filter`, by the value of `key`. One sum at a time:
/// FerretDB gives only the first of several.
Result<void> sum_by(Session& session, std::string_view collection, const char* key, const Document& filter,
                    const Document& amount, std::int64_t Counted::*sum, CountedBy& into) {
  std::vector<Document> pipeline(2);
  pipeline[0].document("$match", filter);
  pipeline[1].document("$group", mongo::by_text("_id", std::string("$") + key).document("sum", amount));
  return session.aggregate(collection, pipeline, [&](const bson_t& row) -> Result<bool> {
    into[text_of(row, "_id")].*sum += number_of(row, "sum");
    return true;
  });
}

Result<void> count_by(Session& session, std::string_view collection, const char* key, const Document& filter,
                      CountedBy& into) {
  Document one;
  one.small("$sum", 1);
  return sum_by(session, collection, key, filter, one, &Counted::documents, into);
}

class Verifier {
 public:
  explicit Verifier(Session& session) : session_(session) {}

  Result<std::vector<std::string>> run() {
    GANTRY_TRY(verify_series());
    GANTRY_TRY(verify_tenants());
    return std::move(differences_);
  }

 private:
  static constexpr std::size_t kPage = 1000;

  void compare(const std::string& place, std::int64_t says, std::int64_t has) {
    if (says == has) return;
    differences_.push_back(place + ": says " + std::to_string(says) + ", has " + std::to_string(has));
  }

  struct Series {
    std::string id, tenant, study, uid;
    std::int64_t says = 0;
  };

  // All series by _id, so that those of a study follow each other; a page of them, then what they have.
  Result<void> verify_series() {
    static constexpr std::string_view kColumns[] = {"tenant_id", "study_uid", "series_uid", "instances"};
    Find find;
    find.sort.small("_id", 1);
    find.projection = mongo::columns_only(kColumns);
    find.limit = kPage;
    std::string after;
    for (;;) {
      find.filter = Document();
      find.filter.document("_id", mongo::by_text("$gt", after));
      std::vector<Series> page;
      GANTRY_TRY(session_.find(mongo::kStates, find, [&page](const bson_t& row) -> Result<bool> {
        page.push_back({text_of(row, "_id"), text_of(row, "tenant_id"), text_of(row, "study_uid"),
                        text_of(row, "series_uid"), number_of(row, "instances")});
        return true;
      }));
      GANTRY_TRY(verify_page(page));
      if (page.size() < kPage) break;
      after = page.back().id;
    }
    return verify_studies();
  }

  Result<void> verify_page(const std::vector<Series>& page) {
    if (page.empty()) return {};
    std::vector<std::string> ids;
    for (const Series& series : page) ids.push_back(series.id);
    CountedBy has;
    GANTRY_TRY(count_by(session_, mongo::kImages, "series_key", mongo::by_any_of("series_key", ids), has));
    for (const auto& [id, tenant, study, uid, says] : page) {
      const std::int64_t instances = has[id].documents;
      compare("tenant " + tenant + ", study " + study + ", series " + uid + ", instances", says, instances);
      Counted& of_tenant = tenants_[tenant];
      of_tenant.instances += instances;
      if (says > 0) ++of_tenant.series;
      if (instances == 0 && says == 0) continue;  // a row of the six calls
      const std::string key = mongo::study_id(tenant, study);
      // The last study may go on with the next page; the others are complete.
      if (studies_.size() >= kPage && !studies_.contains(key)) GANTRY_TRY(verify_studies());
      Counted& of_study = studies_[key];
      of_study.instances += instances;
      ++of_study.series;
    }
    return {};
  }

  Result<void> verify_studies() {
    if (studies_.empty()) return {};
    std::vector<std::string> ids;
    for (const auto& [id, counted] : studies_) ids.push_back(id);
    Find find;
    find.filter = mongo::by_any_of("_id", ids);
    static constexpr std::string_view kColumns[] = {"tenant_id", "study_uid", "study_related_series",
                                                    "study_related_instances"};
    find.projection = mongo::columns_only(kColumns);
    GANTRY_TRY(session_.find(mongo::kStudies, find, [this](const bson_t& row) -> Result<bool> {
      const auto counted = studies_.extract(text_of(row, "_id")).mapped();
      const std::string place = "tenant " + text_of(row, "tenant_id") + ", study " + text_of(row, "study_uid");
      compare(place + ", series", number_of(row, "study_related_series"), counted.series);
      compare(place + ", instances", number_of(row, "study_related_instances"), counted.instances);
      ++tenants_[text_of(row, "tenant_id")].documents;
      return true;
    }));
    for (const auto& [id, counted] : studies_) {
      differences_.push_back("tenant " + id.substr(0, id.find('/')) + ", study " + id.substr(id.find('/') + 1) +
                             ": has series and no row");
    }
    studies_.clear();
    return {};
  }

  // What has no series row, or no study with series, shows as a difference between the tenants' documents and the sums.
  Result<void> verify_tenants() {
    CountedBy images, studies;
    GANTRY_TRY(count_by(session_, mongo::kImages, "tenant_id", {}, images));
    GANTRY_TRY(
        sum_by(session_, mongo::kImages, "tenant_id", {}, mongo::by_text("$sum", "$size"), &Counted::bytes, images));
    GANTRY_TRY(count_by(session_, mongo::kStudies, "tenant_id", {}, studies));
    Find all;
    GANTRY_TRY(session_.find(mongo::kTenants, all, [&](const bson_t& row) -> Result<bool> {
      const std::string tenant = text_of(row, "_id");
      const std::string place = "tenant " + tenant;
      compare(place + ", studies", number_of(row, "studies"), studies[tenant].documents);
      compare(place + ", series", number_of(row, "series"), tenants_[tenant].series);
      compare(place + ", instances", number_of(row, "instances"), images[tenant].documents);
      compare(place + ", bytes", number_of(row, "bytes"), images[tenant].bytes);
      compare(place + ", instances below series rows", images[tenant].documents, tenants_[tenant].instances);
      compare(place + ", study rows above series rows", studies[tenant].documents, tenants_[tenant].documents);
      return true;
    }));
    return {};
  }

  Session& session_;
  std::vector<std::string> differences_;
  CountedBy studies_, tenants_;
};

}  // namespace

Result<std::vector<std::string>> MongoIndex::verify_counts(const RequestContext& ctx) {
  return impl_->read_one_state(ctx, [](Session& session) { return Verifier(session).run(); });
}

}  // namespace gantry::index

// Metadata at three levels (PS3.18 §10.4.1.1.2): what was prepared (DESIGN §7), else the stored JSON of each instance,
// one behind the other.

#include <utility>

#include "gantry/archive/retrieve_service.hpp"
#include "gantry/archive/search_row_json.hpp"
#include "gantry/dicomweb/native_model.hpp"
#include "gantry/dicomweb/negotiation.hpp"
#include "gantry/dicomweb/object_stream.hpp"
#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/wado/handlers.hpp"
#include "gantry/dicomweb/wado/instance_path.hpp"
#include "gantry/dicomweb/wado/metadata_filter.hpp"
#include "gantry/dicomweb/wado/prepared_body.hpp"
#include "gantry/http/compression.hpp"
#include "gantry/http/conditional.hpp"

namespace gantry::dicomweb::wado {
namespace {

using http::Request;
using http::Response;

/// Everything a worker needs to answer; owns its data.
struct MetadataJob {
  Services* services = nullptr;
  RequestContext context;
  InstancePath path;
  Offer offer;
  std::string root;
  std::string state;                     ///< of the instance, series or study when it is known already, else ""
  std::optional<std::uint64_t> version;  ///< the same as a number, of series and study
  archive::PreparedPtr documents;        ///< what to answer with; null: the rows
  http::Headers headers;                 ///< of the request, as far as they matter here
  MetadataFilter filter;

  /// Prepared documents hold whole series as JSON.
  [[nodiscard]] bool takes_prepared() const { return !path.sop && !offer.multipart && !filter.active(); }
  /// They have one root. With another one they are read and rewritten, which is not for io threads.
  [[nodiscard]] bool rewrites() const { return root != archive::kStoredRoot; }
  [[nodiscard]] Result<Response> prepared(const archive::PreparedPtr& metadata) const;
  [[nodiscard]] Result<Response> run() const;
  /// 304 when the request holds what is of `state`.
  [[nodiscard]] std::optional<Response> unchanged() const {
    if (!headers.get("If-None-Match")) return std::nullopt;
    return not_modified(headers, etag_of(state));
  }

 private:
  [[nodiscard]] std::string etag_of(std::string_view now) const;
  [[nodiscard]] Result<http::Segment> body(std::string_view etag) const;
};

std::string MetadataJob::etag_of(std::string_view now) const {
  return make_etag({"metadata", context.tenant.view(), path.to_string(), now, offer.media_type, root, filter.name()});
}

enum class Coding { kNone, kGzip, kZstd };

/// zstd where the client names it and doesn't like gzip better: of a series it is smaller. Never for `*`, as who writes that
/// may not know it.
Coding choose_coding(const http::Headers& headers, const archive::PreparedMetadata& metadata) {
  const auto accepted = headers.joined("Accept-Encoding");
  if (!accepted) return Coding::kNone;
  const double gzip = http::coding_quality(*accepted, "gzip");
  if (metadata.series.size() == 1 && metadata.series.front().has_zstd() &&
      accepted->find("zstd") != std::string::npos) {
    const double zstd = http::coding_quality(*accepted, "zstd");
    if (zstd > 0 && zstd >= gzip) return Coding::kZstd;
  }
  return gzip > 0 ? Coding::kGzip : Coding::kNone;
}

Result<Response> MetadataJob::prepared(const archive::PreparedPtr& metadata) const {
  const std::string etag = etag_of(std::to_string(metadata->version));
  if (auto unchanged = not_modified(headers, etag)) return *std::move(unchanged);
  Response response;
  response.headers.set("Content-Type", offer.media_type);
  const Coding coding = choose_coding(headers, *metadata);
  if (rewrites()) {
    set_cache_headers(response, etag);
    GANTRY_LET(auto segment, object_body(prepared_pieces(metadata, root), kPreparedPieces));
    response.body.add(std::move(segment));
    response.compressible = true;
  } else if (coding == Coding::kZstd) {
    set_cache_headers(response, http::zstd_etag(etag));
    response.headers.set("Content-Encoding", "zstd");
    response.body = prepared_zstd(*metadata);
  } else if (coding == Coding::kGzip) {
    set_cache_headers(response, http::gzip_etag(etag));
    response.headers.set("Content-Encoding", "gzip");
    response.body = prepared_gzip(*metadata);
  } else {
    set_cache_headers(response, etag);
    response.body = prepared_array(*metadata);
  }
  if (metadata->damaged > 0) {
    add_warning(
        response, root,
        std::to_string(metadata->damaged) + " instances are left out, as their stored attributes can't be read");
  }
  return response;
}

Result<http::Segment> MetadataJob::body(std::string_view etag) const {
  GANTRY_LET(auto rows, services->retrieves.metadata(context, path.study, path.series, path.sop));
  const bool xml = offer.multipart;
  NextObject next = [rows = std::move(rows), uris = root, xml, kept = filter]() -> Result<std::optional<std::string>> {
    GANTRY_LET(auto object, rows->next());
    if (!object) return object;
    if (kept.active()) {
      GANTRY_LET(object, kept.apply(*object));
    }
    archive::replace_root(*object, uris);
    if (!xml) return object;
    GANTRY_LET(auto document, native_model_xml(*object));
    return std::optional(std::move(document));
  };
  if (!xml) return object_body(std::move(next), kJsonArray);
  MultipartPlan parts(etag, services->settings);
  ObjectFraming framing;
  framing.open = parts.part_head(kDicomXml, {}, {});
  framing.separator = parts.part_head(kDicomXml, {}, {});
  framing.close = parts.closing();
  return object_body(std::move(next), std::move(framing));
}

Result<Response> MetadataJob::run() const {
  if (documents) return prepared(documents);
  std::string now = state;
  if (now.empty()) {
    // Read before the rows: what changes in between makes the next request's ETag another one.
    GANTRY_LET(const auto read, services->retrieves.version(context, path.study, path.series));
    now = std::to_string(read);
  }
  const std::string etag = etag_of(now);
  if (auto unchanged = not_modified(headers, etag)) return *std::move(unchanged);
  Response response;
  const auto boundary = boundary_for(etag, services->settings.boundary_secret);
  response.headers.set("Content-Type",
                       offer.multipart ? multipart_content_type(kDicomXml, boundary) : offer.media_type);
  set_cache_headers(response, etag);
  GANTRY_LET(auto segment, body(etag));
  response.body.add(std::move(segment));
  response.compressible = true;
  return response;
}

}  // namespace

Task<Response> retrieve_metadata(Services& services, Request& request) {
  const auto path = instance_path(request);
  if (!path) co_return http::problem(path.error());
  const auto query = http::parse_query(request.query);
  if (!query) co_return http::problem(query.error());
  const auto ranges = accepted_ranges(request.headers, *query);
  const Offer* offer = choose(ranges, data_set_offers());
  if (offer == nullptr) co_return not_acceptable(data_set_offers());

  auto filter = MetadataFilter::create(*query);
  if (!filter) co_return http::problem(filter.error());

  MetadataJob job;
  job.filter = *std::move(filter);
  job.services = &services;
  job.context = request.context;
  job.path = *path;
  job.offer = *offer;
  job.root = uri_root(services.settings, request);
  for (const char* const name : {"If-None-Match", "Accept-Encoding"}) {
    if (const auto sent = request.headers.joined(name)) job.headers.add(name, *sent);
  }
  if (!path->sop) {
    auto known = co_await services.retrieves.find_metadata(job.context, job.path.study, job.path.series);
    if (!known) co_return http::problem(known.error());
    job.version = known->prepared ? known->prepared->version : known->version;
    if (!job.version && job.headers.get("If-None-Match")) {
      // The version alone may say that nothing is to be read.
      auto read = [&retrieves = services.retrieves, context = job.context, path = job.path] {
        return retrieves.version(context, path.study, path.series);
      };
      const auto version = co_await run_on(services.index_pool, std::move(read));
      if (!version) co_return http::problem(version.error());
      job.version = *version;
    }
    if (job.version) {
      job.state = std::to_string(*job.version);
      if (auto unchanged = job.unchanged()) co_return *std::move(unchanged);
    }
    if (job.takes_prepared()) {
      job.documents = known->prepared;
      if (!job.documents) {
        auto fetched = co_await services.retrieves.fetch_metadata(services.index_pool, job.context, job.path.study,
                                                                  job.path.series, job.version);
        if (!fetched) co_return http::problem(fetched.error());
        job.documents = *std::move(fetched);
      }
      if (job.documents && !job.rewrites()) {
        auto answer = job.prepared(job.documents);
        if (!answer) co_return http::problem(answer.error());
        co_return *std::move(answer);
      }
    }
  }
  if (path->sop) {
    // An object's name is used once, so it stands for its metadata, too.
    auto found = co_await find_instance(services, request.context, *path);
    if (!found) co_return http::problem(found.error());
    job.state = (*found)->object_key.str();
  }
  auto work = [job = std::move(job)] { return job.run(); };
  auto response = co_await run_on(services.index_pool, request.context.tenant.view(), std::move(work));
  if (!response) co_return http::problem(response.error());
  co_return *std::move(response);
}

}  // namespace gantry::dicomweb::wado

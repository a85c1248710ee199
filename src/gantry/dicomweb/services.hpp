#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gantry/base/worker_pool.hpp"
#include "gantry/http/router.hpp"

namespace gantry::archive {
class StoreService;
class QueryService;
class RetrieveService;
class DeleteService;
class VersionReader;
class PixelService;
}  // namespace gantry::archive
namespace gantry::pixels {
class TextFont;
}  // namespace gantry::pixels

namespace gantry::dicomweb {

/// A further root at which the service is found. Its pattern may have {parameters}: "/tenants/{tenant}/dicom-web".
struct Mount {
  std::string pattern;
  bool read_only = false;  ///< has the routes alone that need no more than Permission::kRead
};

struct Settings {
  std::string base_path = "/dicom-web";      ///< where the service root is
  std::vector<Mount> mounts;                 ///< where it is, too; see mounted_routes()
  std::string public_url;                    ///< of base_path: "https://pacs.example/dicom-web" when configured, else ""
  std::vector<std::string> trusted_proxies;  ///< addresses whose Forwarded and X-Forwarded-* are believed
  std::string boundary_secret;               ///< keys the multipart boundaries; the same on all nodes
  bool strict_transfer_syntax = false;       ///< `transfer-syntax=*` never gives Implicit VR or Big Endian (§8.7.3)
  bool sanitize_preamble = false;            ///< sends the 128 bytes of the preamble as zeros
  bool empty_search_is_204 = false;
  std::uint64_t limit_default = 100, limit_most = 1000, offset_most = 1'000'000;
};

/// What the handlers need. All outlive the server.
struct Services {
  archive::StoreService& store;
  archive::QueryService& queries;
  archive::RetrieveService& retrieves;
  archive::DeleteService& deletes;
  archive::VersionReader* versions;  ///< null: this process is the index's only writer
  WorkerPool& index_pool;  ///< blocking index reads
  WorkerPool& disk_pool;   ///< blocking file work
  Settings settings;
  archive::PixelService* pixels = nullptr;  ///< null: nothing is decoded or rendered
  std::shared_ptr<const pixels::TextFont> font = nullptr;  ///< null: nothing is written on pictures
};

/// POST /studies, POST /studies/{study} (PS3.18 §10.5) and DELETE at three levels. `services` outlives the routes.
[[nodiscard]] std::vector<http::Route> store_routes(Services& services);
/// QIDO-RS: the six search resources (PS3.18 §10.6).
[[nodiscard]] std::vector<http::Route> search_routes(Services& services);
/// WADO-RS and WADO-URI: instances, metadata, frames, bulk data (PS3.18 §10.4, §9).
[[nodiscard]] std::vector<http::Route> retrieve_routes(Services& services);

/// The `routes` of a service root once more for each of settings.mounts, with the same handlers: URIs in their answers
/// begin with the root that the request named (Request::mount). What stands outside the service root (/wado) is not
/// repeated. The result goes beside `routes`.
[[nodiscard]] std::vector<http::Route> mounted_routes(const Settings& settings, const std::vector<http::Route>& routes);
/// store_routes(), search_routes() and retrieve_routes() at base_path and at every mount.
[[nodiscard]] std::vector<http::Route> service_routes(Services& services);

}  // namespace gantry::dicomweb

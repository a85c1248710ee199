// The one file that knows which providers this build has.

#include "gantry/server/providers.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "gantry/config/urls.hpp"
#include "gantry/index/mongo/mongo_index.hpp"
#include "gantry/index/postgres/postgres_index.hpp"
#include "gantry/index/sqlite/sqlite_index.hpp"
#include "gantry/storage/filesystem/filesystem_store.hpp"

namespace gantry::server {
namespace {

Error not_in_this_build(const std::string& setting, const std::string& url, const std::string& instead) {
  return Error::unsupported(setting + " = \"" + config::redact_url(url) + "\" is not in this build: " + instead);
}

Result<void> make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return Error::unavailable("making " + folder.string() + ": " + error.message());
  return {};
}

using OpenedIndex = Result<std::unique_ptr<index::InstanceIndex>>;

OpenedIndex open_sqlite(const config::Settings&, const config::IndexUrl& url) {
  GANTRY_TRY(make_folder(std::filesystem::path(url.path).parent_path()));
  index::SqliteSettings sqlite;
  sqlite.path = url.path;
  sqlite.readers = index_threads();
  GANTRY_LET(std::unique_ptr<index::InstanceIndex> index, index::SqliteIndex::open(std::move(sqlite)));
  return index;
}

OpenedIndex open_postgres(const config::Settings& settings, const config::IndexUrl&) {
  index::PostgresSettings postgres;
  postgres.url = settings.index.url;
  postgres.connections = settings.index.connections != 0 ? static_cast<unsigned>(settings.index.connections) : index_threads() + 2;
  postgres.connect_time = settings.index.connect_time;
  postgres.wait_time = settings.index.wait_time;
  postgres.statement_time = settings.index.statement_time;
  postgres.migrate = settings.index.migrate;
  GANTRY_LET(std::unique_ptr<index::InstanceIndex> index, index::PostgresIndex::open(std::move(postgres)));
  return index;
}

OpenedIndex open_mongo(const config::Settings& settings, const config::IndexUrl&) {
  index::MongoSettings mongo;
  mongo.url = settings.index.url;
  mongo.connections = settings.index.connections != 0 ? static_cast<unsigned>(settings.index.connections) : index_threads() + 2;
  mongo.connect_time = settings.index.connect_time;
  mongo.wait_time = settings.index.wait_time;
  mongo.statement_time = settings.index.statement_time;
  mongo.migrate = settings.index.migrate;
  GANTRY_LET(std::unique_ptr<index::InstanceIndex> index, index::MongoIndex::open(std::move(mongo)));
  return index;
}

OpenedIndex open_index_of(const config::Settings& settings, const config::IndexUrl& url) {
  switch (url.kind) {
    case config::IndexKind::kSqlite: return open_sqlite(settings, url);
    case config::IndexKind::kPostgres: return open_postgres(settings, url);
    case config::IndexKind::kMongo: return open_mongo(settings, url);
    case config::IndexKind::kMysql: break;
  }
  return not_in_this_build("index.url", settings.index.url, "it has sqlite:PATH, postgresql://… and mongodb://…");
}

}  // namespace

unsigned index_threads() { return std::max(4U, 2 * std::thread::hardware_concurrency()); }

Result<void> check_build(const config::Settings& settings) {
  if (!settings.cache.url.empty()) {
    return not_in_this_build("cache.url", settings.cache.url, "leave it empty; the memory cache needs no setting");
  }
  return {};
}

Result<std::unique_ptr<index::InstanceIndex>> open_index(const config::Settings& settings, const TenantId& tenant) {
  GANTRY_LET(const auto url, config::parse_index_url(settings.index.url));
  GANTRY_LET(std::unique_ptr<index::InstanceIndex> index, open_index_of(settings, url));
  RequestContext ctx;
  ctx.tenant = tenant;
  ctx.principal = "start";
  GANTRY_TRY(index->ensure_tenant(ctx));
  return index;
}

Result<std::unique_ptr<storage::ObjectStore>> open_objects(const config::Settings& settings) {
  GANTRY_LET(const auto url, config::parse_storage_url(settings.storage.url));
  if (url.kind != config::StorageKind::kFile) {
    return not_in_this_build("storage.url", settings.storage.url, "it keeps objects in a folder alone, file:PATH");
  }
  GANTRY_LET(std::unique_ptr<storage::ObjectStore> objects, storage::FilesystemStore::open(url.path));
  return objects;
}

}  // namespace gantry::server

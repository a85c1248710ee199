// The one file that knows which providers this build has.

#include "gantry/server/providers.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>

#include "gantry/cache/redis/redis_cache.hpp"
#include "gantry/config/urls.hpp"
#include "gantry/index/copy.hpp"
#include "gantry/index/mongo/mongo_index.hpp"
#include "gantry/index/mysql/mysql_index.hpp"
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

index::SqliteSettings sqlite_settings(const config::IndexUrl& url) {
  index::SqliteSettings sqlite;
  sqlite.path = url.path;
  sqlite.readers = index_threads() + 1;  // the pool's spare thread reads, too
  return sqlite;
}

/// Of a database behind a network; all providers' settings have these members.
template <class Settings>
Settings server_settings(const config::Settings& settings) {
  Settings server;
  if constexpr (requires { server.url; }) server.url = settings.index.url;
  server.connections =
      settings.index.connections != 0 ? static_cast<unsigned>(settings.index.connections) : index_threads() + 3;
  server.connect_time = settings.index.connect_time;
  server.wait_time = settings.index.wait_time;
  server.statement_time = settings.index.statement_time;
  server.migrate = settings.index.migrate;
  return server;
}

index::MysqlSettings mysql_settings(const config::Settings& settings, const config::Url& url) {
  auto mysql = server_settings<index::MysqlSettings>(settings);
  mysql.host = url.host;
  mysql.port = url.port.value_or(mysql.port);
  mysql.user = url.user;
  mysql.password = url.password;
  mysql.database = url.path.empty() ? "" : url.path.substr(1);
  mysql.parameters = url.query;
  return mysql;
}

/// Runs `work(provider's class, its settings)` for the provider that `index.url` names.
template <class Work>
auto with_provider(const config::Settings& settings, const Work& work)
    -> decltype(work.template operator()<index::SqliteIndex>(index::SqliteSettings{})) {
  GANTRY_LET(const auto url, config::parse_index_url(settings.index.url));
  switch (url.kind) {
    case config::IndexKind::kSqlite:
      GANTRY_TRY(make_folder(std::filesystem::path(url.path).parent_path()));
      return work.template operator()<index::SqliteIndex>(sqlite_settings(url));
    case config::IndexKind::kPostgres:
      return work.template operator()<index::PostgresIndex>(server_settings<index::PostgresSettings>(settings));
    case config::IndexKind::kMongo:
      return work.template operator()<index::MongoIndex>(server_settings<index::MongoSettings>(settings));
    case config::IndexKind::kMysql: break;
  }
  return work.template operator()<index::MysqlIndex>(mysql_settings(settings, url.url));
}

/// Half of an archive is not to be taken for the whole.
Result<void> expect_whole(index::TableStore& store) {
  RequestContext ctx;
  ctx.principal = "start";
  GANTRY_LET(const std::string source, index::unfinished_copy_of(ctx, store));
  if (source.empty()) return {};
  return Error::unavailable("the index is the unfinished target of a copy from " + source +
                            ": finish it by `gantry index copy`");
}

}  // namespace

unsigned index_threads() { return std::max(4U, 2 * std::thread::hardware_concurrency()); }

Result<std::unique_ptr<cache::SharedCache>> open_cache(const config::Settings& settings) {
  GANTRY_LET(const auto url, config::parse_cache_url(settings.cache.url));
  if (url.kind == config::CacheKind::kNone) return std::unique_ptr<cache::SharedCache>();
  cache::RedisSettings redis;
  redis.host = url.url.host;
  redis.port = url.url.port.value_or(redis.port);
  // Sentinels listen on a port of their own.
  constexpr std::uint16_t kSentinelPort = 26379;
  for (const auto& [host, port] : url.sentinels) redis.sentinels.push_back({host, port.value_or(kSentinelPort)});
  redis.service = url.service;
  redis.sentinel_user = url.url.parameter("sentinel_user").value_or("");
  redis.sentinel_password = url.url.parameter("sentinel_password").value_or("");
  redis.user = url.url.user;
  redis.password = url.url.password;
  redis.database = url.database;
  redis.tls = url.kind == config::CacheKind::kRedisTls;
  redis.ca_file = url.url.parameter("ca").value_or("");
  redis.operation_time = settings.cache.operation_time;
  redis.connections = settings.cache.connections;
  auto cache = cache::RedisCache::open(std::move(redis));
  if (!cache) return Error(cache.error().kind(), "cache.url: " + cache.error().detail());
  return std::unique_ptr<cache::SharedCache>(*std::move(cache));
}

Result<std::unique_ptr<index::InstanceIndex>> open_index(const config::Settings& settings, const TenantId& tenant) {
  const auto open = [&]<class Index>(auto provider) -> Result<std::unique_ptr<index::InstanceIndex>> {
    GANTRY_LET(std::unique_ptr<Index> index, Index::open(std::move(provider)));
    GANTRY_TRY(expect_whole(*index));
    return std::unique_ptr<index::InstanceIndex>(std::move(index));
  };
  GANTRY_LET(auto index, with_provider(settings, open));
  RequestContext ctx;
  ctx.tenant = tenant;
  ctx.principal = "start";
  GANTRY_TRY(index->ensure_tenant(ctx));
  return index;
}

Result<bool> is_embedded(const config::Settings& settings) {
  GANTRY_LET(const auto url, config::parse_index_url(settings.index.url));
  return url.kind == config::IndexKind::kSqlite;
}

Result<std::unique_ptr<index::TableStore>> open_tables(const config::Settings& settings) {
  return with_provider(settings, []<class Index>(auto provider) -> Result<std::unique_ptr<index::TableStore>> {
    GANTRY_LET(std::unique_ptr<Index> index, Index::open(std::move(provider)));
    return std::unique_ptr<index::TableStore>(std::move(index));
  });
}

Result<std::unique_ptr<index::SchemaAdmin>> open_schema(const config::Settings& settings) {
  return with_provider(settings, []<class Index>(auto provider) -> Result<std::unique_ptr<index::SchemaAdmin>> {
    return Index::open_schema(provider);
  });
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

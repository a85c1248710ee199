#pragma once

// The URLs of settings: which index, which storage, which cache.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::config {

/// scheme://user:password@host:port/path?query, decoded. Without "//" all behind the scheme is the path, as it is.
struct Url {
  std::string scheme;  ///< lower case
  std::string user, password, host;
  std::optional<std::uint16_t> port;
  std::string path;  ///< with its first slash
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

/// kInvalid when it is none: no scheme, a port that is no number, broken escapes, control characters.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

/// The same text with "***" for a password and for parameters that hold secrets (names with password, secret, token,
/// key). Text that can't be parsed loses everything before its last '@'.
[[nodiscard]] std::string redact_url(std::string_view text);

enum class IndexKind { kSqlite, kPostgres, kMysql, kMongo };
struct IndexUrl {
  IndexKind kind = IndexKind::kSqlite;
  std::string path;  ///< kSqlite: of the file
  Url url;
};
/// sqlite:PATH, postgresql://HOST…, mysql://HOST…, mongodb://HOST… (also postgres, mariadb, mongodb+srv,
/// sqlite:///PATH).
[[nodiscard]] Result<IndexUrl> parse_index_url(std::string_view text);

enum class StorageKind { kFile, kS3 };
struct StorageUrl {
  StorageKind kind = StorageKind::kFile;
  std::string path;            ///< kFile: of the folder
  std::string bucket, prefix;  ///< kS3; the prefix has no slash at its ends
  Url url;
};
/// file:PATH or s3://bucket/prefix?endpoint=… (also file:///PATH).
[[nodiscard]] Result<StorageUrl> parse_storage_url(std::string_view text);

using Hosts = std::vector<std::pair<std::string, std::optional<std::uint16_t>>>;

enum class CacheKind { kNone, kRedis, kRedisTls };
struct CacheUrl {
  CacheKind kind = CacheKind::kNone;
  unsigned database = 0;  ///< redis://host/3
  Url url;
  /// redis+sentinel://host:port,host:port/service/3: where the sentinels are, and what they call the primary.
  Hosts sentinels;
  std::string service;
};
/// Empty, redis://…, rediss://…?ca=FILE, redis+sentinel://…/SERVICE or rediss+sentinel://…/SERVICE?ca=FILE. Sentinels have
/// passwords of their own: sentinel_user and sentinel_password.
[[nodiscard]] Result<CacheUrl> parse_cache_url(std::string_view text);

}  // namespace gantry::config

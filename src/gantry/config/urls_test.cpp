#include "gantry/config/urls.hpp"

#include <gtest/gtest.h>

namespace gantry::config {
namespace {

TEST(Url, IsTakenApart) {
  const auto url =
      parse_url("PostgreSQL://us%65r:p%40ss:word@db.example:5432/gan%20try?sslmode=verify-full&a&x=%26#frag");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "postgresql");
  EXPECT_EQ(url->user, "user");
  EXPECT_EQ(url->password, "p@ss:word");
  EXPECT_EQ(url->host, "db.example");
  EXPECT_EQ(url->port, 5432);
  EXPECT_EQ(url->path, "/gan try");
  EXPECT_EQ(url->parameter("sslmode"), "verify-full");
  EXPECT_EQ(url->parameter("a"), "");
  EXPECT_EQ(url->parameter("x"), "&");
  EXPECT_EQ(url->parameter("y"), std::nullopt);
  EXPECT_EQ(parse_url("redis://[::1]:6379")->host, "::1");
  EXPECT_EQ(parse_url("redis://[::1]:6379")->port, 6379);
  EXPECT_EQ(parse_url("mongodb://a:1,b:2/x")->host, "a:1,b:2");
  EXPECT_EQ(parse_url("file:a/b%")->path, "a/b%");
}

TEST(Url, IsRefusedWhenItIsNone) {
  for (const char* text : {"", "nothing", ":x", "a b:c", "x://h:port", "x://h:65536", "x://[::1", "x://[::1]80",
                           "x://h/%zz", "x://u:p/w@h", "x://h?a=%0", "x://h?a=%00", "x://h\n"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(RedactUrl, HidesPasswordsAndNothingElse) {
  EXPECT_EQ(redact_url("redis://user:hunter2@127.0.0.1:6379/0"), "redis://user:***@127.0.0.1:6379/0");
  EXPECT_EQ(redact_url("redis://:hunter2@h"), "redis://:***@h");
  EXPECT_EQ(redact_url("redis://user@h/0"), "redis://user@h/0");
  EXPECT_EQ(redact_url("sqlite:a/b"), "sqlite:a/b");
  EXPECT_EQ(redact_url("s3://b/p?endpoint=http://x&secret_key=abc&region=eu&Access_Key=d"),
            "s3://b/p?endpoint=http://x&secret_key=***&region=eu&Access_Key=***");
  EXPECT_EQ(redact_url("x://h?password=a#b"), "x://h?password=***#b");
}

TEST(RedactUrl, HidesWhatMayBeAPasswordInABrokenUrl) {
  for (const char* text :
       {"redis://user:hun/ter2@h", "redis://user:hunter2@h:port", "redis:user:hunter2@h", "user:hunter2@h",
        "redis://u:a@hunter2@h", "redis://user:hunter2#x@h", "redis://user:%hunter2@h"}) {
    EXPECT_EQ(redact_url(text).find("hunter2"), std::string::npos) << redact_url(text);
    EXPECT_EQ(redact_url(text).find("ter2"), std::string::npos) << redact_url(text);
  }
}

TEST(IndexUrl, NamesItsDatabase) {
  EXPECT_EQ(parse_index_url("sqlite:./x y/index.sqlite")->path, "./x y/index.sqlite");
  EXPECT_EQ(parse_index_url("sqlite:/abs")->path, "/abs");
  EXPECT_EQ(parse_index_url("sqlite:///abs")->path, "/abs");
  EXPECT_EQ(parse_index_url("postgresql://h/x")->kind, IndexKind::kPostgres);
  EXPECT_EQ(parse_index_url("mysql://h/x")->kind, IndexKind::kMysql);
  EXPECT_EQ(parse_index_url("mongodb+srv://h/x")->kind, IndexKind::kMongo);
  for (const char* text : {"sqlite:", "sqlite://", "sqlite://host/x", "oracle://h", "postgresql:h", "x"})
    EXPECT_FALSE(parse_index_url(text)) << text;
}

TEST(StorageUrl, IsAFolderOrABucket) {
  EXPECT_EQ(parse_storage_url("file:objects")->path, "objects");
  const auto s3 = parse_storage_url("s3://bucket/a/b/?endpoint=http%3A%2F%2F127.0.0.1%3A9000");
  ASSERT_TRUE(s3);
  EXPECT_EQ(s3->bucket, "bucket");
  EXPECT_EQ(s3->prefix, "a/b");
  EXPECT_EQ(s3->url.parameter("endpoint"), "http://127.0.0.1:9000");
  for (const char* text : {"", "file:", "s3://", "s3:///x", "ftp://h", "/plain/path"})
    EXPECT_FALSE(parse_storage_url(text)) << text;
}

TEST(CacheUrl, IsRedisOrNothing) {
  EXPECT_EQ(parse_cache_url("")->kind, CacheKind::kNone);
  EXPECT_EQ(parse_cache_url("redis://h")->database, 0U);
  EXPECT_EQ(parse_cache_url("rediss://u:p@h:1/3")->kind, CacheKind::kRedisTls);
  EXPECT_EQ(parse_cache_url("redis://h/3")->database, 3U);
  EXPECT_EQ(parse_cache_url("rediss://h/3?ca=/a/b.crt")->url.parameter("ca"), "/a/b.crt");
  for (const char* text : {"redis:", "redis://", "redis://h/x", "redis://h/3/4", "redis://h?ca=f", "redis://h,i",
                           "redis://h?sentinel_user=x", "rediss://h/0?verify=no", "memcached://h"})
    EXPECT_FALSE(parse_cache_url(text)) << text;
}

TEST(CacheUrl, NamesSentinelsAndWhatTheyCallThePrimary) {
  const auto cache = parse_cache_url("rediss+sentinel://u:p%2C@h:1,[::1]:2,i/mymaster/3?ca=/a&sentinel_password=hunter2");
  ASSERT_TRUE(cache) << cache.error().detail();
  EXPECT_EQ(cache->kind, CacheKind::kRedisTls);
  EXPECT_EQ(cache->service, "mymaster");
  EXPECT_EQ(cache->database, 3U);
  EXPECT_EQ(cache->url.password, "p,");
  ASSERT_EQ(cache->sentinels.size(), 3U);
  EXPECT_EQ(cache->sentinels[0].first, "h");
  EXPECT_EQ(cache->sentinels[0].second, 1);
  EXPECT_EQ(cache->sentinels[1].first, "::1");
  EXPECT_EQ(cache->sentinels[2].second, std::nullopt);
  EXPECT_EQ(parse_cache_url("redis+sentinel://h/m")->sentinels.size(), 1U);
  EXPECT_EQ(redact_url("redis+sentinel://:p@h:1,i/m?sentinel_password=hunter2"),
            "redis+sentinel://:***@h:1,i/m?sentinel_password=***");
  for (const char* text : {"redis+sentinel://h", "redis+sentinel://h/", "redis+sentinel:///m", "redis+sentinel://h,/m",
                           "redis+sentinel://h:x/m", "redis+sentinel://h/m/x", "redis+sentinel://h/m?ca=/a"})
    EXPECT_FALSE(parse_cache_url(text)) << text;
}

}  // namespace
}  // namespace gantry::config

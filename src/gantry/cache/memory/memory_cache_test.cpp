#include "gantry/cache/memory/memory_cache.hpp"

#include "contract/shared_cache_contract.hpp"
#include "gantry/cache/keys.hpp"

namespace gantry::cache {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, SharedCacheContract,
                         testing::Values(SharedCacheMaker{"memory", [] { return std::make_unique<MemoryCache>(); }}));

TEST(Keys, AreThoseThatOthersRead) {
  const TenantId tenant("clinic-a");
  EXPECT_EQ(study_rows_key(tenant, StudyUid("1.2")), "wado:clinic-a:study:1.2:metadata");
  EXPECT_EQ(absence_key(tenant, StudyUid("1.2")), "db:clinic-a:study:1.2:metadata");
  EXPECT_EQ(generating_key(tenant, SeriesUid("1.3")), "wado:clinic-a:series:1.3:json_generating");
  EXPECT_EQ(jwks_key(), "jwksurl:8e646686-9d36-480b-95ea-1718b24c1c98");
  EXPECT_EQ(jwks_key("abc"), "jwksurl:8e646686-9d36-480b-95ea-1718b24c1c98:abc");
}

}  // namespace
}  // namespace gantry::cache

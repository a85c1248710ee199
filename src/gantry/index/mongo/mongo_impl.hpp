#pragma once

#include "gantry/index/mongo/mongo_index.hpp"
#include "gantry/index/mongo/writer.hpp"

namespace gantry::index {

struct MongoIndex::Impl {
  std::unique_ptr<mongo::Pool> pool;
  std::unique_ptr<mongo::Writer> writer;

  /// kConflict when the tenant's state is not `from`.
  Result<void> set_tenant(const RequestContext& ctx, std::optional<TenantState> from,
                          std::vector<std::pair<std::string, std::int64_t>> fields);

  /// Reads outside of transactions; libmongoc asks again itself when a connection was broken.
  template <class Work>
  auto read(const RequestContext& ctx, const Work& work) -> decltype(work(std::declval<mongo::Session&>())) {
    if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
    GANTRY_LET(mongo::Session session, pool->lend(ctx));
    return work(session);
  }
  /// The same in one state, where the deployment can.
  template <class Work>
  auto read_one_state(const RequestContext& ctx, const Work& work) -> decltype(work(std::declval<mongo::Session&>())) {
    if (Clock::now() >= ctx.deadline) return Error::timeout("the deadline passed");
    GANTRY_LET(mongo::Session session, pool->lend(ctx));
    if (pool->server().transactions) GANTRY_TRY(session.begin(false));
    return work(session);
  }
};

}  // namespace gantry::index

#pragma once

// What the tests of the index's contract stand on. The tests are in the files that index_contract.hpp includes.

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/index_samples.hpp"

namespace gantry::index::contract {

using Outcome = Committed::Outcome;
using Kind = Match::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

/// The value, by value: what a temporary Result holds must not be looped over.
template <class T>
T must(Result<T> result) {
  EXPECT_TRUE(result) << result.error().detail();
  return result ? *std::move(result) : T();
}

/// How many generated archives the comparison takes; a provider whose server reads all it has for every search takes fewer.
template <class Provider>
unsigned archives() {
  if constexpr (requires { Provider::archives(); }) return Provider::archives();
  return 4;
}

/// Whether the cases of many writers and many rows are to be small for this provider.
template <class Provider>
bool is_reduced() {
  return archives<Provider>() < 4;
}

template <class Provider>
class IndexContract : public testing::Test {
 protected:
  IndexContract() { EXPECT_TRUE(index().ensure_tenant(ctx)); }

  InstanceIndex& index() { return provider.index(); }
  std::vector<Committed> commit(const RequestContext& as, std::vector<InstanceRecord> batch,
                                ConflictPolicy policy = ConflictPolicy::kReject) {
    auto outcomes = index().commit(as, batch, policy);
    EXPECT_TRUE(outcomes) << outcomes.error().detail();
    return outcomes ? *std::move(outcomes) : std::vector<Committed>(batch.size());
  }
  Committed commit(InstanceRecord record, ConflictPolicy policy = ConflictPolicy::kReject) {
    return commit(ctx, {std::move(record)}, policy)[0];
  }
  std::vector<SearchRow> search(const RequestContext& as, const SearchQuery& query) {
    std::vector<SearchRow> rows;
    auto done = index().search(as, query, [&rows](SearchRow&& row) {
      rows.push_back(std::move(row));
      return true;
    });
    EXPECT_TRUE(done) << done.error().detail();
    return rows;
  }
  std::vector<SearchRow> all(Level level, const RequestContext& as) {
    SearchQuery query;
    query.level = level;
    return search(as, query);
  }
  std::vector<SearchRow> all(Level level) { return all(level, ctx); }
  TenantTotals totals() { return must(index().totals(ctx)); }
  void expect_counts_right() {
    const auto differences = index().verify_counts(ctx);
    ASSERT_TRUE(differences) << differences.error().detail();
    EXPECT_THAT(*differences, IsEmpty());
  }
  std::vector<Change> changes() { return must(index().changes(ctx, 0, 100'000)); }

  Provider provider;
  RequestContext ctx = context_for("clinic-a");
};
TYPED_TEST_SUITE_P(IndexContract);

}  // namespace gantry::index::contract

#pragma once

// Writers and readers at once: nothing lost, nothing twice, no deadlock that anybody sees.

#include "contract/index_contract_fixture.hpp"

namespace gantry::index::contract {

TYPED_TEST_P(IndexContract, SixteenThreadsIntoOneStudyLoseNothing) {
  constexpr int kThreads = 16, kBatches = 6, kEach = 5;
  std::vector<std::thread> threads;
  std::atomic<int> stored = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int b = 0; b < kBatches; ++b) {
        std::vector<InstanceRecord> batch;
        for (int i = 0; i < kEach; ++i) {
          batch.push_back(instance("1", "1." + std::to_string((t + i) % 4),
                                   "1." + std::to_string(t) + "." + std::to_string(b * kEach + i)));
        }
        const auto outcomes = this->index().commit(this->ctx, batch, ConflictPolicy::kReject);
        for (const auto& outcome : *outcomes) stored += outcome.outcome == Outcome::kStored ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stored, kThreads * kBatches * kEach);
  const auto studies = this->all(Level::kStudy);
  ASSERT_EQ(studies.size(), 1U);
  EXPECT_EQ(studies[0].study.instance_count, static_cast<std::uint64_t>(stored));
  EXPECT_EQ(studies[0].study.series_count, 4U);
  EXPECT_EQ(this->all(Level::kInstance).size(), static_cast<std::size_t>(stored));
  std::set<std::uint64_t> versions;
  for (const Change& change : this->changes()) versions.insert(change.version);
  EXPECT_EQ(versions.size(), static_cast<std::size_t>(stored));
  EXPECT_EQ(*versions.rbegin(), static_cast<std::uint64_t>(stored));
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, TheSameInstanceFromSixteenThreadsIsStoredOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> stored = 0, unchanged = 0;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        const std::vector batch{instance("1", "1.1", "1.1." + std::to_string(i))};
        const auto outcomes = this->index().commit(this->ctx, batch, ConflictPolicy::kReject);
        stored += (*outcomes)[0].outcome == Outcome::kStored ? 1 : 0;
        unchanged += (*outcomes)[0].outcome == Outcome::kUnchanged ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stored, 10);
  EXPECT_EQ(unchanged, 150);
  EXPECT_EQ(this->totals().instances, 10U);
  this->expect_counts_right();
}

TYPED_TEST_P(IndexContract, DeletesAgainstStoresAndReadersKeepTheCountsRight) {
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const std::vector batch{instance("1", "1." + std::to_string(t % 2), std::to_string(t) + "." + std::to_string(i))};
        EXPECT_TRUE(this->index().commit(this->ctx, batch, ConflictPolicy::kReject));
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 40; ++i) {
      const auto series = i % 3 == 0 ? std::optional<SeriesUid>() : SeriesUid("1." + std::to_string(i % 2));
      EXPECT_TRUE(this->index().remove(this->ctx, StudyUid("1"), series, std::nullopt, std::chrono::seconds(0)));
    }
  });
  std::thread reader([&] {
    while (!done) {
      for (const auto& row : this->all(Level::kStudy)) {
        // One consistent state: the row's counts agree with each other.
        EXPECT_GE(row.study.instance_count, row.study.series_count);
        EXPECT_GE(row.study.series_count, 1U);
      }
    }
  });
  for (auto& thread : threads) thread.join();
  done = true;
  reader.join();
  const auto studies = this->all(Level::kStudy);
  const auto instances = this->all(Level::kInstance);
  EXPECT_EQ(studies.empty() ? 0 : studies[0].study.instance_count, instances.size());
  EXPECT_EQ(this->totals().instances, instances.size());
  // What the feed says is what happened.
  std::set<std::pair<std::string, std::string>> there;
  for (const Change& change : this->changes()) {
    if (change.action == Change::Action::kStored) {
      there.emplace(change.series.str(), change.sop.str());
    } else {
      std::erase_if(there, [&](const auto& each) { return change.series.empty() || each.first == change.series.str(); });
    }
  }
  std::set<std::pair<std::string, std::string>> found;
  for (const auto& row : instances) found.emplace(row.series->series.str(), row.instance->sop.str());
  EXPECT_EQ(found, there);
  this->expect_counts_right();
}

}  // namespace gantry::index::contract

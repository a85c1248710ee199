#pragma once

// What every ObjectStore owes, run against each provider:
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreContract, testing::Values(ObjectStoreMaker{"memory", …}));

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "gantry/base/sha256.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::storage {

struct ObjectStoreMaker {
  std::string name;
  std::function<std::shared_ptr<ObjectStore>()> make;  ///< an empty one; what it lies on goes with the last pointer
  friend std::ostream& operator<<(std::ostream& out, const ObjectStoreMaker& maker) { return out << maker.name; }
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline ObjectKey new_key(std::string_view tenant = "clinic-a", std::string_view study = "1.2",
                         std::string_view series = "1.2.3") {
  return ObjectKey(std::string(tenant) + "/" + uid_hash(study) + "/" + uid_hash(series) + "/" +
                   to_hex(sha256(bytes_of(study))) + "-" + random_hex(16) + ".dcm");
}

class ObjectStoreContract : public testing::TestWithParam<ObjectStoreMaker> {
 protected:
  Result<void> put(const ObjectKey& key, std::string_view bytes) {
    GANTRY_LET(auto staged, store->stage(ctx));
    GANTRY_TRY(staged->write(bytes_of(bytes)));
    return store->persist(ctx, std::move(staged), key);
  }

  std::string get(const ObjectKey& key) {
    const auto file = store->open(ctx, key);
    if (!file) return "(" + file.error().detail() + ")";
    std::string bytes((*file)->size() + 10, '\0');
    const auto count = (*file)->read_at(0, std::as_writable_bytes(std::span(bytes)));
    if (!count) return "(" + count.error().detail() + ")";
    return bytes.substr(0, *count);
  }

  std::vector<ObjectInfo> listed() {
    std::vector<ObjectInfo> all;
    const auto done = store->list(ctx, [&all](const ObjectInfo& info) {
      all.push_back(info);
      return true;
    });
    EXPECT_TRUE(done) << done.error().detail();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return all;
  }

  const RequestContext ctx{TenantId("clinic-a"), {}, "test", Deadline::max()};
  const std::shared_ptr<ObjectStore> store = GetParam().make();
};

TEST_P(ObjectStoreContract, StagedBytesCanBeReadWithoutAName) {
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write(bytes_of("never named")));
  const auto file = store->open_staged(ctx, *std::move(staged));
  ASSERT_TRUE(file) << file.error().detail();
  EXPECT_EQ((*file)->size(), 11U);
  ASSERT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  std::string read(11, ' ');
  ASSERT_TRUE((*file)->read_at(0, std::as_writable_bytes(std::span(read))));
  EXPECT_EQ(read, "never named");
  EXPECT_TRUE(listed().empty());
}

TEST_P(ObjectStoreContract, GivesBackTheBytesItWasGiven) {
  const auto key = new_key();
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write(bytes_of("first, ")));
  ASSERT_TRUE((*staged)->write({}));
  ASSERT_TRUE((*staged)->write(bytes_of("second")));
  EXPECT_EQ((*staged)->size(), 13U);
  ASSERT_TRUE(store->persist(ctx, *std::move(staged), key));
  EXPECT_EQ(get(key), "first, second");
}

TEST_P(ObjectStoreContract, KeepsAnEmptyObject) {
  const auto key = new_key();
  ASSERT_TRUE(put(key, ""));
  const auto file = store->open(ctx, key);
  ASSERT_TRUE(file);
  EXPECT_EQ((*file)->size(), 0U);
}

TEST_P(ObjectStoreContract, KeepsManyMegabytesWrittenInOddPieces) {
  std::string bytes(20'000'003, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  const auto key = new_key();
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  for (std::size_t at = 0, piece = 1; at < bytes.size(); at += piece, piece = piece * 7 % 1'000'003) {
    ASSERT_TRUE((*staged)->write(bytes_of(std::string_view(bytes).substr(at, piece))));
  }
  ASSERT_TRUE(store->persist(ctx, *std::move(staged), key));
  EXPECT_TRUE(get(key) == bytes);
}

TEST_P(ObjectStoreContract, ReadsAnyRangeAndLessOnlyAtTheEnd) {
  const auto key = new_key();
  ASSERT_TRUE(put(key, "0123456789"));
  const auto file = store->open(ctx, key);
  ASSERT_TRUE(file);
  const auto read = [&](std::uint64_t offset, std::size_t count) {
    std::string into(count, '\0');
    const auto got = (*file)->read_at(offset, std::as_writable_bytes(std::span(into)));
    return got ? into.substr(0, *got) : "(" + got.error().detail() + ")";
  };
  EXPECT_EQ(read(3, 4), "3456");
  EXPECT_EQ(read(8, 5), "89");
  EXPECT_EQ(read(10, 5), "");
  EXPECT_EQ(read(1ULL << 62, 5), "");
  EXPECT_EQ(read(0, 0), "");
}

TEST_P(ObjectStoreContract, ShowsNothingThatWasOnlyStaged) {
  {
    auto staged = store->stage(ctx);
    ASSERT_TRUE(staged);
    ASSERT_TRUE((*staged)->write(bytes_of("never named")));
    EXPECT_TRUE(listed().empty());
  }
  EXPECT_TRUE(listed().empty());
}

TEST_P(ObjectStoreContract, NeverOverwritesATakenName) {
  const auto key = new_key();
  ASSERT_TRUE(put(key, "the first"));
  const auto second = put(key, "the second");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(get(key), "the first");
}

TEST_P(ObjectStoreContract, GivesATakenNameToOneOfManyThreads) {
  const auto key = new_key();
  std::vector<std::thread> threads;
  std::vector<int> won(8);
  for (std::size_t i = 0; i < won.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto done = put(key, "thread " + std::to_string(i));
      won[i] = done ? 1 : 0;
      if (!done) {
        EXPECT_EQ(done.error().kind(), ErrorKind::kConflict) << done.error().detail();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(std::count(won.begin(), won.end(), 1), 1);
  EXPECT_EQ(get(key), "thread " + std::to_string(std::find(won.begin(), won.end(), 1) - won.begin()));
}

TEST_P(ObjectStoreContract, SaysNotFoundForWhatIsNotThere) {
  const auto file = store->open(ctx, new_key());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind(), ErrorKind::kNotFound);
  ASSERT_TRUE(put(new_key(), "a sibling makes the directories"));
  EXPECT_EQ(store->open(ctx, new_key()).error().kind(), ErrorKind::kNotFound);
}

TEST_P(ObjectStoreContract, RemovesAndForgivesWhatIsGone) {
  const auto key = new_key();
  ASSERT_TRUE(put(key, "bytes"));
  ASSERT_TRUE(store->remove(ctx, key));
  EXPECT_EQ(store->open(ctx, key).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(store->remove(ctx, key));
  EXPECT_TRUE(store->remove(ctx, new_key("clinic-b", "9.9", "9.9.9")));
}

TEST_P(ObjectStoreContract, LetsAReaderFinishAfterTheRemoval) {
  const auto key = new_key();
  ASSERT_TRUE(put(key, "still here"));
  const auto file = store->open(ctx, key);
  ASSERT_TRUE(file);
  ASSERT_TRUE(store->remove(ctx, key));
  std::string bytes(10, '\0');
  const auto count = (*file)->read_at(0, std::as_writable_bytes(std::span(bytes)));
  ASSERT_TRUE(count);
  EXPECT_EQ(bytes, "still here");
}

TEST_P(ObjectStoreContract, ListsEveryObjectOnceWithSizeAndTime) {
  // A file system dates by the clock of its last tick.
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    const auto key = new_key(i % 2 == 0 ? "clinic-a" : "b", std::to_string(i % 5), std::to_string(i % 3));
    ASSERT_TRUE(put(key, std::string(static_cast<std::size_t>(i), 'x')));
    expected.push_back(key.str() + " " + std::to_string(i));
  }
  std::vector<std::string> found;
  for (const auto& info : listed()) {
    found.push_back(info.key.str() + " " + std::to_string(info.size));
    EXPECT_GE(info.modified, before);
    EXPECT_LE(info.modified, std::chrono::system_clock::now() + std::chrono::seconds(1));
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
}

TEST_P(ObjectStoreContract, ListsTheObjectsOfOneTenant) {
  std::vector<std::string> expected, found;
  for (int i = 0; i < 12; ++i) {
    const auto key = new_key(i % 3 == 0 ? "clinic-a" : i % 3 == 1 ? "clinic-a2" : "clinic", std::to_string(i % 2));
    ASSERT_TRUE(put(key, "x"));
    if (i % 3 == 0) expected.push_back(key.str());
  }
  ASSERT_TRUE(store->list_tenant(ctx, [&found](const ObjectInfo& info) {
    found.push_back(info.key.str());
    return true;
  }));
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
  int seen = 0;
  ASSERT_TRUE(store->list_tenant(ctx, [&seen](const ObjectInfo&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  RequestContext nobody = ctx;
  nobody.tenant = TenantId("nobody");
  ASSERT_TRUE(store->list_tenant(nobody, [](const ObjectInfo&) {
    ADD_FAILURE();
    return true;
  }));
}

TEST_P(ObjectStoreContract, StopsListingWhenToldTo) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(new_key(), "x"));
  int seen = 0;
  ASSERT_TRUE(store->list(ctx, [&seen](const ObjectInfo&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
}

TEST_P(ObjectStoreContract, ListsWhileTheVisitorRemoves) {
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(put(new_key("clinic-a", std::to_string(i % 3)), "x"));
  std::vector<std::string> seen;
  ASSERT_TRUE(store->list(ctx, [&](const ObjectInfo& info) {
    seen.push_back(info.key.str());
    return store->remove(ctx, info.key).ok();
  }));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen.size(), 30U);
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_TRUE(listed().empty());
}

TEST_P(ObjectStoreContract, RefusesEveryNameThatIsNotTheOneShape) {
  const std::string good = new_key().str();
  ASSERT_TRUE(put(ObjectKey(good), "x"));
  const auto slash = good.find('/');
  const std::string rest = good.substr(slash);
  std::string upper = good;
  upper[upper.size() - 5] = 'A';
  std::string nul = good;
  nul[slash + 3] = '\0';
  const std::vector<std::string> bad = {"",
                                        "/",
                                        "..",
                                        good + "x",
                                        good + "/",
                                        "/" + good,
                                        "./" + good,
                                        "clinic-a/../clinic-a" + rest,
                                        ".." + rest,
                                        rest,
                                        "Clinic" + rest,
                                        "clinic_a" + rest,
                                        "a.b" + rest,
                                        std::string(65, 'a') + rest,
                                        upper,
                                        nul,
                                        good.substr(0, good.size() - 1),
                                        good.substr(0, good.size() - 4),
                                        "clinic-a/x/y/z.dcm",
                                        "clinic-a/" + std::string(16, '.') + rest.substr(17),
                                        "clinic-a//" + rest.substr(1)};
  for (const auto& name : bad) {
    const ObjectKey key(name);
    const auto made = put(key, "x");
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().kind(), ErrorKind::kInvalid) << name;
    EXPECT_EQ(store->open(ctx, key).error().kind(), ErrorKind::kInvalid) << name;
    EXPECT_EQ(store->remove(ctx, key).error().kind(), ErrorKind::kInvalid) << name;
  }
  EXPECT_EQ(listed().size(), 1U);
  EXPECT_TRUE(put(ObjectKey(std::string(64, 'z') + rest), "the longest tenant"));
}

TEST_P(ObjectStoreContract, SweepsNothingThatIsNamedOrOnItsWay) {
  const auto kept = new_key();
  ASSERT_TRUE(put(kept, "named"));
  auto staged = store->stage(ctx);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write(bytes_of("on its ")));
  ASSERT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  ASSERT_TRUE((*staged)->write(bytes_of("way")));
  const auto key = new_key("clinic-b");
  ASSERT_TRUE(store->persist(ctx, *std::move(staged), key));
  EXPECT_EQ(get(kept), "named");
  EXPECT_EQ(get(key), "on its way");
}

TEST_P(ObjectStoreContract, StoresAgainWhereASweepTookTheEmptyDirectories) {
  for (int i = 0; i < 3; ++i) {
    const auto key = new_key();
    ASSERT_TRUE(put(key, "x")) << i;
    ASSERT_TRUE(store->remove(ctx, key));
    ASSERT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  }
}

TEST_P(ObjectStoreContract, StoresFromManyThreadsWhileOneSweepsAndRemoves) {
  constexpr std::size_t kThreads = 6, kEach = 40;
  std::vector<std::vector<ObjectKey>> kept(kThreads);
  std::vector<std::thread> threads;
  std::atomic<std::size_t> writing{kThreads};
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        // All threads meet in few directories, which are often empty.
        const auto key = new_key("clinic-a", std::to_string(i % 3), std::to_string(i % 2));
        const auto done = put(key, "thread " + std::to_string(t));
        EXPECT_TRUE(done) << done.error().detail();
        if (i % 4 == 0) {
          kept[t].push_back(key);
        } else {
          EXPECT_TRUE(store->remove(ctx, key));
        }
      }
      --writing;
    });
  }
  while (writing > 0) EXPECT_TRUE(store->sweep(ctx, std::chrono::seconds(0)));
  for (auto& thread : threads) thread.join();
  for (std::size_t t = 0; t < kThreads; ++t) {
    for (const auto& key : kept[t]) EXPECT_EQ(get(key), "thread " + std::to_string(t));
  }
  EXPECT_EQ(listed().size(), kThreads * kEach / 4);
}

TEST_P(ObjectStoreContract, IsReadyAndLeavesNothingBySayingSo) {
  EXPECT_TRUE(store->check(ctx));
  EXPECT_TRUE(listed().empty());
}

}  // namespace gantry::storage

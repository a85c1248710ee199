#include "gantry/archive/attributes_codec.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <zstd.h>

namespace gantry::archive {
namespace {

std::string sample_json(std::size_t elements) {
  std::string json = "{";
  for (std::size_t i = 0; i < elements; ++i) {
    json += R"("0008)" + std::to_string(1000 + i) + R"(":{"vr":"LO","Value":["text )" + std::to_string(i * 7919) +
            R"("]},)";
  }
  json.back() = '}';
  return json;
}

std::string zstd_of(std::string_view text) {
  std::string compressed(ZSTD_compressBound(text.size()), '\0');
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), text.data(), text.size(), 1));
  return compressed;
}

TEST(AttributesCodec, GivesBackWhatWentInAndIsSmaller) {
  for (const std::size_t elements : {1U, 10U, 200U, 50'000U}) {
    const std::string json = sample_json(elements);
    const std::string compressed = compress_attributes(json);
    const auto back = decompress_attributes(compressed);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, json);
    if (elements > 100) {
      EXPECT_LT(compressed.size(), json.size() / 3);
    }
  }
}

TEST(AttributesCodec, KeepsEmptyText) {
  const auto back = decompress_attributes(compress_attributes(""));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, "");
}

TEST(AttributesCodec, SeesEveryDamagedByteAndEveryCut) {
  const std::string json = sample_json(60);
  const std::string whole = compress_attributes(json);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    const auto back = decompress_attributes(damaged);
    // A bit that the format ignores may change nothing; other text must never come back.
    if (back) {
      EXPECT_EQ(*back, json) << "byte " << i;
    }
    EXPECT_FALSE(decompress_attributes(whole.substr(0, i))) << "cut at " << i;
  }
  EXPECT_FALSE(decompress_attributes(whole + "x"));
}

TEST(AttributesCodec, RefusesWhatAnnouncesMoreThanAnyInstanceHas) {
  const std::string bomb = zstd_of(std::string(kAttributesBytesMost + 1, ' '));
  ASSERT_LT(bomb.size(), 100'000U);
  const auto back = decompress_attributes(bomb);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind(), ErrorKind::kInternal);
}

TEST(AttributesCodec, RefusesTwoFramesWhereOneIsPromised) {
  EXPECT_FALSE(decompress_attributes(compress_attributes("{}") + compress_attributes(sample_json(50))));
}

TEST(AttributesCodec, WorksFromManyThreads) {
  std::vector<std::thread> threads;
  std::vector<int> good(8);
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([t, &good] {
      for (std::size_t i = 1; i < 50; ++i) {
        const std::string json = sample_json(t * 50 + i);
        const auto back = decompress_attributes(compress_attributes(json));
        good[t] += back && *back == json ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int count : good) EXPECT_EQ(count, 49);
}

}  // namespace
}  // namespace gantry::archive

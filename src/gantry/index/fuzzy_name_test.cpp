#include "gantry/index/fuzzy_name.hpp"

#include <random>

#include <gtest/gtest.h>

#include "gantry/index/fields.hpp"

namespace gantry::index {
namespace {

bool near(std::string_view pattern, std::string_view name) { return FuzzyName(pattern).matches(search_name(name)); }

TEST(FuzzyName, WordsMayComeInAnyOrderAndBegin) {
  EXPECT_TRUE(near("jane doe", "Doe^Jane^Mary"));
  EXPECT_TRUE(near("mar^do", "Doe^Jane^Mary"));
  EXPECT_TRUE(near("DOE, J", "Doe^Jane^Mary"));
  EXPECT_FALSE(near("jane smith", "Doe^Jane^Mary"));
}

TEST(FuzzyName, LongerWordsForgiveMore) {
  EXPECT_FALSE(near("doo", "Doe")) << "three letters are exact";
  EXPECT_TRUE(near("jhon", "John"));
  EXPECT_FALSE(near("jxxn", "John"));
  EXPECT_TRUE(near("stephanie", "Stefanie"));
  EXPECT_TRUE(near("alexander", "Aleksander"));
  EXPECT_FALSE(near("alexanter", "Aleksander"));
}

TEST(FuzzyName, WhatMatchesLiterallyMatches) {
  EXPECT_TRUE(near("*an*", "Doe^Jane"));
  EXPECT_TRUE(near("D?e*", "Doe^Jane"));
  EXPECT_FALSE(near("J?ne", "Doe^Jane")) << "'?' is not fuzzy";
}

TEST(FuzzyName, GroupsAreMatchedOneByOne) {
  const char* const name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
  EXPECT_TRUE(near("Tarou", name));
  EXPECT_TRUE(near("=山田", name));
  EXPECT_TRUE(near("yamad=太郎", name));
  EXPECT_FALSE(near("=yamada", name));
}

// Databases narrow by anchors what this class then decides: an anchor missed is a patient missed.
TEST(FuzzyName, EveryWordNearAnotherHoldsOneOfItsAnchors) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  int met = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string word;
    for (std::size_t n = 4 + below(9); n > 0; --n) word += static_cast<char>('a' + below(4));
    std::string other = word;
    for (std::size_t n = below(3); n > 0; --n) {
      const std::size_t at = below(other.size() - 1);
      switch (below(4)) {
        case 0: other.erase(at, 1); break;
        case 1: other.insert(at, 1, 'x'); break;
        case 2: other[at] = 'y'; break;
        default: std::swap(other[at], other[at + 1]);
      }
    }
    other += std::string(below(3), 'z');
    const FuzzyName fuzzy(word);
    ASSERT_EQ(fuzzy.words().size(), 1U);
    if (!fuzzy.matches(other)) continue;
    ++met;
    bool held = false;
    for (const auto& anchor : fuzzy.words()[0].anchors) held = held || other.find(anchor) != std::string::npos;
    EXPECT_TRUE(held) << word << " and " << other;
  }
  EXPECT_GT(met, 5000);
}

TEST(FuzzyName, HostilePatternsCostLittle) {
  EXPECT_TRUE(FuzzyName(std::string(1000, 'a')).words().empty());
  std::string many;
  for (int i = 0; i < 300; ++i) many += "ab^";
  EXPECT_TRUE(FuzzyName(many).words().empty());
  EXPECT_FALSE(near("\xff\xfe\x80", "Doe^Jane"));
  EXPECT_FALSE(near(std::string("a\0b", 3), "Doe^Jane"));
  EXPECT_TRUE(near("===", "Doe^Jane==")) << "as it does literally";
}

}  // namespace
}  // namespace gantry::index

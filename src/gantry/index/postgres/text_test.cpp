#include "gantry/index/postgres/text.hpp"

#include <random>

#include <gtest/gtest.h>

namespace gantry::index::postgres {
namespace {

std::string encoded(std::string_view text) {
  std::string out;
  append_encoded(out, text);
  return out;
}

TEST(PostgresText, OrdinaryTextStaysAsItIs) {
  for (const char* text : {"", "Doe^John", "Müller", "山田^太郎", "𠮷野家", "a\\b%_", "\xEF\xB7\x8F", "\xEF\xBF\xBD"}) {
    EXPECT_EQ(encoded(text), text);
    EXPECT_EQ(decoded(text), text);
  }
}

TEST(PostgresText, WhatPostgresDoesNotTakeIsSpelledAndComesBack) {
  EXPECT_EQ(encoded(std::string_view("a\0b", 3)),
            "a\xEF\xB7\x90"
            "b");
  EXPECT_EQ(encoded("\xFF"),
            "\xEF\xB7\x91"
            "ff");
  EXPECT_EQ(encoded("\xEF\xB7\x90"),
            "\xEF\xB7\x91"
            "ef\xEF\xB7\x91"
            "b7\xEF\xB7\x91"
            "90")
      << "the spelling itself";
  // Overlong, a surrogate, beyond U+10FFFF, cut off, a stray continuation.
  for (const char* text :
       {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE5\xB1", "\xF0\xA0\xAE", "x\x80y", "\xC3(", "\xF8"}) {
    EXPECT_NE(encoded(text), text);
    EXPECT_TRUE(is_encoded(encoded(text)));
    EXPECT_EQ(decoded(encoded(text)), text);
  }
}

TEST(PostgresText, AnyBytesComeBackAndNoTwoTextsAreSpelledAlike) {
  std::mt19937 random(1);
  const std::string alphabet = std::string("a\0", 2) +
                               "\xEF\xB7\x90\x91\x80\xC3\xE5\xF0"
                               "f9";
  std::string before, before_encoded;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += alphabet[random() % alphabet.size()];
    const std::string spelled = encoded(text);
    ASSERT_EQ(decoded(spelled), text);
    ASSERT_EQ(spelled.find('\0'), std::string::npos);
    ASSERT_EQ(text == before, spelled == before_encoded);
    before = text;
    before_encoded = spelled;
  }
}

TEST(PostgresText, ForeignRowsThatOnlyLookSpelledAreGivenAsTheyAre) {
  for (const char* stored : {"\xEF\xB7\x91", "\xEF\xB7\x91g0",
                             "\xEF\xB7\x91"
                             "0",
                             "\xEF\xB7"})
    EXPECT_EQ(decoded(stored), stored);
}

}  // namespace
}  // namespace gantry::index::postgres

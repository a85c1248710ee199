#include "gantry/dicom/charset.hpp"

#include <random>

#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

using Kind = CharacterSet::Kind;

std::string one(std::string_view terms, std::string_view raw, Kind kind = Kind::kPersonName) {
  const auto values = CharacterSet(terms).to_utf8(raw, kind);
  EXPECT_EQ(values.size(), 1U);
  EXPECT_FALSE(values.front().damaged) << values.front().text;
  return values.front().text;
}

// The examples of PS3.5 Annexes H, I, J and K.
TEST(CharacterSet, ReadsTheStandardsJapaneseNames) {
  EXPECT_EQ(one("\\ISO 2022 IR 87", "Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B"),
            "Yamada^Tarou=山田^太郎=やまだ^たろう");
  EXPECT_EQ(one("ISO 2022 IR 13\\ISO 2022 IR 87",
                "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J=\x1B$B$d$^$@\x1B(J^\x1B$B$?$m$&\x1B(J"),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう");
}

TEST(CharacterSet, ReadsTheStandardsKoreanAndChineseNames) {
  EXPECT_EQ(one("\\ISO 2022 IR 149", "Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF"),
            "Hong^Gildong=洪^吉洞=홍^길동");
  EXPECT_EQ(one("\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB="), "Zhang^XiaoDong=张^小东=");
  EXPECT_EQ(one("ISO_IR 192", "Wang^XiaoDong=\xE7\x8E\x8B^\xE5\xB0\x8F\xE6\x9D\xB1="), "Wang^XiaoDong=王^小東=");
  EXPECT_EQ(one("GB18030", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB="), "Wang^XiaoDong=王^小东=");
}

TEST(CharacterSet, ReadsEachSingleByteSet) {
  EXPECT_EQ(one("ISO_IR 100", "Buc^J\xE9r\xF4me"), "Buc^Jérôme");
  EXPECT_EQ(one("ISO_IR 101", "W\xB1" "ek"), "Wąek");
  EXPECT_EQ(one("ISO_IR 144", "\xBB\xEE\xDA\x63\x65\xDC\xD1\xE3\xE0\xD3"), "Люкceмбург");
  EXPECT_EQ(one("ISO_IR 126", "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2"), "Διονυσιος");
  EXPECT_EQ(one("ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1"), "قباني^لنزار");
  EXPECT_EQ(one("ISO_IR 138", "\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4"), "שרון^דבורה");
  EXPECT_EQ(one("ISO_IR 148", "\xC7" "avu\xFEo\xF0lu"), "Çavuşoğlu");
  EXPECT_EQ(one("ISO_IR 166", "\xB9\xD2\xC1\xCA\xA1\xD8\xC5"), "นามสกุล");
  EXPECT_EQ(one("ISO_IR 203", "\xA4"), "€");
  EXPECT_EQ(one("ISO_IR 13", "\xD4\xCF\xC0\xDE"), "ﾔﾏﾀﾞ");
  EXPECT_EQ(one("ISO_IR 109", "\xA1"), "Ħ");
  EXPECT_EQ(one("ISO_IR 110", "\xA1"), "Ą");
}

TEST(CharacterSet, SwitchesAndResetsCodeElements) {
  EXPECT_EQ(one("ISO 2022 IR 100\\ISO 2022 IR 144", "\xE9\x1B-L\xBB^\xE9"), "éЛ^é");
  const auto values = CharacterSet("ISO 2022 IR 100\\ISO 2022 IR 126").to_utf8("\x1B-F\xC4\\\xE9", Kind::kMulti);
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].text + values[1].text, "Δé");
  EXPECT_EQ(one("ISO 2022 IR 100\\ISO 2022 IR 126", "\x1B-F\xC4\r\n\xE9", Kind::kSingle), "Δ\r\né");
  EXPECT_EQ(one("ISO 2022 IR 6\\ISO 2022 IR 159", "\x1B$(D\x30\x21\x1B(B", Kind::kMulti), "丂");
}

TEST(CharacterSet, ABackslashInsideACharacterDoesNotSplit) {
  // U+4E57 is 81 5C in GBK; JIS X 0208 has 5C as first and second byte.
  EXPECT_EQ(one("GB18030", "\x81\x5C", Kind::kMulti), "乗");
  EXPECT_EQ(one("GBK", "\x81\x5C", Kind::kMulti), "乗");
  EXPECT_EQ(one("\\ISO 2022 IR 87", "\x1B$B\x30\x5C\x5C\x21\x1B(B", Kind::kMulti).size(), 6U);
  EXPECT_EQ(CharacterSet("GB18030").to_utf8("a\\b", Kind::kMulti).size(), 2U);
  EXPECT_EQ(CharacterSet("GB18030").to_utf8("a\\b", Kind::kSingle).front().text, "a\\b");
}

TEST(CharacterSet, TrimsPaddingAndKeepsEmptyValues) {
  const auto values = CharacterSet().to_utf8(" a \\\\ b\\ ", Kind::kMulti);
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(values[0].text, "a");
  EXPECT_EQ(values[1].text, "");
  EXPECT_EQ(values[2].text, "b");
  EXPECT_EQ(CharacterSet().to_utf8("  indented  ", Kind::kSingle).front().text, "  indented");
  EXPECT_EQ(CharacterSet().to_utf8(std::string_view("x\0", 2), Kind::kMulti).front().text, "x");
  EXPECT_EQ(CharacterSet().to_utf8("", Kind::kMulti).size(), 1U);
}

TEST(CharacterSet, KeepsVisibleWhatItCannotConvert) {
  const auto damaged = [](std::string_view terms, std::string_view raw) {
    const auto values = CharacterSet(terms).to_utf8(raw, Kind::kMulti);
    EXPECT_TRUE(values.front().damaged) << values.front().text;
    return values.front().text;
  };
  EXPECT_EQ(damaged("", "J\xE9r"), "J\xEF\xBF\xBDr");
  EXPECT_EQ(damaged("", "J\xC3\xA9r"), "Jér");  // undeclared UTF-8: readable, and flagged
  EXPECT_EQ(damaged("ISO_IR 192", "J\xE9r"), "J\xEF\xBF\xBDr");
  EXPECT_EQ(damaged("ISO_IR 126", "\xAE"), "\xEF\xBF\xBD");
  EXPECT_EQ(damaged("GB18030", "a\x81"), "a\xEF\xBF\xBD");
  EXPECT_EQ(damaged("\\ISO 2022 IR 149", "\x1B$)C\xFB"), "\xEF\xBF\xBD");
  EXPECT_EQ(damaged("\\ISO 2022 IR 87", "\x1B$B;"), "\xEF\xBF\xBD");
  EXPECT_EQ(damaged("ISO_IR 100", "a\x1B%Gb"), "a\x1B%Gb");
}

TEST(CharacterSet, ToleratesHowTermsAreWritten) {
  for (const char* term : {"ISO_IR 100", "ISO-IR 100", "ISO IR 100", "ISO_IR_100", "ISO 2022 IR 100", "iso_ir 100 "}) {
    EXPECT_FALSE(CharacterSet(term).unknown()) << term;
    EXPECT_EQ(one(term, "\xE9"), "é") << term;
  }
  for (const char* term : {"ISO_IR 999", "latin", "ISO_IR", "ISO_IR 100x"}) EXPECT_TRUE(CharacterSet(term).unknown()) << term;
  EXPECT_FALSE(CharacterSet("").unknown());
  EXPECT_FALSE(CharacterSet("ISO_IR 6").unknown());
}

TEST(CharacterSet, GivesValidUtf8WhateverItGets) {
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    static constexpr const char* kTerms[] = {"", "ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149",
                                             "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 58", "ISO_IR 166"};
    std::string raw;
    const auto length = random() % 24;
    for (unsigned i = 0; i < length; ++i) {
      static constexpr std::string_view kSpice = "\x1B$B(D)CAIJ-LGF\\^=\r ";
      raw.push_back(random() % 2 ? kSpice[random() % kSpice.size()] : static_cast<char>(random()));
    }
    for (const auto& value : CharacterSet(kTerms[random() % std::size(kTerms)]).to_utf8(raw, static_cast<Kind>(random() % 3))) {
      const auto again = CharacterSet("ISO_IR 192").to_utf8(value.text, Kind::kSingle);
      ASSERT_EQ(again.front().text, value.text);
      ASSERT_FALSE(again.front().damaged);
    }
  }
}

}  // namespace
}  // namespace gantry::dicom

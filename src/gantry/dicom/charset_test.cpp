#include "gantry/dicom/charset.hpp"

#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

using Kind = CharacterSet::Kind;
using testing::ElementsAre;

/// The texts of the values, '|' between them; a damaged one ends in '!'.
std::string read(std::string_view charset, std::string_view raw, Kind kind = Kind::kPersonName) {
  std::string out;
  for (const Utf8Text& value : CharacterSet(charset).to_utf8(raw, kind)) {
    if (!out.empty()) out += '|';
    out += value.text + (value.damaged ? "!" : "");
  }
  return out;
}

TEST(CharacterSet, ReadsTheJapaneseNamesOfTheStandard) {
  // PS3.5 Annex H: Romaji, Kanji and Hiragana by ISO 2022 IR 87.
  EXPECT_EQ(read("\\ISO 2022 IR 87",
                 "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
            "Yamada^Tarou=山田^太郎=やまだ^たろう");
  // The same with Katakana in JIS X 0201 and JIS X 0201 Romaji as the way back.
  EXPECT_EQ(read("ISO 2022 IR 13\\ISO 2022 IR 87",
                 "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう");
}

TEST(CharacterSet, ReadsTheKoreanNameOfTheStandard) {
  EXPECT_EQ(read("\\ISO 2022 IR 149",
                 "Hong^Gildong=\x1b$)C\xFB\xF3^\x1b$)C\xD1\xCE\xD4\xD7=\x1b$)C\xC8\xAB^\x1b$)C\xB1\xE6\xB5\xBF"),
            "Hong^Gildong=洪^吉洞=홍^길동");
  EXPECT_EQ(read("\\ISO 2022 IR 149",
                 "\x1b$)CThe 1st line includes \xB1\xE6\xB5\xBF.\r\n\x1b$)CThe 2nd line \xC8\xAB, too.\r\nThe 3rd line.",
                 Kind::kSingle),
            "The 1st line includes 길동.\r\nThe 2nd line 홍, too.\r\nThe 3rd line.");
}

TEST(CharacterSet, ReadsTheChineseNamesOfTheStandard) {
  EXPECT_EQ(read("ISO_IR 192", "Wang^XiaoDong=\xE7\x8E\x8B^\xE5\xB0\x8F\xE6\x9D\xB1="), "Wang^XiaoDong=王^小東=");
  EXPECT_EQ(read("GB18030", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB="), "Wang^XiaoDong=王^小东=");
  EXPECT_EQ(read("GBK", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB="), "Wang^XiaoDong=王^小东=");
  EXPECT_EQ(read("\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1b$)A\xD5\xC5^\x1b$)A\xD0\xA1\xB6\xAB="), "Zhang^XiaoDong=张^小东=");
  EXPECT_EQ(read("\\ISO 2022 IR 58",
                 "1. \x1b$)A\xB5\xDA\xD2\xBB\xD0\xD0\xCE\xC4\xD7\xD6\xA1\xA3\r\n2. \x1b$)A\xB5\xDA\xB6\xFE\xD0\xD0", Kind::kSingle),
            "1. 第一行文字。\r\n2. 第二行");
}

TEST(CharacterSet, ReadsEverySingleByteSet) {
  EXPECT_EQ(read("ISO_IR 100", "Buc^J\xE9r\xF4me"), "Buc^Jérôme");
  EXPECT_EQ(read("ISO_IR 101", "W\xB3" "adys\xB3" "aw"), "Władysław");
  EXPECT_EQ(read("ISO_IR 109", "\xC6" "ejan"), "Ĉejan");
  EXPECT_EQ(read("ISO_IR 110", "\xA9marts"), "Šmarts");
  EXPECT_EQ(read("ISO_IR 144", "\xBB\xEE\xDA\x63\xD5\xDC\xD1\xE3\xE0\xD3"), "Люкcембург");
  EXPECT_EQ(read("ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1"), "قباني^لنزار");
  EXPECT_EQ(read("ISO_IR 126", "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2"), "Διονυσιος");
  EXPECT_EQ(read("ISO_IR 138", "\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4"), "שרון^דבורה");
  EXPECT_EQ(read("ISO_IR 148", "\xC7" "avu\xFEo\xF0lu"), "Çavuşoğlu");
  EXPECT_EQ(read("ISO_IR 166", "\xB9\xD2\xC2"), "นาย");
  EXPECT_EQ(read("ISO_IR 203", "\xA4\xBD"), "€œ");
  EXPECT_EQ(read("ISO_IR 13", "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3"), "ﾔﾏﾀﾞ^ﾀﾛｳ");
  EXPECT_EQ(read("ISO_IR 6", "Plain"), "Plain");
  EXPECT_EQ(read("", "Plain"), "Plain");
}

TEST(CharacterSet, SwitchesBetweenAllSetsWithinAValue) {
  EXPECT_EQ(read("ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
                 "Diony\x1b-F\xC4\xE9\x1b-L\xBB\xEE\x1b-A\xE9", Kind::kMulti),
            "DionyΔιЛюé");
  EXPECT_EQ(read("ISO 2022 IR 6\\ISO 2022 IR 101\\ISO 2022 IR 109\\ISO 2022 IR 110\\ISO 2022 IR 127\\ISO 2022 IR 138\\"
                 "ISO 2022 IR 148\\ISO 2022 IR 166\\ISO 2022 IR 203",
                 "\x1b-B\xB3\x1b-C\xC6\x1b-D\xA9\x1b-G\xE2\x1b-H\xF9\x1b-M\xFE\x1b-T\xB9\x1b-b\xA4", Kind::kMulti),
            "łĈŠقשşน€");
  EXPECT_EQ(read("\\ISO 2022 IR 87\\ISO 2022 IR 159", "\x1b$(D0d\x1b$B;3\x1b(B", Kind::kMulti), "伻山");
  EXPECT_EQ(read("\\ISO 2022 IR 13", "\x1b)I\xD4\x1b(J~", Kind::kMulti), "ﾔ‾");
}

TEST(CharacterSet, FallsBackToTheFirstSetAtEveryDelimiter) {
  EXPECT_EQ(read("ISO 2022 IR 100\\ISO 2022 IR 126", "\x1b-F\xC4^\xC4=\x1b-F\xC4\\\xC4"), "Δ^Ä=Δ|Ä");
  EXPECT_EQ(read("ISO 2022 IR 100\\ISO 2022 IR 126", "\x1b-F\xC4^\xC4=\xC4\\\xC4", Kind::kMulti), "Δ^Δ=Δ|Ä");
  EXPECT_EQ(read("ISO 2022 IR 100\\ISO 2022 IR 126", "\x1b-F\xC4\\^\xC4\n\xC4\x1b-F\xC4\t\xC4\x1b-F\xC4\f\xC4", Kind::kSingle),
            "Δ\\^Δ\nÄΔ\tÄΔ\fÄ");
}

TEST(CharacterSet, NeverSplitsInsideACharacter) {
  // The second bytes are 0x5C, 0x5E and 0x3D.
  EXPECT_EQ(read("GB18030", "\x81\x5C\\\x81\x5E^\x81\x7E"), "乗|乛^亊");
  EXPECT_EQ(read("GBK", "\x85\x5C\\A", Kind::kMulti), "匼|A");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B8\\8^8=\x1b(B^X"), "顧五現^X");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B8\\\x1b(B\\X", Kind::kMulti), "顧|X");
}

TEST(CharacterSet, ReadsFourByteCodes) {
  EXPECT_EQ(read("GB18030", "\x81\x39\xEE\x39\x95\x32\x82\x36"), "㐀𠀀");
  EXPECT_EQ(read("GB18030", "\x90\x30\x81\x30\xE3\x32\x9A\x35"), "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
  EXPECT_EQ(read("GB18030", "\xE3\x32\x9A\x36"), "\xEF\xBF\xBD" "2\xEF\xBF\xBD" "6!");
}

TEST(CharacterSet, TrimsPaddingAndKeepsWhatHasMeaning) {
  const CharacterSet plain;
  const auto texts = [&](std::string_view raw, Kind kind) {
    std::vector<std::string> out;
    for (const auto& value : plain.to_utf8(raw, kind)) out.push_back(value.text);
    return out;
  };
  EXPECT_THAT(texts(" A B \\ C\\\\", Kind::kMulti), ElementsAre("A B", "C", "", ""));
  EXPECT_THAT(texts(" A B \\ C\\", Kind::kSingle), ElementsAre(" A B \\ C\\"));
  EXPECT_THAT(texts(" A \\ B ", Kind::kUnlimited), ElementsAre(" A", " B"));
  EXPECT_THAT(texts(std::string_view("A\0", 2), Kind::kPersonName), ElementsAre("A"));
  EXPECT_THAT(texts("", Kind::kMulti), ElementsAre(""));
  EXPECT_THAT(texts("  ", Kind::kSingle), ElementsAre(""));
  EXPECT_EQ(read("ISO_IR 100", " \xE9 \\ \xE8 ", Kind::kMulti), "é|è");
  EXPECT_EQ(read("ISO_IR 100", " \xE9 ", Kind::kUnlimited), " é");
}

TEST(CharacterSet, UnderstandsTermsAsTheyAreMisspelt) {
  for (const char* term : {"ISO_IR 100", "ISO-IR 100", "ISO_IR_100", "ISO IR 100", "ISO_IR100", "ISO 2022 IR 100", "iso_ir 100 ",
                           "ISO 8859-1", "ISO_8859-1", "latin1", "ISO2022IR100"}) {
    EXPECT_FALSE(CharacterSet(term).unknown()) << term;
    EXPECT_EQ(read(term, "\xE9"), "é") << term;
  }
  for (const char* term : {"ISO_IR 192", "ISO_IR_192", "ISO-IR 192", "UTF-8", "utf8", "ISO 2022 IR 192"}) {
    EXPECT_EQ(read(term, "\xC3\xA9"), "é") << term;
  }
  EXPECT_EQ(read("ISO 2022 IR 149", "\xC8\xAB"), "홍");
  EXPECT_EQ(read("ISO 2022 GBK", "\xCD\xF5"), "王");
  EXPECT_EQ(read("ISO_IR 87", "\x1b$B;3\x1b(B"), "山");
  EXPECT_FALSE(CharacterSet("ISO_IR 6").unknown());
  EXPECT_FALSE(CharacterSet("ISO 2022 IR 6\\ISO 2022 IR 87").unknown());
  EXPECT_FALSE(CharacterSet("\\").unknown());
}

TEST(CharacterSet, SaysWhichTermsItDoesNotKnow) {
  EXPECT_TRUE(CharacterSet("ISO_IR 999").unknown());
  EXPECT_TRUE(CharacterSet("ISO_IR 100\\KLINGON").unknown());
  EXPECT_TRUE(CharacterSet("ISO_IR 100\\ISO_IR 192").unknown());
  EXPECT_TRUE(CharacterSet(std::string(70'000, 'x')).unknown());
  EXPECT_EQ(read("ISO_IR 999", "A\xE9"), "A\xEF\xBF\xBD!");
}

TEST(CharacterSet, KeepsWhatItCanNotConvertVisible) {
  EXPECT_EQ(read("", "J\xE9r\xF4me"), "J\xEF\xBF\xBDr\xEF\xBF\xBDme!");
  EXPECT_EQ(read("", "J\xC3\xA9r"), "Jér!") << "UTF-8 that was not declared is kept";
  EXPECT_EQ(read("ISO_IR 192", "A\xE7\x8E^\xFF\xC0\x80"), "A\xEF\xBF\xBD\xEF\xBF\xBD^\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD!");
  EXPECT_EQ(read("ISO_IR 192", "\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD!") << "a surrogate is no character";
  EXPECT_EQ(read("ISO_IR 192", "\xF4\x90\x80\x80\\\xC3\xA9", Kind::kMulti),
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD!|é");
  EXPECT_EQ(read("ISO_IR 127", "\xA1"), "\xEF\xBF\xBD!");
  EXPECT_EQ(read("ISO_IR 100", "A\x92"), "A\xC2\x92!");
  EXPECT_EQ(read("GB18030", "A\x81"), "A\xEF\xBF\xBD!");
  EXPECT_EQ(read("GB18030", "\x81\\A", Kind::kMulti), "乗A") << "a backslash byte belongs to the character before it";
  EXPECT_EQ(read("GB18030", "\xFF\\A", Kind::kMulti), "\xEF\xBF\xBD!|A");
}

TEST(CharacterSet, SurvivesBrokenEscapeSequences) {
  EXPECT_EQ(read("", "A\x1b"), "A\xEF\xBF\xBD!");
  EXPECT_EQ(read("", "\x1b$"), "\xEF\xBF\xBD$!");
  EXPECT_EQ(read("", "\x1b\x1b\x1b(B"), "\xEF\xBF\xBD\xEF\xBF\xBD!");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b%GA"), "\xEF\xBF\xBD%GA!");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B;3E"), "山\xEF\xBF\xBD!") << "cut in a character";
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B;3E\x1b(BA"), "山\xEF\xBF\xBD" "A!");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B;3^\x1b$BB@"), "山^太!") << "no way back before the delimiter";
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B;3 ;3\x1b(B"), "山 山");
  EXPECT_EQ(read("\\ISO 2022 IR 87", "\x1b$B\x7F;3\x1b(B"), "\x7F山");
  EXPECT_EQ(read("\\ISO 2022 IR 149", "\x1b$)C\xC8"), "\xEF\xBF\xBD!");
  EXPECT_EQ(read("\\ISO 2022 IR 149", "\x1b$)C\xC8^A"), "\xEF\xBF\xBD^A!");
}

TEST(CharacterSet, ReadsButFlagsSetsThatWereNotDeclared) {
  EXPECT_EQ(read("", "\x1b$B;3\x1b(B"), "山!");
  EXPECT_EQ(read("ISO_IR 100", "\x1b-F\xC4"), "Δ!");
  EXPECT_EQ(read("\\ISO 2022 IR 149", "\xC8\xAB"), "홍!") << "the escape sequence was forgotten";
  EXPECT_EQ(read("\\ISO 2022 IR 58", "\x1b$)A\x81\x40"), "丂!") << "GBK where GB 2312 was promised";
  EXPECT_EQ(read("\\ISO 2022 IR 149", "\x1b$)C\x81\x41"), "갂!") << "code page 949 where KS X 1001 was promised";
  EXPECT_EQ(read("ISO_IR 13", "\x8E\x52\x93\x63"), "山田!") << "Shift-JIS where JIS X 0201 was promised";
  EXPECT_EQ(read("ISO_IR 13", "\x83\x5C\\A", Kind::kMulti), "ソ!|A") << "whose second byte may be a backslash";
}

TEST(CharacterSet, KnowsTheYenSign) {
  EXPECT_EQ(read("ISO_IR 13", "\\1~", Kind::kSingle), "¥1‾");
  EXPECT_EQ(read("ISO_IR 13", "A\\B", Kind::kMulti), "A|B");
}

TEST(CharacterSet, GivesOneReplacementForEachBadByteAndNeverFails) {
  // Every pair of bytes in every encoding: terminates, makes valid UTF-8, and drops no byte of ASCII letters around.
  for (const char* term : {"", "ISO_IR 13", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87\\ISO 2022 IR 149\\ISO 2022 IR 58", "ISO_IR 127"}) {
    const CharacterSet charset(term);
    const CharacterSet utf8("ISO_IR 192");
    for (unsigned a = 0; a < 256; ++a) {
      for (unsigned b = 0; b < 256; ++b) {
        const std::string raw = {'\x1b', '$', ')', 'C', static_cast<char>(a), static_cast<char>(b), 'Z'};
        const auto values = charset.to_utf8(std::string_view(raw).substr(a % 2 * 4), Kind::kPersonName);
        ASSERT_FALSE(values.empty());
        for (const auto& value : values) {
          ASSERT_FALSE(utf8.to_utf8(value.text, Kind::kSingle).front().damaged) << term << ' ' << a << ' ' << b;
        }
      }
    }
  }
}

TEST(CharacterSet, MakesValidUtf8OfAnything) {
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    static constexpr const char* kTerms[] = {"", "ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149",
                                             "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 58", "ISO_IR 166"};
    std::string raw;
    const auto length = random() % 24;
    for (unsigned i = 0; i < length; ++i) {
      static constexpr std::string_view kSpice = "\x1b$B(D)CAIJ-LGF\\^=\r ";
      raw.push_back(random() % 2 ? kSpice[random() % kSpice.size()] : static_cast<char>(random()));
    }
    for (const auto& value : CharacterSet(kTerms[random() % std::size(kTerms)]).to_utf8(raw, static_cast<Kind>(random() % 4))) {
      ASSERT_FALSE(CharacterSet("ISO_IR 192").to_utf8(value.text, Kind::kSingle).front().damaged) << raw;
    }
  }
}

TEST(CharacterSet, IsSharedByThreads) {
  const CharacterSet charset("ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159");
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (auto& text : texts) {
    threads.emplace_back([&charset, &text] {
      for (int i = 0; i < 1000; ++i) text = charset.to_utf8("\xD4=\x1b$B;3\x1b(J=\x1b$(D0d", Kind::kPersonName).front().text;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(texts, testing::Each("ﾔ=山=伻"));
}

}  // namespace
}  // namespace gantry::dicom

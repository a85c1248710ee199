#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/pixels/presentation/burned_in.hpp"
#include "gantry/pixels/presentation/presentation_test_support.hpp"
#include "gantry/pixels/text/text_block.hpp"
#include "gantry/pixels/text/text_font.hpp"

namespace gantry::pixels {
namespace {

using dicom::Vr;
using test::Image;
using test::Made;
using test::text;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint32_t kWide = 100'000;

const TextFont& font() {
  static const auto loaded = TextFont::load(usual_font_files());
  if (!loaded) throw std::runtime_error(loaded.error().detail());
  return **loaded;
}

std::uint64_t covered(const TextImage& image) {
  return std::accumulate(image.coverage.begin(), image.coverage.end(), std::uint64_t{0});
}

/// A part of an image from a column on.
std::vector<std::uint8_t> columns(const TextImage& image, std::uint32_t from, std::uint32_t count) {
  std::vector<std::uint8_t> part;
  for (std::uint32_t y = 0; y < image.height; ++y) {
    const auto begin = image.coverage.begin() + static_cast<std::ptrdiff_t>(std::size_t{y} * image.width + from);
    part.insert(part.end(), begin, begin + count);
  }
  return part;
}

TEST(TextFont, WritesLettersOfAGivenSize) {
  const auto small = font().write_line("Mühe", 12, kWide);
  const auto large = font().write_line("Mühe", 24, kWide);
  EXPECT_GT(covered(small), 1000U);
  EXPECT_EQ(small.height, font().line_height(12));
  EXPECT_NEAR(large.width, 2.0 * small.width, 4);
  EXPECT_EQ(font().measure("Mühe", 24), large.width);
  EXPECT_EQ(font().write_line("Mühe", 24, 20).width, 20U);
  EXPECT_EQ(font().write_line("", 24, kWide).width, 0U);
}

TEST(TextFont, AccentsJoinTheirLetters) {
  EXPECT_EQ(font().write_line("e\u0301", 20, kWide).coverage, font().write_line("\u00E9", 20, kWide).coverage);
}

TEST(TextFont, TextFromTheRightIsTurnedRound) {
  const auto both = font().write_line("\u05D0\u05D1", 20, kWide);  // alef, bet
  const auto bet = font().write_line("\u05D1", 20, kWide);
  const auto width = bet.width - 2;  // letters may touch
  EXPECT_EQ(columns(both, 0, width), columns(bet, 0, width));
}

TEST(TextFont, ArabicLettersAreJoined) {
  const auto joined = font().measure("\u0633\u0644\u0627\u0645", 20);
  std::uint32_t apart = 0;
  for (const char* letter : {"\u0633", "\u0644", "\u0627", "\u0645"}) apart += font().measure(letter, 20);
  EXPECT_LT(joined, apart);
}

TEST(TextFont, EveryCharacterIsSomething) {
  for (const char* name : {"Καλημέρα", "Ярош", "ありがとう", "山田", "김희중", "\uE123", "\xFF\xFE"}) {
    EXPECT_GT(covered(font().write_line(name, 16, kWide)), 100U) << name;
  }
  EXPECT_EQ(font().write_line("a\nb", 16, kWide).coverage, font().write_line("a b", 16, kWide).coverage);
}

TEST(TextFont, WithoutFilesItSaysWhatToInstall) {
  const auto missing = TextFont::load({"/nowhere.ttf"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().detail(), ::testing::HasSubstr("fonts-dejavu-core"));
}

TEST(TextBlock, LinesEndAsDicomSays) {
  EXPECT_THAT(lines_of("one\r\ntwo\rthree\n\nfive\r\n"), ElementsAre("one", "two", "three", "", "five"));
  EXPECT_THAT(lines_of(""), IsEmpty());
}

TEST(TextBlock, LongLinesAreBrokenAtSpacesOrWhereTheyMust) {
  const auto width = font().measure("Anna Maria ", 16);
  EXPECT_THAT(wrapped(font(), {"Anna Maria Wilhelmine", "x"}, 16, width),
              ElementsAre("Anna Maria ", "Wilhelmine", "x"));
  const auto narrow = wrapped(font(), {"WWWW"}, 16, font().measure("W", 16));
  EXPECT_THAT(narrow, ElementsAre("W", "W", "W", "W"));
  EXPECT_THAT(wrapped(font(), {"äöü"}, 16, 1), ElementsAre("ä", "ö", "ü"));
}

TEST(TextBlock, TextIsPutInFourDirections) {
  TextImage mark;
  mark.width = 3;
  mark.height = 2;
  mark.coverage = {255, 0, 0, 0, 0, 0};  // its top left corner
  const auto where = [&](unsigned turns) {
    Picture picture;
    picture.width = picture.height = 9;
    picture.bytes.assign(81, 40);
    put_text(mark, 4, 4, turns, Ink(), picture);
    const auto found = std::find(picture.bytes.begin(), picture.bytes.end(), 255) - picture.bytes.begin();
    return std::pair(found % 9, found / 9);
  };
  EXPECT_EQ(where(0), std::pair(4L, 4L));
  EXPECT_EQ(where(1), std::pair(3L, 4L));
  EXPECT_EQ(where(2), std::pair(3L, 3L));
  EXPECT_EQ(where(3), std::pair(4L, 3L));
}

TEST(PatientLines, NamesAreReadable) {
  EXPECT_EQ(readable_name("Yamada^Tarou=山田^太郎=やまだ^たろう"), "Yamada, Tarou (山田 太郎)");
  EXPECT_EQ(readable_name("Doe^Jane^Mary^Dr^PhD"), "Doe, Jane Mary Dr PhD");
  EXPECT_EQ(readable_name("=山田^太郎"), "山田 太郎");
  EXPECT_EQ(readable_name(""), "");
}

TEST(PatientLines, SayWhoItIsInTheDataSetsCharacters) {
  Made set;
  set.put({0x0008, 0x0005}, text(Vr::kCS, "ISO_IR 100")).put({0x0010, 0x0010}, text(Vr::kPN, "M\xFCller^Rosa "));
  set.put({0x0010, 0x0020}, text(Vr::kLO, "0815")).put({0x0010, 0x0030}, text(Vr::kDA, "19400229"));
  set.put({0x0010, 0x0040}, text(Vr::kCS, "F "));
  EXPECT_THAT(patient_lines(set), ElementsAre("Müller, Rosa", "ID 0815", "* 1940-02-29  F"));
  EXPECT_THAT(patient_lines(Made()), IsEmpty());
}

TEST(TechniqueLines, SayWhatIsKnown) {
  Image image(1, 1, {0});
  image.set.put({0x0008, 0x0060}, text(Vr::kCS, "CT")).put({0x0008, 0x0020}, text(Vr::kDA, "20240131"));
  image.set.put({0x0008, 0x0030}, text(Vr::kTM, "142530.5")).put({0x0020, 0x0013}, text(Vr::kIS, "7"));
  image.set.put({0x0018, 0x0060}, text(Vr::kDS, "120 ")).put({0x0018, 0x0050}, text(Vr::kDS, "2.5"));
  auto attributes = image.attributes();
  attributes.frames = 12;
  EXPECT_THAT(technique_lines(attributes, 3),
              ElementsAre("CT  2024-01-31 14:25", "image 7, frame 3/12", "120 kV", "thickness 2.5 mm"));
}

TEST(BurnIn, WritesAboveAndBelowOrRefuses) {
  Picture picture;
  picture.width = picture.height = 256;
  picture.bytes.assign(256 * 256, 0);
  ASSERT_TRUE(burn_in({"Doe, Jane"}, {"CT"}, font(), picture));
  const auto lit = [&](std::size_t from, std::size_t to) {
    return std::count_if(picture.bytes.begin() + static_cast<std::ptrdiff_t>(from * 256),
                         picture.bytes.begin() + static_cast<std::ptrdiff_t>(to * 256),
                         [](auto level) { return level > 128; });
  };
  EXPECT_GT(lit(0, 20), 20);
  EXPECT_EQ(lit(20, 236), 0);
  EXPECT_GT(lit(236, 256), 20);

  Picture tiny = picture;
  tiny.width = tiny.height = 16;
  tiny.bytes.assign(256, 0);
  const auto refused = burn_in({"Doe, Jane"}, {"CT"}, font(), tiny);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(tiny.bytes, ::testing::Each(0));
}

}  // namespace
}  // namespace gantry::pixels

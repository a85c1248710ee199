#include "gantry/pixels/codecs/colours.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/pictures/pictures.hpp"
#include "gantry/pixels/sandbox/sandboxed_codec.hpp"

namespace gantry::pixels {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Frame frame_of(std::string bytes, std::uint16_t samples, std::uint16_t bits = 8) {
  Frame frame;
  frame.shape.rows = 1;
  frame.shape.samples = samples;
  frame.shape.bits_allocated = frame.shape.bits_stored = bits;
  frame.shape.high_bit = static_cast<std::uint16_t>(bits - 1);
  frame.shape.columns = static_cast<std::uint32_t>(bytes.size() / samples / (bits / 8));
  frame.shape.photometric = samples == 3 ? "RGB" : "MONOCHROME2";
  frame.shape.transfer_syntax = dicom::kExplicitLittleEndian;
  frame.bytes = std::move(bytes);
  return frame;
}

std::vector<int> converted(std::string bytes, std::uint16_t samples, std::string_view profile, ColourSpace to) {
  auto frame = frame_of(std::move(bytes), samples);
  const auto done = codecs::convert_colours(frame, profile, to);
  EXPECT_TRUE(done) << done.error().detail();
  std::vector<int> values;
  for (const char value : frame.bytes) values.push_back(static_cast<unsigned char>(value));
  return values;
}

MATCHER_P(About, wanted, "") {
  if (arg.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::abs(arg[i] - wanted[i]) > 1) return false;
  }
  return true;
}

using Values = std::vector<int>;
const std::string kRedWhiteBlack("\xFF\0\0\xFF\xFF\xFF\0\0\0", 9);

TEST(Colours, SrgbInOtherSpacesIsWhatTheirSpecificationsSay) {
  EXPECT_THAT(converted(kRedWhiteBlack, 3, "", ColourSpace::kSrgb), About(Values{255, 0, 0, 255, 255, 255, 0, 0, 0}));
  EXPECT_THAT(converted(kRedWhiteBlack, 3, "", ColourSpace::kAdobeRgb),
              About(Values{219, 0, 0, 255, 255, 255, 0, 0, 0}));
  EXPECT_THAT(converted(kRedWhiteBlack, 3, "", ColourSpace::kRommRgb),
              About(Values{179, 70, 26, 255, 255, 255, 0, 0, 0}));
}

TEST(Colours, AProfileSaysWhatSamplesAre) {
  const std::string& adobe = well_known_profile(ColourSpace::kAdobeRgb, 3);
  EXPECT_THAT(converted(std::string("\xDB\0\0\x80\x80\x80", 6), 3, adobe, ColourSpace::kSrgb),
              About(Values{255, 0, 0, 128, 128, 128}));
}

TEST(Colours, GreyFollowsTheToneCurve) {
  EXPECT_THAT(converted(std::string("\0\x20\x80\xFF", 4), 1, "", ColourSpace::kSrgb), About(Values{0, 32, 128, 255}));
  EXPECT_THAT(converted(std::string("\0\x20\x80\xFF", 4), 1, "", ColourSpace::kAdobeRgb),
              About(Values{0, 37, 127, 255}));
  auto wide = frame_of(std::string("\0\0\xFF\xFF\0\x80", 6), 1, 16);
  ASSERT_TRUE(codecs::convert_colours(wide, "", ColourSpace::kSrgb));
  EXPECT_EQ(static_cast<unsigned char>(wide.bytes[3]), 255);
  EXPECT_NEAR(static_cast<unsigned char>(wide.bytes[5]), 128, 1);
}

TEST(Colours, WellKnownProfilesCanBePartOfPictures) {
  Picture grey{2, 1, 1, 8, {0, 255}};
  Picture colour{1, 1, 3, 8, {1, 2, 3}};
  for (const auto space : {ColourSpace::kSrgb, ColourSpace::kAdobeRgb, ColourSpace::kRommRgb}) {
    for (const auto& picture : {grey, colour}) {
      const auto& profile = well_known_profile(space, picture.channels);
      EXPECT_THAT(profile_problem(profile, picture.channels), IsEmpty());
      const auto png = write_png(picture, profile);
      ASSERT_TRUE(png) << png.error().detail();
      EXPECT_THAT(*png, HasSubstr("iCCP"));
      const auto jpeg = write_jpeg(picture, 90, profile);
      ASSERT_TRUE(jpeg);
      EXPECT_THAT(*jpeg, HasSubstr("ICC_PROFILE"));
    }
  }
  EXPECT_EQ(well_known_profile(ColourSpace::kSrgb, 3).substr(24, 2), "\x07\xD0");
}

TEST(Colours, WhatIsNoProfileIsFound) {
  const std::string& good = well_known_profile(ColourSpace::kSrgb, 3);
  const auto problem = [&](std::size_t at, char byte) {
    std::string changed = good;
    changed[at] = byte;
    return profile_problem(changed, 3);
  };
  EXPECT_THAT(profile_problem("", 3), HasSubstr("short"));
  EXPECT_THAT(profile_problem(good + "x", 3), HasSubstr("length"));
  EXPECT_THAT(profile_problem(good, 1), HasSubstr("channels"));
  EXPECT_THAT(problem(36, 'x'), HasSubstr("signature"));
  EXPECT_THAT(problem(12, 'l'), HasSubstr("class"));
  EXPECT_THAT(problem(20, 'Q'), HasSubstr("connection"));
  EXPECT_THAT(problem(128, 'Q'), HasSubstr("tags"));
  EXPECT_THAT(problem(136, 'Q'), HasSubstr("a tag ends"));
  EXPECT_THAT(problem(67, 9), HasSubstr("intent"));
}

TEST(Colours, DamagedProfilesAreRefusedByTheProcessThatReadsThem) {
  SandboxSettings settings;
  settings.command = {GANTRY_CODEC_PROCESS};
  settings.processes = 1;
  SandboxedCodec codec(settings);
  const auto frame = frame_of(kRedWhiteBlack, 3);
  CodecTarget to{std::string(dicom::kExplicitLittleEndian)};
  to.colours = ColourSpace::kAdobeRgb;
  const auto good = codec.convert(frame.shape, frame.bytes, to);
  ASSERT_TRUE(good) << good.error().detail();
  EXPECT_EQ(good->bytes, std::string("\xDB\0\0\xFF\xFF\xFF\0\0\0", 9));
  EXPECT_EQ(codec.counters().frames, 1U);

  std::string damaged = well_known_profile(ColourSpace::kSrgb, 3);
  std::fill(damaged.begin() + 260, damaged.end(), '\xA5');
  to.profile = damaged;
  const auto refused = codec.convert(frame.shape, frame.bytes, to);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(refused.error().detail(), HasSubstr("ICC profile"));
  to.profile = {};
  EXPECT_TRUE(codec.convert(frame.shape, frame.bytes, to));
}

}  // namespace
}  // namespace gantry::pixels

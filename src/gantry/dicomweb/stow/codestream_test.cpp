#include "gantry/dicomweb/stow/codestream.hpp"

#include <random>

#include <gtest/gtest.h>

namespace gantry::dicomweb::stow {
namespace {

using std::string_literals::operator""s;

/// SOI, a frame header, and the start of a scan.
std::string jpeg(char frame, char components, char sampling, char selection, const std::string& more = "") {
  std::string text =
      "\xFF\xD8"s + more + "\xFF"s + frame + "\0\x0B\x0C\x01\x02\x03\x04"s + components + "\1"s + sampling + "\0"s;
  return text + "\xFF\xDA\0\x08\1\1\0"s + selection + "\0\0"s;
}

std::string j2k(bool high_throughput, char components, char mct, char transform, std::uint8_t depth = 0x0B) {
  std::string siz = "\xFF\x51\0\x29\0\0\0\0\2\4\0\0\1\3\0\0\0\4\0\0\0\0"s + std::string(16, '\0') + "\0"s + components;
  siz += static_cast<char>(depth);
  siz += "\1\1"s;
  const std::string cap = high_throughput ? "\xFF\x50\0\x08\0\2\0\0\0\0"s : "";
  return "\xFF\x4F"s + siz + cap + "\xFF\x52\0\x0C\0\0\0\1"s + mct + "\5\4\4\0"s + transform;
}

TEST(Codestream, JpegSaysItsProcessSizeAndColours) {
  const auto baseline = read_codestream(jpeg('\xC0', 3, 0x22, 0));
  ASSERT_TRUE(baseline);
  EXPECT_EQ(baseline->transfer_syntax, "1.2.840.10008.1.2.4.50");
  EXPECT_EQ(baseline->rows, 0x0102U);
  EXPECT_EQ(baseline->columns, 0x0304U);
  EXPECT_EQ(baseline->bits, 12U);
  EXPECT_EQ(baseline->photometric, "YBR_FULL_422");
  EXPECT_TRUE(baseline->lossy);
  EXPECT_EQ(read_codestream(jpeg('\xC1', 1, 0x11, 0))->transfer_syntax, "1.2.840.10008.1.2.4.51");
  EXPECT_EQ(read_codestream(jpeg('\xC3', 1, 0x11, 1))->transfer_syntax, "1.2.840.10008.1.2.4.70");
  EXPECT_EQ(read_codestream(jpeg('\xC3', 1, 0x11, 4))->transfer_syntax, "1.2.840.10008.1.2.4.57");
  EXPECT_EQ(read_codestream(jpeg('\xF7', 3, 0x11, 0))->transfer_syntax, "1.2.840.10008.1.2.4.80");
  EXPECT_EQ(read_codestream(jpeg('\xF7', 3, 0x11, 2))->transfer_syntax, "1.2.840.10008.1.2.4.81");
  EXPECT_EQ(read_codestream(jpeg('\xF7', 3, 0x11, 0))->photometric, "RGB");
  const std::string adobe = "\xFF\xEE\0\x0E"s + "Adobe"s + "\0\x64\0\0\0\0\0"s;
  EXPECT_EQ(read_codestream(jpeg('\xC0', 3, 0x11, 0, adobe))->photometric, "RGB") << "as its author says";
  EXPECT_EQ(read_codestream(jpeg('\xC0', 3, 0x11, 0))->photometric, "YBR_FULL");
}

TEST(Codestream, Jpeg2000SaysWhetherItLost) {
  const auto lossless = read_codestream(j2k(false, 3, 1, 1));
  ASSERT_TRUE(lossless);
  EXPECT_EQ(lossless->transfer_syntax, "1.2.840.10008.1.2.4.90");
  EXPECT_EQ(lossless->rows, 0x0103U - 0);
  EXPECT_EQ(lossless->columns, 0x0204U - 4);
  EXPECT_EQ(lossless->photometric, "YBR_RCT");
  EXPECT_FALSE(lossless->lossy);
  EXPECT_EQ(read_codestream(j2k(false, 3, 1, 0))->photometric, "YBR_ICT");
  EXPECT_EQ(read_codestream(j2k(false, 1, 0, 0))->transfer_syntax, "1.2.840.10008.1.2.4.91");
  EXPECT_EQ(read_codestream(j2k(true, 1, 0, 1))->transfer_syntax, "1.2.840.10008.1.2.4.201");
  EXPECT_EQ(read_codestream(j2k(true, 1, 0, 0))->transfer_syntax, "1.2.840.10008.1.2.4.203");
  EXPECT_TRUE(read_codestream(j2k(false, 1, 0, 1, 0x8F))->is_signed);
  EXPECT_EQ(read_codestream(j2k(false, 1, 0, 1, 0x8F))->bits, 16U);
}

TEST(Codestream, TheBoxesOfAJp2FileAreLeftBehind) {
  const std::string codestream = j2k(false, 1, 0, 1);
  const std::string boxes = "\0\0\0\x0CjP  \r\n\x87\n"s + "\0\0\0\x0C"s + "ftypxxxx"s;
  const auto open = read_codestream(boxes + "\0\0\0\0jp2c"s + codestream);
  ASSERT_TRUE(open);
  EXPECT_EQ(open->offset, boxes.size() + 8);
  EXPECT_EQ(open->length, 0U);
  std::string sized = "\0\0\0"s;
  sized += static_cast<char>(codestream.size() + 8);
  const auto closed = read_codestream(boxes + sized + "jp2c" + codestream + "rest");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->length, codestream.size());
}

TEST(Codestream, WhatIsCutOrDamagedIsNone) {
  for (const auto& whole :
       {jpeg('\xC0', 3, 0x22, 0), j2k(true, 3, 1, 1), "\0\0\0\x0CjP  \r\n\x87\n\0\0\0\0jp2c"s + j2k(false, 1, 0, 1)}) {
    for (std::size_t size = 0; size + 8 < whole.size(); ++size) EXPECT_FALSE(read_codestream(whole.substr(0, size)));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? jpeg('\xC0', 3, 0x22, 0) : j2k(true, 3, 1, 1);
    for (int i = 0; i < 4; ++i) text[random() % text.size()] = static_cast<char>(random());
    const auto image = read_codestream(text);  // does not crash, and claims nothing beyond the bytes
    if (image) EXPECT_LE(image->offset, text.size());
  }
}

}  // namespace
}  // namespace gantry::dicomweb::stow

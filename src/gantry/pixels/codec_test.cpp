#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/pixels/codec_test_support.hpp"
#include "gantry/pixels/local_codec.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::pixels {
namespace {

using ::testing::HasSubstr;
using testing::all_shapes;
using testing::picture;
using testing::shape_of;

constexpr std::string_view kLossless[] = {kRle, kJpegLs, kJpeg2000Lossless, kHtj2kRpcl};
const std::string kNative(dicom::kExplicitLittleEndian);

std::string name_of(const FrameShape& shape) {
  return std::to_string(shape.samples) + " x " + std::to_string(shape.bits_stored) + "/" +
         std::to_string(shape.bits_allocated) + (shape.is_signed ? " signed" : "");
}

TEST(Codec, EveryLosslessSyntaxGivesBackEveryShape) {
  LocalCodec codec;
  for (const auto& shape : all_shapes()) {
    const auto native = picture(shape);
    for (const auto syntax : kLossless) {
      SCOPED_TRACE(name_of(shape) + " " + std::string(syntax));
      const auto coded = codec.convert(shape, native, {std::string(syntax)});
      ASSERT_TRUE(coded) << coded.error().detail();
      EXPECT_EQ(coded->shape.transfer_syntax, syntax);
      const auto back = codec.convert(coded->shape, coded->bytes, {kNative});
      ASSERT_TRUE(back) << back.error().detail();
      EXPECT_EQ(back->shape.photometric, shape.photometric);
      EXPECT_TRUE(back->bytes == native);
    }
  }
}

TEST(Codec, EveryLosslessSyntaxBecomesEveryOther) {
  LocalCodec codec;
  for (const auto& shape : all_shapes()) {
    const auto native = picture(shape, 7);
    for (const auto first : kLossless) {
      const auto one = codec.convert(shape, native, {std::string(first)});
      ASSERT_TRUE(one);
      for (const auto second : kLossless) {
        SCOPED_TRACE(name_of(shape) + " " + std::string(first) + " to " + std::string(second));
        const auto other = codec.convert(one->shape, one->bytes, {std::string(second)});
        ASSERT_TRUE(other) << other.error().detail();
        const auto back = codec.convert(other->shape, other->bytes, {kNative});
        ASSERT_TRUE(back) << back.error().detail();
        EXPECT_TRUE(back->bytes == native);
      }
    }
  }
}

TEST(Codec, KeepsBitsAboveBitsStored) {
  LocalCodec codec;
  const auto shape = shape_of(1, 16, 12, false);
  auto native = picture(shape);
  native[101] = static_cast<char>(native[101] | 0x80);  // an overlay in bit 15
  for (const auto syntax : kLossless) {
    const auto coded = codec.convert(shape, native, {std::string(syntax)});
    ASSERT_TRUE(coded);
    const auto back = codec.convert(coded->shape, coded->bytes, {kNative});
    ASSERT_TRUE(back) << syntax << back.error().detail();
    EXPECT_TRUE(back->bytes == native) << syntax;
  }
}

TEST(Codec, PlanesComeInterleaved) {
  LocalCodec codec;
  auto shape = shape_of(3, 8, 8, false);
  shape.rows = 1;
  shape.columns = 2;
  shape.planar = true;
  const auto frame = codec.convert(shape, "RrGgBb", {kNative});
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->bytes, "RGBrgb");
  EXPECT_FALSE(frame->shape.planar);
}

TEST(Codec, JpegBaselineIsCloseAndSaysItsColourSpace) {
  LocalCodec codec;
  for (const unsigned samples : {1U, 3U}) {
    auto shape = shape_of(samples, 8, 8, false);
    std::string native(shape.values(), '\0');
    for (std::size_t i = 0; i < native.size(); ++i) native[i] = static_cast<char>(i / samples % shape.columns * 2);
    const auto coded = codec.convert(shape, native, {std::string(kJpegBaseline), 95});
    ASSERT_TRUE(coded) << coded.error().detail();
    EXPECT_EQ(coded->shape.photometric, samples == 3 ? "YBR_FULL_422" : "MONOCHROME2");
    const auto back = codec.convert(coded->shape, coded->bytes, {kNative});
    ASSERT_TRUE(back) << back.error().detail();
    EXPECT_EQ(back->shape.photometric, shape.photometric);
    for (std::size_t i = 0; i < native.size(); ++i) {
      ASSERT_LE(std::abs(static_cast<unsigned char>(native[i]) - static_cast<unsigned char>(back->bytes[i])), 4) << i;
    }
  }
}

TEST(Codec, RefusesWhatASyntaxCanNotHold) {
  LocalCodec codec;
  const auto wide = shape_of(1, 16, 16, false);
  EXPECT_EQ(codec.convert(wide, picture(wide), {std::string(kJpegBaseline)}).error().kind(), ErrorKind::kUnsupported);
  EXPECT_FALSE(can_encode(shape_of(1, 32, 32, false), kJpegLs));
  EXPECT_TRUE(can_encode(shape_of(1, 32, 32, false), kRle));
  EXPECT_FALSE(can_encode(kJpegXlLossless));
}

TEST(Codec, AllocatesNothingBeyondItsLimit) {
  LocalCodec codec({1 << 20});
  auto shape = shape_of(1, 16, 16, false);
  shape.rows = shape.columns = 60000;
  shape.transfer_syntax = kJpeg2000Lossless;
  const auto frame = codec.convert(shape, "\xFF\x4F\xFF\x51", {kNative});
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().kind(), ErrorKind::kTooLarge);
}

TEST(Codec, ACodestreamThatContradictsItsDataSetIsRefused) {
  LocalCodec codec;
  const auto shape = shape_of(1, 8, 8, false);
  for (const auto syntax : {kRle, kJpegBaseline, kJpegLs, kJpeg2000Lossless, kHtj2kRpcl}) {
    const auto coded = codec.convert(shape, picture(shape), {std::string(syntax)});
    ASSERT_TRUE(coded);
    auto other = coded->shape;
    other.rows += 1;
    const auto frame = codec.convert(other, coded->bytes, {kNative});
    ASSERT_FALSE(frame) << syntax;
    EXPECT_EQ(frame.error().kind(), ErrorKind::kInvalid) << syntax;
    EXPECT_THAT(frame.error().detail(), HasSubstr("damaged"));
  }
}

TEST(Codec, ACutCodestreamIsAnError) {
  LocalCodec codec;
  const auto shape = shape_of(1, 8, 8, false);
  for (const auto syntax : {kRle, kJpegBaseline, kJpegLs, kJpeg2000Lossless}) {
    const auto coded = codec.convert(shape, picture(shape), {std::string(syntax)});
    ASSERT_TRUE(coded);
    for (const double part : {0.0, 0.1, 0.5, 0.9}) {
      const auto cut = coded->bytes.substr(0, static_cast<std::size_t>(static_cast<double>(coded->bytes.size()) * part));
      EXPECT_FALSE(codec.convert(coded->shape, cut, {kNative})) << syntax << " " << part;
    }
  }
}

// Made by OpenJPH 0.27: five decompositions of 8 x 8 pixels, of which OpenJPH 0.9 makes others.
TEST(Codec, HtJ2kOfMoreDecompositionsThanTheImageHasHalves) {
  std::ifstream in(std::string(GANTRY_SOURCE_DIR) + "/fuzz/corpus/codec_htj2k/seed", std::ios::binary);
  const std::string seed{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(seed.size(), 4U);  // of which the first describe the shape to the fuzz target
  FrameShape shape;
  shape.rows = shape.columns = 8;
  shape.photometric = "MONOCHROME2";
  shape.transfer_syntax = kHtj2kLossless;
  const auto frame = LocalCodec().convert(shape, seed.substr(4), {kNative});
  ASSERT_TRUE(frame) << frame.error().detail();
  for (int i = 0; i < 64; ++i) ASSERT_EQ(static_cast<unsigned char>(frame->bytes[static_cast<std::size_t>(i)]), 2 * i) << i;
}

TEST(Codec, DeflatedFramesAreInflatedToTheirLength) {
  LocalCodec codec;
  auto shape = shape_of(1, 8, 8, false);
  shape.rows = 1;
  shape.columns = 5;
  shape.transfer_syntax = kDeflatedFrames;
  const std::string stored("\x01\x05\x00\xFA\xFFhello\x00", 11);  // a stored block of RFC 1951
  const auto frame = codec.convert(shape, stored, {kNative});
  ASSERT_TRUE(frame) << frame.error().detail();
  EXPECT_EQ(frame->bytes, "hello");
  shape.columns = 6;
  EXPECT_FALSE(codec.convert(shape, stored, {kNative}));
}

TEST(Codec, HtJ2kOfTheRpclSyntaxHasItsTileLengthsAndASmallBase) {
  LocalCodec codec;
  auto shape = shape_of(1, 16, 12, false);
  shape.rows = 300;
  shape.columns = 513;
  const auto coded = codec.convert(shape, picture(shape), {std::string(kHtj2kRpcl)});
  ASSERT_TRUE(coded);
  const std::string_view bytes = coded->bytes;
  const auto tlm = bytes.find("\xFF\x55");
  const auto sot = bytes.find("\xFF\x90");
  const auto cod = bytes.find("\xFF\x52");
  ASSERT_NE(tlm, std::string_view::npos);
  ASSERT_LT(tlm, sot);
  EXPECT_EQ(bytes.substr(tlm + 6, 4), bytes.substr(sot + 6, 4));  // the tile-part's length
  EXPECT_EQ(bytes[cod + 5], 2);                                   // RPCL
  EXPECT_EQ(bytes[cod + 9], 4);                                   // 513 / 2^4 <= 64
}

}  // namespace
}  // namespace gantry::pixels

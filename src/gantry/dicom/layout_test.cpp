#include "gantry/dicom/layout.hpp"

#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

using ::testing::ElementsAre;

Layout native(std::uint32_t frames, std::uint64_t frame_bits, std::uint16_t bits_allocated, std::uint64_t bytes) {
  Layout layout;
  layout.transfer_syntax = "1.2.840.10008.1.2.1";
  layout.dataset_offset = 334;
  layout.pixels.kind = PixelLayout::Kind::kNative;
  layout.pixels.element = {0x7FE0, 0x0010};
  layout.pixels.frames = frames;
  layout.pixels.bits_allocated = bits_allocated;
  layout.pixels.frame_bits = frame_bits;
  layout.pixels.value = {1000, bytes};
  return layout;
}

Layout encapsulated(std::uint32_t frames, std::uint32_t fragments_each) {
  Layout layout;
  layout.transfer_syntax = "1.2.840.10008.1.2.4.50";
  layout.pixels.kind = PixelLayout::Kind::kEncapsulated;
  layout.pixels.frames = frames;
  std::uint64_t at = 5000;
  for (std::uint32_t frame = 0; frame < frames; ++frame) {
    layout.pixels.first_fragment.push_back(frame * fragments_each);
    for (std::uint32_t i = 0; i < fragments_each; ++i) {
      layout.pixels.fragments.push_back({at, 1000 + frame % 77});
      at += 1008 + frame % 77;
    }
  }
  layout.bulk = {{"00091010", "OB", {10, 2000}}, {"54000100/1/54001010", "OW", {3000, 100}}};
  return layout;
}

void expect_same(const Layout& a, const Layout& b) {
  EXPECT_EQ(a.transfer_syntax, b.transfer_syntax);
  EXPECT_EQ(a.dataset_offset, b.dataset_offset);
  EXPECT_EQ(a.pixels.kind, b.pixels.kind);
  EXPECT_EQ(a.pixels.element, b.pixels.element);
  EXPECT_EQ(a.pixels.frames, b.pixels.frames);
  EXPECT_EQ(a.pixels.value, b.pixels.value);
  EXPECT_EQ(a.pixels.frame_bits, b.pixels.frame_bits);
  EXPECT_EQ(a.pixels.fragments, b.pixels.fragments);
  EXPECT_EQ(a.pixels.first_fragment, b.pixels.first_fragment);
  EXPECT_EQ(a.pixels.problem, b.pixels.problem);
  ASSERT_EQ(a.bulk.size(), b.bulk.size());
  for (std::size_t i = 0; i < a.bulk.size(); ++i) {
    EXPECT_EQ(a.bulk[i].path, b.bulk[i].path);
    EXPECT_EQ(a.bulk[i].vr, b.bulk[i].vr);
    EXPECT_EQ(a.bulk[i].range, b.bulk[i].range);
  }
}

TEST(Layout, FindsNativeFramesByNumber) {
  const Layout layout = native(3, 800, 16, 300);
  const auto frame = layout.frame(2);
  ASSERT_TRUE(frame);
  EXPECT_THAT(frame->ranges, ElementsAre(ByteRange{1100, 100}));
  EXPECT_EQ(frame->bits, 0U);
}

TEST(Layout, TellsWhereAOneBitFrameStartsInsideAByte) {
  const Layout layout = native(3, 9, 1, 4);
  const auto second = layout.frame(2);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->ranges, ElementsAre(ByteRange{1001, 2}));
  EXPECT_EQ(second->bit_shift, 1U);
  EXPECT_EQ(second->bits, 9U);
}

TEST(Layout, HasNoFrameZeroNorOneBeyondTheLast) {
  const Layout layout = native(3, 800, 16, 300);
  EXPECT_EQ(layout.frame(0).error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(layout.frame(4).error().kind(), ErrorKind::kNotFound);
}

TEST(Layout, SaysWhyFramesCannotBeHad) {
  Layout layout;
  EXPECT_EQ(layout.frame(1).error().kind(), ErrorKind::kUnsupported);
  layout.pixels.kind = PixelLayout::Kind::kUnusable;
  layout.pixels.problem = "video has no frames by number";
  EXPECT_EQ(layout.frame(1).error().detail(), "video has no frames by number");
}

TEST(Layout, GivesAllFragmentsOfAFrame) {
  const Layout layout = encapsulated(3, 2);
  const auto last = layout.frame(3);
  ASSERT_TRUE(last);
  EXPECT_THAT(last->ranges, ElementsAre(layout.pixels.fragments[4], layout.pixels.fragments[5]));
}

TEST(Layout, FindsBulkValuesByPath) {
  const Layout layout = encapsulated(1, 1);
  ASSERT_NE(layout.find_bulk("54000100/1/54001010"), nullptr);
  EXPECT_EQ(layout.find_bulk("54000100/1/54001010")->vr, "OW");
  EXPECT_EQ(layout.find_bulk("54000100/1"), nullptr);
  EXPECT_EQ(layout.find_bulk(""), nullptr);
}

TEST(Layout, SurvivesBeingKept) {
  for (const Layout& layout : {native(3, 9, 1, 4), encapsulated(7, 3), Layout{}}) {
    const auto decoded = decode_layout(encode_layout(layout));
    ASSERT_TRUE(decoded);
    expect_same(layout, *decoded);
  }
}

TEST(Layout, KeepsManyFramesSmall) {
  const Layout layout = encapsulated(180'000, 1);
  const std::string kept = encode_layout(layout);
  EXPECT_LT(kept.size(), 180'000U * 5);
  const auto decoded = decode_layout(kept);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->frame(180'000)->ranges, layout.frame(180'000)->ranges);
}

TEST(Layout, RefusesDamagedBytes) {
  const std::string kept = encode_layout(encapsulated(5, 2));
  for (std::size_t size = 0; size < kept.size(); ++size) EXPECT_FALSE(decode_layout(kept.substr(0, size))) << size;
  for (std::size_t at = 0; at < kept.size(); ++at) {
    std::string damaged = kept;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto decoded = decode_layout(damaged);
    ASSERT_FALSE(decoded) << at;
    EXPECT_EQ(decoded.error().kind(), ErrorKind::kInternal);
  }
}

TEST(Layout, DoesNotReadBeyondItsPixelDataWhateverWasKept) {
  Layout lying = native(1000, ~0ULL / 3, 16, 100);
  const auto frame = lying.frame(999);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().kind(), ErrorKind::kInternal);
}

}  // namespace
}  // namespace gantry::dicom

#include "gantry/dicom/pixel_indexer.hpp"

#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/part10_builder.hpp"

namespace gantry::dicom {
namespace {

using namespace gantry::dicom::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = PixelLayout::Kind;

constexpr std::string_view kJpeg = "1.2.840.10008.1.2.4.50";
constexpr std::string_view kRle = "1.2.840.10008.1.2.5";
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF\xE0";

struct Image {
  std::uint16_t rows = 2, columns = 3, samples = 1, bits = 8;
  std::string photometric = "MONOCHROME2";
  std::string frames = {};  // "" leaves the attribute out
};

DataSetBuilder image(const Image& image, Encoding encoding = {}) {
  DataSetBuilder data(encoding);
  add_sop(data);
  add_study(data);
  data.us({0x0028, 0x0002}, image.samples).text({0x0028, 0x0004}, "CS", image.photometric);
  if (!image.frames.empty()) data.text({0x0028, 0x0008}, "IS", image.frames);
  return data.us({0x0028, 0x0010}, image.rows).us({0x0028, 0x0011}, image.columns).us({0x0028, 0x0100}, image.bits);
}

struct Indexed {
  std::string file;
  Layout layout;

  std::string frame(std::uint32_t number) const {
    const auto found = layout.frame(number);
    if (!found) return "no frame: " + found.error().detail();
    std::string bytes;
    for (const ByteRange& range : found->ranges) bytes += file.substr(range.offset, range.length);
    return bytes;
  }
};

Indexed index(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  Indexed indexed;
  indexed.file = file_meta(syntax) + data.bytes();
  InstanceIndexer indexer;
  EXPECT_TRUE(indexer.feed(std::as_bytes(std::span(indexed.file))));
  auto instance = indexer.finish();
  EXPECT_TRUE(instance) << (instance ? "" : instance.error().detail());
  if (instance) indexed.layout = std::move(instance->layout);
  return indexed;
}

// Encapsulated Pixel Data: `table` holds offsets from the first fragment's item.
DataSetBuilder& encapsulate(DataSetBuilder& data, const std::vector<std::uint32_t>& table,
                            const std::vector<std::string>& fragments) {
  std::string entries;
  for (const std::uint32_t entry : table) entries += data.u32(entry);
  data.undefined({0x7FE0, 0x0010}, "OB").fragment(entries);
  for (const std::string& fragment : fragments) data.fragment(fragment);
  return data.end_sequence();
}

std::string start(std::string_view text) { return std::string(kJpegStart) + std::string(text); }

TEST(PixelIndexer, CutsNativePixelDataIntoFrames) {
  DataSetBuilder data = image({.frames = "2"});
  data.element({0x7FE0, 0x0010}, "OB", "abcdefghijkl");
  const Indexed indexed = index(data);
  EXPECT_EQ(indexed.layout.pixels.kind, Kind::kNative);
  EXPECT_EQ(indexed.frame(1), "abcdef");
  EXPECT_EQ(indexed.frame(2), "ghijkl");
  EXPECT_THAT(indexed.frame(3), HasSubstr("no frame"));
}

TEST(PixelIndexer, OffersOnlyFramesThatAreWhollyThere) {
  DataSetBuilder data = image({.frames = "5"});
  data.element({0x7FE0, 0x0010}, "OB", "abcdefghijklxx");
  EXPECT_EQ(index(data).layout.pixels.frames, 2U);
}

TEST(PixelIndexer, SaysWhyAFrameLargerThanPixelDataCannotBeHad) {
  DataSetBuilder data = image({.rows = 65535, .columns = 65535});
  data.element({0x7FE0, 0x0010}, "OB", "abcdef");
  const Layout layout = index(data).layout;
  EXPECT_EQ(layout.pixels.kind, Kind::kUnusable);
  EXPECT_THAT(layout.frame(1).error().detail(), HasSubstr("a frame needs 4294836225"));
}

TEST(PixelIndexer, CountsTwoSamplesForSubsampledColour) {
  DataSetBuilder data = image({.rows = 1, .columns = 4, .samples = 3, .photometric = "YBR_FULL_422", .frames = "2"});
  data.element({0x7FE0, 0x0010}, "OB", "abcdefghijklmnop");
  EXPECT_EQ(index(data).frame(2), "ijklmnop");
}

TEST(PixelIndexer, PacksOneBitFramesWithoutGaps) {
  DataSetBuilder data = image({.rows = 3, .columns = 3, .bits = 1, .frames = "3"});
  data.element({0x7FE0, 0x0010}, "OB", "abcd");
  const auto frame = index(data).layout.frame(3);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->bit_shift, 2U);
  EXPECT_EQ(frame->bits, 9U);
}

TEST(PixelIndexer, TakesTheSampleSizeOfFloatPixelDataFromTheAttribute) {
  DataSetBuilder data = image({.rows = 1, .columns = 1, .bits = 16, .frames = "2"});
  data.element({0x7FE0, 0x0009}, "OD", "abcdefghijklmnop");
  const Indexed indexed = index(data);
  EXPECT_EQ(indexed.layout.pixels.element, (Tag{0x7FE0, 0x0009}));
  EXPECT_EQ(indexed.frame(2), "ijklmnop");
}

TEST(PixelIndexer, KnowsTheWordToSwapInBigEndian) {
  const auto word = [](std::uint16_t bits, std::string_view vr, std::uint16_t columns) {
    DataSetBuilder data = image({.rows = 1, .columns = columns, .bits = bits, .frames = "2"}, {.big_endian = true});
    data.element({0x7FE0, 0x0010}, vr, std::string(24, 'x'));
    return index(data, kExplicitBigEndian).layout.pixels;
  };
  EXPECT_EQ(word(16, "OW", 2).word_bytes, 2);
  EXPECT_EQ(word(32, "OW", 2).word_bytes, 4);
  EXPECT_EQ(word(8, "OB", 3).word_bytes, 1);
  EXPECT_EQ(word(8, "OW", 4).word_bytes, 2);
  EXPECT_EQ(word(8, "OW", 3).kind, Kind::kUnusable);
}

TEST(PixelIndexer, GivesAllFragmentsToTheOnlyFrame) {
  DataSetBuilder data = image({});
  const Indexed indexed = index(encapsulate(data, {}, {start("ab"), "cdef", ""}), kJpeg);
  EXPECT_EQ(indexed.layout.pixels.frames, 1U);
  EXPECT_EQ(indexed.frame(1), start("abcdef"));
}

TEST(PixelIndexer, FollowsTheBasicOffsetTable) {
  DataSetBuilder data = image({.frames = "2"});
  const Indexed indexed = index(encapsulate(data, {0, 20}, {"aaaa", "", "bbbb", "cc"}), kJpeg);
  EXPECT_EQ(indexed.frame(1), "aaaa");
  EXPECT_EQ(indexed.frame(2), "bbbbcc");
}

TEST(PixelIndexer, IgnoresABasicOffsetTableThatDoesNotPointAtItems) {
  for (const auto& table :
       std::vector<std::vector<std::uint32_t>>{{0, 5}, {14, 0}, {14, 28}, {0, 0}, {0, 0xFFFFFFF0}}) {
    DataSetBuilder data = image({.frames = "2"});
    const Indexed indexed = index(encapsulate(data, table, {start("aa"), start("bb")}), kJpeg);
    EXPECT_EQ(indexed.frame(1), start("aa"));
    EXPECT_EQ(indexed.frame(2), start("bb"));
  }
}

TEST(PixelIndexer, FindsFramesOfManyFragmentsByTheirStartMarkers) {
  DataSetBuilder data = image({.frames = "2"});
  const Indexed indexed = index(encapsulate(data, {}, {start("aa"), "bb", "cc", start("dd")}), kJpeg);
  EXPECT_EQ(indexed.frame(1), start("aabbcc"));
  EXPECT_EQ(indexed.frame(2), start("dd"));
}

TEST(PixelIndexer, RefusesFragmentsThatCannotBeToldApart) {
  DataSetBuilder data = image({.frames = "2"});
  const Layout layout = index(encapsulate(data, {}, {"aa", "bb", "cc"}), kRle).layout;
  EXPECT_EQ(layout.pixels.kind, Kind::kUnusable);
  EXPECT_EQ(layout.frame(1).error().kind(), ErrorKind::kUnsupported);
}

TEST(PixelIndexer, LeavesOutThePaddingThatTheExtendedOffsetTableNames) {
  const auto u64 = [](std::vector<std::uint64_t> values) {
    std::string bytes;
    for (const std::uint64_t value : values) {
      for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
    }
    return bytes;
  };
  DataSetBuilder data = image({.frames = "2"});
  data.element({0x7FE0, 0x0001}, "OV", u64({0, 12})).element({0x7FE0, 0x0002}, "OV", u64({3, 4}));
  const Indexed indexed = index(encapsulate(data, {}, {"aaa0", "bbbb"}), kJpeg);
  EXPECT_EQ(indexed.frame(1), "aaa");
  EXPECT_EQ(indexed.frame(2), "bbbb");

  DataSetBuilder lying = image({.frames = "2"});
  lying.element({0x7FE0, 0x0001}, "OV", u64({0, 13})).element({0x7FE0, 0x0002}, "OV", u64({3, 4}));
  EXPECT_EQ(index(encapsulate(lying, {}, {"aaa0", "bbbb"}), kJpeg).frame(1), "aaa0");
}

TEST(PixelIndexer, HasNoFramesByNumberInVideo) {
  DataSetBuilder data = image({.frames = "50"});
  const Layout layout = index(encapsulate(data, {}, {"video"}), "1.2.840.10008.1.2.4.102").layout;
  EXPECT_EQ(layout.pixels.kind, Kind::kUnusable);
  EXPECT_EQ(layout.pixels.fragments.size(), 1U);
  EXPECT_THAT(layout.frame(1).error().detail(), HasSubstr("video"));
}

TEST(PixelIndexer, SeesPixelDataThatContradictsItsTransferSyntax) {
  DataSetBuilder native = image({});
  native.element({0x7FE0, 0x0010}, "OB", "abcdef");
  EXPECT_EQ(index(native, kJpeg).layout.pixels.kind, Kind::kUnusable);
  DataSetBuilder wrapped = image({});
  EXPECT_EQ(index(encapsulate(wrapped, {}, {"abcdef"})).layout.pixels.kind, Kind::kUnusable);
}

TEST(PixelIndexer, KeepsADelimiterThatIsPartOfACodestream) {
  DataSetBuilder data = image({});
  const std::string inside = start(std::string("\xFE\xFF\xDD\xE0\0\0\0\0", 8) + "rest");
  EXPECT_EQ(index(encapsulate(data, {}, {inside}), kJpeg).frame(1), inside);
}

TEST(PixelIndexer, TakesEmptyPixelDataForNone) {
  DataSetBuilder data = image({});
  data.element({0x7FE0, 0x0010}, "OW", "");
  EXPECT_EQ(index(data).layout.pixels.kind, Kind::kNone);
}

TEST(PixelIndexer, FindsTheLastOfManyFrames) {
  DataSetBuilder data = image({.frames = "180000"});
  data.undefined({0x7FE0, 0x0010}, "OB").fragment("");
  for (int i = 0; i < 180'000; ++i) data.fragment("xy");
  data.end_sequence();
  const Indexed indexed = index(data, kRle);
  EXPECT_EQ(indexed.layout.pixels.frames, 180'000U);
  EXPECT_THAT(indexed.layout.frame(180'000)->ranges, ElementsAre(ByteRange{indexed.file.size() - 10, 2}));
}

}  // namespace
}  // namespace gantry::dicom

// Files that lie, break off or try to use up memory. None may crash, hang, or be accepted as what they are not.

#include <random>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::dicom {
namespace {

using namespace gantry::dicom::testing;
using ::testing::HasSubstr;

Result<IndexedInstance> index(std::string_view file, IndexerLimits limits = {}, std::size_t piece = 1 << 16) {
  InstanceIndexer indexer(limits);
  for (std::size_t at = 0; at < file.size(); at += piece) {
    GANTRY_TRY(indexer.feed(std::as_bytes(std::span(file.substr(at, piece)))));
  }
  return indexer.finish();
}

void expect_refused(std::string_view file, ErrorKind kind, std::string_view reason, IndexerLimits limits = {}) {
  for (const std::size_t piece : {std::size_t{1} << 16, std::size_t{7}}) {
    const auto refused = index(file, limits, piece);
    ASSERT_FALSE(refused) << reason;
    EXPECT_EQ(refused.error().kind(), kind) << refused.error().detail();
    EXPECT_THAT(refused.error().detail(), HasSubstr(std::string(reason)));
  }
}

std::string in_file(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  return file_meta(syntax) + data.bytes();
}

DataSetBuilder with_uids(Encoding encoding = {}) {
  DataSetBuilder data(encoding);
  add_sop(data);
  return add_study(data);
}

TEST(HostileFile, WhatIsNoPart10FileIsRefusedWithThatReason) {
  for (const std::string& file :
       {std::string(), std::string("DICM"), std::string("\x89PNG\r\n") + std::string(300, 'x'), with_uids().bytes(),
        std::string(128, '\0') + "DICN" + with_uids().bytes()}) {
    expect_refused(file, ErrorKind::kInvalid, "not a DICOM Part 10 file");
  }
}

TEST(HostileFile, AFileMetaGroupWithoutTransferSyntaxIsRefused) {
  expect_refused(file_meta("") + with_uids().bytes(), ErrorKind::kInvalid, "(0002,0010)");
  expect_refused(std::string(128, '\0') + "DICM", ErrorKind::kInvalid, "(0002,0010)");
}

TEST(HostileFile, TenThousandNestedSequencesMeetTheLimit) {
  for (const bool implicit : {false, true}) {
    DataSetBuilder data({.implicit = implicit});
    for (int i = 0; i < 10'000; ++i) data.undefined({0x0040, 0xA730}, "SQ").item();
    expect_refused(in_file(data, implicit ? kImplicitLittleEndian : kExplicitLittleEndian), ErrorKind::kTooLarge,
                   "nested more than 64 times");
  }
}

TEST(HostileFile, NestingUpToTheLimitIsRead) {
  DataSetBuilder data = with_uids();
  for (int i = 0; i < 65; ++i) data.undefined({0x0040, 0xA730}, "SQ").item();
  for (int i = 0; i < 65; ++i) data.end_item().end_sequence();
  const auto indexed = index(in_file(data));
  EXPECT_TRUE(indexed) << indexed.error().detail();
}

TEST(HostileFile, ALengthOfFourGigabytesAllocatesNothing) {
  for (const auto* vr : {"OB", "UT", "UN", "UC"}) {
    DataSetBuilder data = with_uids();
    data.head({0x0042, 0x0011}, vr, 0xFFFFFFF0).raw("few bytes");
    expect_refused(in_file(data), ErrorKind::kInvalid, "after 9 of 4294967280 bytes");
  }
  DataSetBuilder sequence = with_uids();
  sequence.head({0x0040, 0xA730}, "SQ", 0xFFFFFFF0).item(0xFFFFFF00);
  expect_refused(in_file(sequence), ErrorKind::kInvalid, "truncated");
}

TEST(HostileFile, LengthsBeyondWhatContainsThemAreErrorsThatNameTagAndOffset) {
  DataSetBuilder element = with_uids();
  element.head({0x0040, 0xA730}, "SQ", 24).item(16).head({0x0008, 0x0060}, "CS", 100).raw(std::string(200, ' '));
  expect_refused(in_file(element), ErrorKind::kInvalid, "(0008,0060) at offset");
  DataSetBuilder item = with_uids();
  item.head({0x0040, 0xA730}, "SQ", 24).item(17).raw(std::string(200, ' '));
  expect_refused(in_file(item), ErrorKind::kInvalid, "more than its sequence (0040,A730)");
  DataSetBuilder stray = with_uids();
  stray.head({0x0040, 0xA730}, "SQ", 11).item(3).raw("xyz");
  expect_refused(in_file(stray), ErrorKind::kInvalid, "3 stray bytes");
}

TEST(HostileFile, FragmentsOfUndefinedOrTooGreatLengthAreErrors) {
  DataSetBuilder undefined = with_uids();
  undefined.undefined({0x7FE0, 0x0010}, "OB").fragment("").item(0xFFFFFFFF);
  expect_refused(in_file(undefined, "1.2.840.10008.1.2.4.50"), ErrorKind::kInvalid, "impossible length");
  DataSetBuilder great = with_uids();
  great.undefined({0x7FE0, 0x0010}, "OB").fragment("").item(0xFFFFFFF0).raw("abc");
  expect_refused(in_file(great, "1.2.840.10008.1.2.4.50"), ErrorKind::kInvalid, "truncated");
}

TEST(HostileFile, ItemsAndDelimitersOutOfPlaceAreErrorsOrPassedBy) {
  DataSetBuilder item = with_uids();
  item.item(0);
  expect_refused(in_file(item), ErrorKind::kInvalid, "outside of a sequence");
  DataSetBuilder no_item = with_uids();
  no_item.undefined({0x0040, 0xA730}, "SQ").text({0x0008, 0x0060}, "CS", "CT");
  expect_refused(in_file(no_item), ErrorKind::kInvalid, "where an item of sequence");
  DataSetBuilder delimiters = with_uids();
  delimiters.end_item().end_sequence().undefined({0x0040, 0xA730}, "SQ").item().end_sequence();
  delimiters.text({0x0040, 0xA731}, "LO", "after");
  const auto indexed = index(in_file(delimiters));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_THAT(indexed->json, HasSubstr(R"("0040A730":{"vr":"SQ","Value":[{}]},"0040A731")"));
  EXPECT_EQ(indexed->warnings.size(), 3U);
}

TEST(HostileFile, NothingThatMissesBytesIsAccepted) {
  const auto build = [](Encoding encoding) {
    DataSetBuilder data = with_uids(encoding);
    data.undefined({0x0040, 0xA730}, "SQ").item().text({0x0008, 0x0060}, "CS", "CT").end_item().end_sequence();
    return data.element({0x7FE0, 0x0010}, "OW", std::string(64, 'p'));
  };
  struct Case {
    std::string_view syntax;
    Encoding encoding;
  };
  for (const Case& c : {Case{kExplicitLittleEndian, {}}, Case{kImplicitLittleEndian, {.implicit = true}},
                        Case{kExplicitBigEndian, {.big_endian = true}}}) {
    const std::string data = build(c.encoding).bytes();
    const std::string meta = file_meta(c.syntax);
    const std::size_t before_sequence = with_uids(c.encoding).bytes().size();
    const std::size_t before_pixels = data.size() - 64 - (c.encoding.implicit ? 8 : 12);
    ASSERT_TRUE(index(meta + data));
    for (std::size_t size = 0; size < data.size(); ++size) {
      // Where one element ends and none has begun nobody can tell.
      if (size == before_sequence || size == before_pixels) continue;
      EXPECT_FALSE(index(meta + data.substr(0, size))) << c.syntax << " " << size;
    }
    for (std::size_t size = 0; size < meta.size(); ++size) EXPECT_FALSE(index(meta.substr(0, size)));
  }
}

TEST(HostileFile, ATruncatedDeflatedFileIsNeverAccepted) {
  const std::string meta = file_meta(kDeflatedExplicitLittleEndian);
  const std::string data = deflated(with_uids().element({0x0042, 0x0011}, "OB", std::string(5000, 'd')).bytes());
  ASSERT_TRUE(index(meta + data));
  for (std::size_t size = 0; size < data.size(); ++size) EXPECT_FALSE(index(meta + data.substr(0, size))) << size;
  EXPECT_TRUE(index(meta + data + std::string(1, '\0')));
  expect_refused(meta + data + "more", ErrorKind::kInvalid, "bytes behind the deflated data set");
  expect_refused(meta + std::string(100, '\xFF'), ErrorKind::kInvalid, "broken");
}

TEST(HostileFile, DeflateBombsMeetTheirLimits) {
  DataSetBuilder data = with_uids();
  data.element({0x0042, 0x0011}, "OB", std::string(40 << 20, '\0'));
  const std::string file = file_meta(kDeflatedExplicitLittleEndian) + deflated(data.bytes());
  IndexerLimits small;
  small.inflated_bytes = 10 << 20;
  small.inflate_ratio = 1'000'000;
  expect_refused(file, ErrorKind::kTooLarge, "more than 10485760 bytes", small);
  IndexerLimits tight;
  tight.inflate_ratio = 100;
  expect_refused(file, ErrorKind::kTooLarge, "100 times", tight);
}

TEST(HostileFile, AMillionElementsMeetTheLimit) {
  DataSetBuilder data;
  for (int i = 0; i < 1'000'001; ++i) data.head({0x0009, 0x1010}, "LO", 0);
  expect_refused(in_file(data), ErrorKind::kTooLarge, "elements");
  DataSetBuilder items;
  items.undefined({0x0040, 0xA730}, "SQ");
  for (int i = 0; i < 1'000'001; ++i) items.item(0);
  expect_refused(in_file(items), ErrorKind::kTooLarge, "elements");
}

TEST(HostileFile, JsonThatWouldGrowTooLargeMeetsItsLimit) {
  IndexerLimits limits;
  limits.json_bytes = 100'000;
  DataSetBuilder data = with_uids();
  for (std::uint16_t i = 0; i < 5000; ++i) {
    data.element({0x0029, static_cast<std::uint16_t>(0x1000 + i)}, "FL", std::string("\0\0\xC0\x7F", 4));
  }
  expect_refused(in_file(data), ErrorKind::kTooLarge, "JSON", limits);
}

TEST(HostileFile, AnAttributeWithAHugeNumberOfValuesIsNamedByUri) {
  DataSetBuilder data = with_uids({.implicit = true});
  data.element({0x0020, 0x4000}, "LT", std::string(900'000, '\\'));
  data.element({0x0040, 0x0310}, "ST", std::string(2 << 20, 's'));
  data.element({0x0010, 0x2000}, "LO", std::string(3 << 20, 'l'));
  data.text({0x0008, 0x1030}, "LO", std::string(900'000, '\\'));
  const auto indexed = index(in_file(data, kImplicitLittleEndian));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_LT(indexed->json.size(), 4000U);
  EXPECT_NE(indexed->layout.find_bulk("00204000"), nullptr);
  EXPECT_NE(indexed->layout.find_bulk("00400310"), nullptr);
  ASSERT_NE(indexed->layout.find_bulk("00081030"), nullptr);
  EXPECT_EQ(indexed->layout.find_bulk("00081030")->vr, "UN");
}

TEST(HostileFile, AnErrorStaysTheAnswer) {
  InstanceIndexer indexer;
  const std::string junk(200, 'x');
  ASSERT_FALSE(indexer.feed(std::as_bytes(std::span(junk))));
  const auto again = indexer.feed({});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().detail(), HasSubstr("Part 10"));
  EXPECT_FALSE(indexer.finish());
}

TEST(HostileFile, FlippedBytesNeverCrash) {
  DataSetBuilder data = with_uids();
  data.undefined({0x0040, 0xA730}, "SQ").item().text({0x0008, 0x0060}, "CS", "CT").end_item().end_sequence();
  data.undefined({0x7FE0, 0x0010}, "OB").fragment("\0\0\0\0").fragment("abcd").end_sequence();
  const std::string file = in_file(data, "1.2.840.10008.1.2.4.50");
  std::mt19937 random(20240229);
  for (int round = 0; round < 20'000; ++round) {
    std::string broken = file;
    for (int i = 0; i < 3; ++i) broken[132 + random() % (broken.size() - 132)] = static_cast<char>(random());
    const auto whole = index(broken);
    const auto pieces = index(broken, {}, 1 + random() % 40);
    ASSERT_EQ(whole.ok(), pieces.ok()) << round;
    if (whole) {
      EXPECT_EQ(whole->json, pieces->json);
    }
  }
}

}  // namespace
}  // namespace gantry::dicom

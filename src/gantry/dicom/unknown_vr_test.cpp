// Attributes of VR UN that PS3.6 knows (PS3.5 §6.2.2), in DICOM JSON, in searches, in the layout and re-encoded.

#include "gantry/dicom/unknown_vr.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::dicom {
namespace {

using namespace gantry::dicom::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Tag kContentSequence{0x0040, 0xA730};

Result<IndexedInstance> index(std::string_view file, std::size_t piece = 1 << 20, IndexerLimits limits = {}) {
  InstanceIndexer indexer(limits);
  for (; !file.empty(); file.remove_prefix(std::min(piece, file.size()))) {
    GANTRY_TRY(indexer.feed(std::as_bytes(std::span(file.substr(0, piece)))));
  }
  return indexer.finish();
}

std::string file_of(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  return file_meta(syntax) + data.bytes();
}

std::string json_of(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  const auto indexed = index(file_of(data, syntax));
  EXPECT_TRUE(indexed) << (indexed ? "" : indexed.error().detail());
  return indexed ? indexed->json : "";
}

DataSetBuilder with_uids(Encoding encoding = {}) {
  DataSetBuilder data(encoding);
  add_sop(data);
  return add_study(data);
}

DataSetBuilder implicit() { return DataSetBuilder({.implicit = true}); }

// `depth` items inside each other, all lengths defined.
std::string nested(int depth) {
  std::string value;
  for (int i = 0; i < depth; ++i) {
    DataSetBuilder item = implicit();
    item.item(static_cast<std::uint32_t>(value.size())).raw(value);
    if (i + 1 == depth) return item.bytes();
    DataSetBuilder sequence = implicit();
    sequence.element(kContentSequence, "SQ", item.bytes());
    value = sequence.bytes();
  }
  return value;
}

class Memory final : public RandomAccess {
 public:
  explicit Memory(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const auto rest = std::as_bytes(std::span(bytes_)).subspan(std::min<std::size_t>(offset, bytes_.size()));
    const std::size_t count = std::min(into.size(), rest.size());
    std::copy_n(rest.begin(), count, into.begin());
    return count;
  }

 private:
  std::string bytes_;
};

std::string reencoded(std::string file) {
  auto stream = to_explicit_little_endian(std::make_shared<Memory>(std::move(file)));
  if (!stream) return "failed: " + stream.error().detail();
  std::string out;
  std::array<std::byte, 77> piece;
  for (;;) {
    const auto count = (*stream)->read(piece);
    if (!count) return "failed: " + count.error().detail();
    if (*count == 0) return out;
    out.append(reinterpret_cast<const char*>(piece.data()), *count);
  }
}

TEST(UnknownVr, ValuesGetTheVrOfTheDictionary) {
  DataSetBuilder data = with_uids();
  data.text({0x0020, 0x0013}, "UN", "7").element({0x0028, 0x0009}, "UN", std::string("\x18\x00\x63\x10", 4));
  data.element({0x0028, 0x0010}, "UN", data.u16(64)).text({0x0028, 0x0030}, "UN", "0.5\\0.25");
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00200013":{"vr":"IS","Value":[7]})"));
  EXPECT_THAT(json, HasSubstr(R"("00280009":{"vr":"AT","Value":["00181063"]})"));
  EXPECT_THAT(json, HasSubstr(R"("00280010":{"vr":"US","Value":[64]})"));
  EXPECT_THAT(json, HasSubstr(R"("00280030":{"vr":"DS","Value":[0.5,0.25]})"));
}

TEST(UnknownVr, TextObeysACharacterSetThatIsItselfUnknown) {
  DataSetBuilder data;
  data.text({0x0008, 0x0005}, "UN", "ISO_IR 100");
  add_sop(data).text({0x0010, 0x0010}, "UN", "Gr\xFC\xDF^Gott");
  add_study(data);
  const auto indexed = index(file_of(data));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_THAT(indexed->json, HasSubstr(R"("00100010":{"vr":"PN","Value":[{"Alphabetic":"Grüß^Gott"}]})"));
  EXPECT_EQ(indexed->attributes.patient_name, "Grüß^Gott");
  EXPECT_THAT(indexed->warnings, IsEmpty());
}

TEST(UnknownVr, PixelRepresentationDecidesBetweenSignedAndUnsigned) {
  DataSetBuilder data = with_uids();
  data.element({0x0028, 0x0103}, "UN", data.u16(1)).element({0x0028, 0x0106}, "UN", data.u16(0xFFFE));
  EXPECT_THAT(json_of(data), HasSubstr(R"("00280106":{"vr":"SS","Value":[-2]})"));
}

TEST(UnknownVr, ValuesAreLittleEndianInABigEndianFileToo) {
  DataSetBuilder data = with_uids({.big_endian = true});
  data.element({0x0028, 0x0010}, "UN", std::string("\x40\x01", 2)).us({0x0028, 0x0011}, 0x0140);
  const auto indexed = index(file_of(data, kExplicitBigEndian));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_THAT(indexed->json, HasSubstr(R"("00280010":{"vr":"US","Value":[320]},"00280011":{"vr":"US","Value":[320]})"));
  EXPECT_EQ(indexed->attributes.rows, "320");
}

TEST(UnknownVr, LongLittleEndianValuesOfABigEndianFileAreNotSwappedOnTheirWayOut) {
  DataSetBuilder data = with_uids({.big_endian = true});
  data.element({0x0028, 0x1201}, "UN", std::string(100'000, 'x'))
      .element({0x0028, 0x1202}, "OW", std::string(100'000, 'y'));
  const auto indexed = index(file_of(data, kExplicitBigEndian));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_THAT(indexed->json, HasSubstr(R"("00281201":{"vr":"OW","BulkDataURI":)"));
  EXPECT_EQ(indexed->layout.find_bulk("00281201")->vr, "UN");
  EXPECT_EQ(indexed->layout.find_bulk("00281202")->vr, "OW");
}

TEST(UnknownVr, PixelsKeepTheirPlaceAndTheirByteOrder) {
  for (const bool big_endian : {false, true}) {
    DataSetBuilder data = with_uids({.big_endian = big_endian});
    data.us({0x0028, 0x0002}, 1).us({0x0028, 0x0010}, 2).us({0x0028, 0x0011}, 2).us({0x0028, 0x0100}, 16);
    data.element({0x7FE0, 0x0010}, "UN", "abcdefgh");
    const std::string file = file_of(data, big_endian ? kExplicitBigEndian : kExplicitLittleEndian);
    const auto indexed = index(file);
    ASSERT_TRUE(indexed) << indexed.error().detail();
    EXPECT_THAT(indexed->json, HasSubstr(R"("7FE00010":{"vr":"OW","BulkDataURI":)"));
    EXPECT_EQ(indexed->layout.pixels.word_bytes, 1);
    const auto frame = indexed->layout.frame(1);
    ASSERT_TRUE(frame);
    EXPECT_EQ(file.substr(frame->ranges.at(0).offset, frame->ranges.at(0).length), "abcdefgh");
  }
}

TEST(UnknownVr, AValueThatIsNoWholeNumberOfWordsStaysUnknown) {
  DataSetBuilder data = with_uids();
  data.element({0x0028, 0x0009}, "UN", "ab").element({0x0028, 0x0010}, "UN", std::string("\1\2\3", 3));
  data.element({0x0028, 0x1201}, "UN", std::string("\1\2\3", 3));
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00280009":{"vr":"UN","InlineBinary":"YWI="})"));
  EXPECT_THAT(json, HasSubstr(R"("00280010":{"vr":"UN","InlineBinary":"AQID"})"));
  EXPECT_THAT(json, HasSubstr(R"("00281201":{"vr":"UN","InlineBinary":"AQID"})"));
}

TEST(UnknownVr, PrivateAndUnheardOfAttributesStayUnknownButForCreators) {
  DataSetBuilder data = with_uids();
  data.text({0x0029, 0x0010}, "UN", "MAKER").element({0x0029, 0x1001}, "UN", "ab");
  data.element({0x0028, 0xFFF0}, "UN", "ab");
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("0028FFF0":{"vr":"UN","InlineBinary":"YWI="})"));
  EXPECT_THAT(json, HasSubstr(R"("00290010":{"vr":"LO","Value":["MAKER"]})"));
  EXPECT_THAT(json, HasSubstr(R"("00291001":{"vr":"UN","InlineBinary":"YWI="})"));
}

TEST(UnknownVr, TextTooLongForItsVrStaysUnknown) {
  DataSetBuilder data = with_uids();
  data.text({0x0040, 0x0310}, "UN", std::string(2 << 20, 'n'));  // ST may be bulk data
  data.text({0x0040, 0xA123}, "UN", std::string(2 << 20, 'n'));  // PN can't be bulk data
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00400310":{"vr":"ST","BulkDataURI":)"));
  EXPECT_THAT(json, HasSubstr(R"("0040A123":{"vr":"UN","BulkDataURI":)"));
}

TEST(UnknownVr, ItemsOfDefinedLengthAreASequenceHoweverTheFileIsCut) {
  DataSetBuilder request = implicit();
  request.item(0).item().text({0x0040, 0x0009}, "SH", "STEP").text({0x0040, 0x1001}, "SH", "PROC").end_item();
  for (const bool big_endian : {false, true}) {
    DataSetBuilder data = with_uids({.big_endian = big_endian});
    data.element({0x0040, 0x0275}, "UN", request.bytes()).text({0x0040, 0xA160}, "UT", "behind");
    const std::string file = file_of(data, big_endian ? kExplicitBigEndian : kExplicitLittleEndian);
    for (const std::size_t piece : {1, 7, 100, 100'000}) {
      const auto indexed = index(file, piece);
      ASSERT_TRUE(indexed) << indexed.error().detail();
      EXPECT_THAT(indexed->json,
                  HasSubstr(R"("00400275":{"vr":"SQ","Value":[{},{"00400009":{"vr":"SH","Value":["STEP"]},)"
                            R"("00401001":{"vr":"SH","Value":["PROC"]}}]})"));
      EXPECT_THAT(indexed->json, HasSubstr(R"("0040A160":{"vr":"UT","Value":["behind"]})"));
      EXPECT_EQ(indexed->attributes.scheduled_procedure_step_ids, "\\STEP");
    }
  }
}

TEST(UnknownVr, AnEmptySequenceIsEmpty) {
  DataSetBuilder data = with_uids();
  data.element(kContentSequence, "UN", "").text({0x0040, 0xA731}, "LO", "behind");
  EXPECT_THAT(json_of(data), HasSubstr(R"("0040A730":{"vr":"SQ"},"0040A731")"));
}

TEST(UnknownVr, BulkValuesInsideAnUnknownSequenceAreFoundInTheFile) {
  DataSetBuilder icon = implicit();
  icon.item().element({0x7FE0, 0x0010}, "OW", "pixels").end_item();
  DataSetBuilder data = with_uids();
  data.element({0x0088, 0x0200}, "UN", icon.bytes());
  const std::string file = file_of(data);
  const auto indexed = index(file, 3);
  ASSERT_TRUE(indexed) << indexed.error().detail();
  const BulkItem* item = indexed->layout.find_bulk("00880200/1/7FE00010");
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(file.substr(item->range.offset, item->range.length), "pixels");
  EXPECT_EQ(indexed->layout.pixels.kind, PixelLayout::Kind::kNone);
}

TEST(UnknownVr, WhatIsNoSequenceStaysUnknownAndDoesNotEndTheReading) {
  DataSetBuilder explicit_item;
  explicit_item.item().text({0x0008, 0x0060}, "CS", "CT").end_item();
  DataSetBuilder cut = implicit();
  cut.item(100).text({0x0008, 0x0060}, "CS", "CT");
  DataSetBuilder beyond = implicit();
  beyond.item().head({0x0008, 0x0060}, "CS", 5000).raw("CT").end_item();
  for (const std::string& value :
       {explicit_item.bytes(), cut.bytes(), beyond.bytes(), std::string("no items at all!"), std::string("xy")}) {
    DataSetBuilder data = with_uids();
    data.element(kContentSequence, "UN", value).text({0x0040, 0xA731}, "LO", "behind");
    for (const std::size_t piece : {1, 11, 100'000}) {
      const auto indexed = index(file_of(data), piece);
      ASSERT_TRUE(indexed) << indexed.error().detail();
      EXPECT_THAT(indexed->json, HasSubstr(R"("0040A730":{"vr":"UN","InlineBinary":)"));
      EXPECT_THAT(indexed->json, HasSubstr(R"("0040A731":{"vr":"LO","Value":["behind"]})"));
    }
  }
}

TEST(UnknownVr, SequencesTooLongToBeHeldStayBytesInTheFile) {
  DataSetBuilder items = implicit();
  items.item().element({0x0042, 0x0011}, "OB", std::string(2 << 20, 'x')).end_item();
  DataSetBuilder data = with_uids();
  data.element(kContentSequence, "UN", items.bytes());
  EXPECT_THAT(json_of(data), HasSubstr(R"("0040A730":{"vr":"UN","BulkDataURI":)"));
}

TEST(UnknownVr, SequencesNestedTooDeeplyOrOfTooManyElementsStayUnknown) {
  const auto read = [](const std::string& value, IndexerLimits limits = {}) {
    DataSetBuilder data = with_uids();
    data.element(kContentSequence, "UN", value);
    const auto indexed = index(file_of(data), 1 << 20, limits);
    EXPECT_TRUE(indexed) << (indexed ? "" : indexed.error().detail());
    return indexed ? indexed->json : "";
  };
  EXPECT_THAT(read(nested(65)), HasSubstr(R"("0040A730":{"vr":"SQ")"));
  EXPECT_THAT(read(nested(66)), HasSubstr(R"("0040A730":{"vr":"UN")"));
  EXPECT_THAT(read(nested(2000)), HasSubstr(R"("0040A730":{"vr":"UN")"));
  IndexerLimits few;
  few.elements = 20;
  EXPECT_THAT(read(nested(5), few), HasSubstr(R"("0040A730":{"vr":"SQ")"));
  EXPECT_THAT(read(nested(15), few), HasSubstr(R"("0040A730":{"vr":"UN")"));
}

TEST(UnknownVr, AFileThatEndsInsideAnUnknownSequenceIsTruncated) {
  DataSetBuilder data = with_uids();
  data.head(kContentSequence, "UN", 100).raw("few bytes");
  const auto indexed = index(file_of(data), 5);
  ASSERT_FALSE(indexed);
  EXPECT_EQ(indexed.error().kind(), ErrorKind::kInvalid);
  EXPECT_THAT(indexed.error().detail(), HasSubstr("after 9 of 100 bytes"));
}

TEST(UnknownVr, ReencodingWritesKnownVrsAndLeavesSequencesOfUnknownAlone) {
  DataSetBuilder items = implicit();
  items.item().text({0x0008, 0x0060}, "CS", "CT").end_item();
  DataSetBuilder data = with_uids({.big_endian = true});
  data.element({0x0028, 0x0010}, "UN", std::string("\x40\x01", 2)).element({0x0029, 0x1001}, "UN", "ab");
  data.element(kContentSequence, "UN", items.bytes()).us({0x0040, 0xA0B0}, 7);
  const std::string out = reencoded(file_of(data, kExplicitBigEndian));

  DataSetBuilder expected;
  expected.us({0x0028, 0x0010}, 0x0140).element({0x0029, 0x1001}, "UN", "ab");
  expected.element(kContentSequence, "UN", items.bytes()).us({0x0040, 0xA0B0}, 7);
  EXPECT_THAT(out, HasSubstr(expected.bytes()));
  const auto again = index(out);
  ASSERT_TRUE(again) << again.error().detail();
  EXPECT_THAT(again->json, HasSubstr(R"("0040A730":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["CT"]}}]})"));
}

}  // namespace
}  // namespace gantry::dicom

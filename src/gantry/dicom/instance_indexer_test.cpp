#include "gantry/dicom/instance_indexer.hpp"

#include <cmath>
#include <cstring>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::dicom {
namespace {

using namespace gantry::dicom::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Result<IndexedInstance> index(std::string_view file, IndexerLimits limits = {}) {
  InstanceIndexer indexer(limits);
  GANTRY_TRY(indexer.feed(std::as_bytes(std::span(file))));
  return indexer.finish();
}

std::string in_file(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  return file_meta(syntax) + data.bytes();
}

std::string json_of(const DataSetBuilder& data, std::string_view syntax = kExplicitLittleEndian) {
  const auto indexed = index(in_file(data, syntax));
  EXPECT_TRUE(indexed) << (indexed ? "" : indexed.error().detail());
  return indexed ? indexed->json : "";
}

// An instance with `more` behind group 0020.
DataSetBuilder with_uids(Encoding encoding = {}) {
  DataSetBuilder data(encoding);
  add_sop(data);
  return add_study(data);
}

TEST(InstanceIndexer, TellsWhoTheInstanceIs) {
  const auto indexed = index(in_file(with_uids()));
  ASSERT_TRUE(indexed);
  EXPECT_EQ(indexed->study.str(), "1.2.3");
  EXPECT_EQ(indexed->series.str(), "1.2.3.1");
  EXPECT_EQ(indexed->sop.str(), kTestSop);
  EXPECT_EQ(indexed->sop_class, kCtClass);
  EXPECT_EQ(indexed->transfer_syntax, kExplicitLittleEndian);
  EXPECT_THAT(indexed->warnings, IsEmpty());
}

TEST(InstanceIndexer, KnowsTheIdentityBeforePixelDataIsComplete) {
  DataSetBuilder data = with_uids();
  data.head({0x7FE0, 0x0010}, "OW", 1'000'000);
  InstanceIndexer indexer;
  const std::string file = in_file(data);
  ASSERT_TRUE(indexer.feed(std::as_bytes(std::span(file))));
  EXPECT_TRUE(indexer.identified());
  EXPECT_EQ(indexer.sop().str(), kTestSop);
  EXPECT_FALSE(indexer.finish());
}

TEST(InstanceIndexer, HashesTheFileAndTheDataSetApart) {
  const DataSetBuilder data = with_uids();
  const std::string file = in_file(data);
  InstanceIndexer indexer;
  for (const char& byte : file) ASSERT_TRUE(indexer.feed(std::as_bytes(std::span(&byte, 1))));
  const auto indexed = indexer.finish();
  ASSERT_TRUE(indexed);
  EXPECT_EQ(indexed->size, file.size());
  EXPECT_EQ(indexed->file_sha256, sha256(std::as_bytes(std::span(file))));
  EXPECT_EQ(indexed->dataset_sha256, sha256(std::as_bytes(std::span(data.bytes()))));
}

TEST(InstanceIndexer, WritesTheSameJsonFromEveryEncoding) {
  const auto fill = [](DataSetBuilder data) {
    add_sop(data);
    data.text({0x0008, 0x0060}, "CS", "CT")
        .text({0x0010, 0x0010}, "PN", "Doe^Jane")
        .text({0x0010, 0x1020}, "DS", "1.7");
    add_study(data);
    data.text({0x0020, 0x0013}, "IS", "7").us({0x0028, 0x0010}, 512);
    return data.element({0x0028, 0x9110}, "SQ", "");
  };
  const std::string expected =
      R"({"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"00080018":{"vr":"UI","Value":["1.2.3.4"]},)"
      R"("00080060":{"vr":"CS","Value":["CT"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]},)"
      R"("00101020":{"vr":"DS","Value":[1.7]},"0020000D":{"vr":"UI","Value":["1.2.3"]},)"
      R"("0020000E":{"vr":"UI","Value":["1.2.3.1"]},"00200013":{"vr":"IS","Value":[7]},)"
      R"("00280010":{"vr":"US","Value":[512]},"00289110":{"vr":"SQ"}})";
  EXPECT_EQ(json_of(fill(DataSetBuilder())), expected);
  EXPECT_EQ(json_of(fill(DataSetBuilder({.implicit = true})), kImplicitLittleEndian), expected);
  EXPECT_EQ(json_of(fill(DataSetBuilder({.big_endian = true})), kExplicitBigEndian), expected);
  const auto from_deflated = index(file_meta(kDeflatedExplicitLittleEndian) + deflated(fill(DataSetBuilder()).bytes()));
  ASSERT_TRUE(from_deflated);
  EXPECT_EQ(from_deflated->json, expected);
  EXPECT_TRUE(from_deflated->layout.inflated);
}

TEST(InstanceIndexer, LeavesOutGroupLengthsAndForeignGroups) {
  DataSetBuilder data;
  data.element({0x0000, 0x0002}, "UI", "1.2.3.").element({0x0002, 0x0016}, "AE", "SOMEONE ");
  data.element({0x0008, 0x0000}, "UL", data.u32(100));
  add_sop(data);
  add_study(data);
  const std::string json = json_of(data);
  for (const auto* key : {"00000002", "00020016", "00080000"}) EXPECT_THAT(json, Not(HasSubstr(key)));
}

TEST(InstanceIndexer, WritesNoValueForWhatIsEmptyAndNullForAnEmptyItem) {
  DataSetBuilder data = with_uids();
  data.text({0x0020, 0x0010}, "SH", "").text({0x0020, 0x4000}, "LT", "  ").text({0x0020, 0x0060}, "CS", "A\\\\B");
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00200010":{"vr":"SH"})"));
  EXPECT_THAT(json, HasSubstr(R"("00204000":{"vr":"LT"})"));
  EXPECT_THAT(json, HasSubstr(R"("00200060":{"vr":"CS","Value":["A",null,"B"]})"));
}

TEST(InstanceIndexer, DoesNotSplitTextThatHasOneValueOnly) {
  DataSetBuilder data = with_uids();
  data.text({0x0020, 0x4000}, "LT", "a\\b").text({0x0040, 0xE010}, "UR", "http://x/\\y");
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("Value":["a\\b"])"));
  EXPECT_THAT(json, HasSubstr(R"("Value":["http://x/\\y"])"));
}

TEST(InstanceIndexer, ConvertsTextByTheCharacterSetOfItsDataSetOrItem) {
  DataSetBuilder data;
  data.text({0x0008, 0x0005}, "CS", "ISO_IR 100");
  add_sop(data);
  data.undefined({0x0008, 0x1140}, "SQ");
  data.item().text({0x0008, 0x0104}, "LO", "\xE9").end_item();
  data.item().text({0x0008, 0x0005}, "CS", "ISO_IR 192").text({0x0008, 0x0104}, "LO", "\xC3\xA9").end_item();
  data.end_sequence().text({0x0010, 0x0010}, "PN", "J\xE9r\xF4me");
  add_study(data);
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->json, HasSubstr("[{\"00080104\":{\"vr\":\"LO\",\"Value\":[\"\xC3\xA9\"]}},"));
  EXPECT_THAT(indexed->json, HasSubstr("\"00080104\":{\"vr\":\"LO\",\"Value\":[\"\xC3\xA9\"]}}]"));
  EXPECT_THAT(indexed->json, HasSubstr(R"("00080005":{"vr":"CS","Value":["ISO_IR 100"]})"));
  EXPECT_EQ(indexed->attributes.patient_name, "J\xC3\xA9r\xC3\xB4me");
  EXPECT_THAT(indexed->warnings, IsEmpty());
}

TEST(InstanceIndexer, FlagsTextThatDoesNotFitItsCharacterSet) {
  DataSetBuilder data;
  data.text({0x0008, 0x0005}, "CS", "ISO_IR 192");
  add_sop(data);
  data.text({0x0010, 0x0010}, "PN", "A\xFF");
  add_study(data);
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->warnings, Contains(HasSubstr("(0010,0010)")));
  EXPECT_EQ(indexed->attributes.patient_name, "A\xEF\xBF\xBD");
}

TEST(InstanceIndexer, InlinesShortBytesAndNamesLongOnesByUri) {
  DataSetBuilder data = with_uids();
  data.element({0x0028, 0x1199}, "OB", std::string("\1\2\3\4", 4));
  data.element({0x0028, 0x2000}, "OB", std::string(2000, 'x'));
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->json, HasSubstr(R"({"vr":"OB","InlineBinary":"AQIDBA=="})"));
  EXPECT_THAT(indexed->json,
              HasSubstr(R"("00282000":{"vr":"OB","BulkDataURI":"/dicom-web/studies/1.2.3/series/1.2.3.1/)"
                        R"(instances/1.2.3.4/bulkdata/00282000"})"));
  const BulkItem* item = indexed->layout.find_bulk("00282000");
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(in_file(data).substr(item->range.offset, item->range.length), std::string(2000, 'x'));
}

TEST(InstanceIndexer, NamesNestedBulkByItsPathEvenBeforeTheUidsAreKnown) {
  DataSetBuilder data;
  data.undefined({0x0005, 0x1010}, "SQ").item().end_item().item();
  data.element({0x0005, 0x1011}, "OB", std::string(3000, 'y')).end_item().end_sequence();
  add_sop(data);
  add_study(data);
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->json, HasSubstr("/instances/1.2.3.4/bulkdata/00051010/2/00051011\""));
  EXPECT_NE(indexed->layout.find_bulk("00051010/2/00051011"), nullptr);
}

TEST(InstanceIndexer, NeverInlinesPixelsWaveformsAndDocuments) {
  DataSetBuilder data = with_uids();
  data.element({0x0042, 0x0011}, "OB", "%PDF").element({0x7FE0, 0x0010}, "OW", "\1\2\3\4");
  data.undefined({0x5400, 0x0100}, "SQ").item().element({0x5400, 0x1010}, "OW", "\1\2").end_item().end_sequence();
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  for (const auto* path : {"00420011", "7FE00010", "54000100/1/54001010"}) {
    EXPECT_THAT(indexed->json, HasSubstr("bulkdata/" + std::string(path) + "\""));
  }
  EXPECT_EQ(indexed->layout.bulk.size(), 2U);
  EXPECT_EQ(indexed->layout.find_bulk("7FE00010"), nullptr);
}

TEST(InstanceIndexer, NamesFloatsThatJsonCannotHoldByUri) {
  DataSetBuilder data = with_uids();
  const double values[] = {1.5, std::nan("")};
  data.element({0x0018, 0x9073}, "FD", std::string_view(reinterpret_cast<const char*>(values), sizeof values));
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->json, HasSubstr(R"("00189073":{"vr":"FD","BulkDataURI":)"));
  ASSERT_NE(indexed->layout.find_bulk("00189073"), nullptr);
  EXPECT_EQ(indexed->layout.find_bulk("00189073")->range.length, 16U);
}

TEST(InstanceIndexer, KeepsNumbersOfBrokenLengthAsUnknownBytes) {
  DataSetBuilder data = with_uids();
  data.element({0x0028, 0x0010}, "US", std::string("\1\2\3", 3));
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_THAT(indexed->json, HasSubstr(R"("00280010":{"vr":"UN","InlineBinary":"AQID"})"));
  EXPECT_THAT(indexed->warnings, Not(IsEmpty()));
}

TEST(InstanceIndexer, TakesImplicitVrsFromTheDictionary) {
  DataSetBuilder data = with_uids({.implicit = true});
  data.text({0x0029, 0x0010}, "LO", "MAKER").element({0x0029, 0x1001}, "UN", std::string("\1\2", 2));
  data.us({0x0028, 0x0103}, 1).us({0x0028, 0x0106}, 0xFFFF);
  data.element({0x6000, 0x3000}, "OW", std::string("\1\2", 2));
  const std::string json = json_of(data, kImplicitLittleEndian);
  EXPECT_THAT(json, HasSubstr(R"("00290010":{"vr":"LO","Value":["MAKER"]})"));
  EXPECT_THAT(json, HasSubstr(R"("00291001":{"vr":"UN","InlineBinary":"AQI="})"));
  EXPECT_THAT(json, HasSubstr(R"("00280106":{"vr":"SS","Value":[-1]})"));
  EXPECT_THAT(json, HasSubstr(R"("60003000":{"vr":"OW")"));
}

TEST(InstanceIndexer, DecidesSignedValuesThatPrecedePixelRepresentation) {
  DataSetBuilder data({.implicit = true});
  add_sop(data).us({0x0018, 0x9810}, 0xFFFE);
  add_study(data).us({0x0028, 0x0103}, 1);
  EXPECT_THAT(json_of(data, kImplicitLittleEndian), HasSubstr(R"("00189810":{"vr":"SS","Value":[-2]},"0020000D")"));
}

TEST(InstanceIndexer, ReadsUnknownSequencesOfUndefinedLengthAsImplicit) {
  for (const bool big_endian : {false, true}) {
    DataSetBuilder data = with_uids({.big_endian = big_endian});
    DataSetBuilder inner({.implicit = true});
    inner.item().text({0x0008, 0x0060}, "CS", "MR").end_item().end_sequence();
    data.undefined({0x0021, 0x1010}, "UN").raw(inner.bytes()).text({0x0028, 0x0301}, "CS", "NO");
    const std::string json = json_of(data, big_endian ? kExplicitBigEndian : kExplicitLittleEndian);
    EXPECT_THAT(json, HasSubstr(R"("00211010":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["MR"]}}]})"));
    EXPECT_THAT(json, HasSubstr(R"("00280301":{"vr":"CS","Value":["NO"]})"));
  }
}

TEST(InstanceIndexer, UnderstandsAnInstanceWhoseSenderWroteEverythingAsUnknown) {
  DataSetBuilder data;
  data.text({0x0008, 0x0016}, "UN", std::string(kCtClass) + '\0').text({0x0008, 0x0018}, "UN", "1.2.3.4");
  data.text({0x0010, 0x0010}, "UN", "Doe^Jane").text({0x0020, 0x000D}, "UN", "1.2.3 ");
  data.text({0x0020, 0x000E}, "UN", "1.2.3.1").element({0x0028, 0x0010}, "UN", data.u16(64));
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed) << indexed.error().detail();
  EXPECT_EQ(indexed->study.str(), "1.2.3");
  EXPECT_EQ(indexed->attributes.patient_name, "Doe^Jane");
  EXPECT_EQ(indexed->attributes.rows, "64");
  EXPECT_THAT(indexed->json, HasSubstr(R"("00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]})"));
  EXPECT_THAT(indexed->json, HasSubstr(R"("00280010":{"vr":"US","Value":[64]})"));
}

TEST(InstanceIndexer, ReadsWhatWasWrittenAsUnknownInLittleEndianWhateverTheFileIs) {
  DataSetBuilder data = with_uids({.big_endian = true});
  data.element({0x0028, 0x0010}, "UN", std::string("\x40\x01", 2));
  EXPECT_THAT(json_of(data, kExplicitBigEndian), HasSubstr(R"("00280010":{"vr":"US","Value":[320]})"));
}

TEST(InstanceIndexer, LeavesUnknownWhatIsNoWholeNumberOfValues) {
  DataSetBuilder data = with_uids();
  data.element({0x0028, 0x0010}, "UN", std::string("\1\2\3", 3)).element({0x0028, 0x0011}, "UN", data.u16(7));
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00280010":{"vr":"UN","InlineBinary":"AQID"})"));
  EXPECT_THAT(json, HasSubstr(R"("00280011":{"vr":"US","Value":[7]})"));
}

TEST(InstanceIndexer, ReadsASequenceWrittenAsUnknownAndLeavesWhatIsNone) {
  DataSetBuilder inner({.implicit = true});
  inner.item().text({0x0008, 0x1150}, "UI", "1.2.3").end_item();
  DataSetBuilder data = with_uids();
  data.element({0x0008, 0x1140}, "UN", inner.bytes()).element({0x0008, 0x1199}, "UN", "no items");
  data.element({0x0009, 0x1001}, "UN", inner.bytes()).text({0x0028, 0x0301}, "CS", "NO");
  const std::string json = json_of(data);
  EXPECT_THAT(json, HasSubstr(R"("00081140":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2.3"]}}]})"));
  EXPECT_THAT(json, HasSubstr(R"("00081199":{"vr":"UN","InlineBinary":)"));
  EXPECT_THAT(json, HasSubstr(R"("00091001":{"vr":"UN","InlineBinary":)")) << "nobody knows private ones";
  EXPECT_THAT(json, HasSubstr(R"("00280301":{"vr":"CS","Value":["NO"]})"));
}

TEST(InstanceIndexer, ReadsAVrOfALaterEditionAsUnknown) {
  DataSetBuilder data = with_uids();
  data.element({0x0029, 0x1001}, "ZZ", std::string("\1\2", 2));
  EXPECT_THAT(json_of(data), HasSubstr(R"("00291001":{"vr":"UN","InlineBinary":"AQI="})"));
}

TEST(InstanceIndexer, SortsElementsAndKeepsTheFirstOfTwo) {
  DataSetBuilder data;
  data.text({0x0010, 0x0020}, "LO", "FIRST");
  add_study(data);
  data.text({0x0010, 0x0020}, "LO", "SECOND");
  add_sop(data);
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  EXPECT_EQ(indexed->attributes.patient_id, "FIRST");
  EXPECT_THAT(indexed->json, HasSubstr("FIRST"));
  EXPECT_THAT(indexed->json, Not(HasSubstr("SECOND")));
  EXPECT_LT(indexed->json.find("00080016"), indexed->json.find("00100020"));
}

TEST(InstanceIndexer, KeepsAttributesBehindPixelDataAndPassesTrailingPadding) {
  DataSetBuilder data = with_uids();
  data.element({0x7FE0, 0x0010}, "OW", "\1\2").element({0x7FE1, 0x0010}, "LO", "AFTER ");
  data.element({0xFFFC, 0xFFFC}, "OB", std::string(50, '\0'));
  EXPECT_THAT(json_of(data), HasSubstr(R"("7FE10010":{"vr":"LO","Value":["AFTER"]})"));
}

TEST(InstanceIndexer, CollectsWhatSearchingNeeds) {
  DataSetBuilder data;
  add_sop(data);
  data.text({0x0008, 0x0020}, "DA", "20240229")
      .text({0x0008, 0x0050}, "SH", " ACC ")
      .text({0x0008, 0x0060}, "CS", "CT");
  data.text({0x0010, 0x0010}, "PN", "A^B=C").text({0x0010, 0x0020}, "LO", "ID");
  add_study(data);
  data.text({0x0020, 0x0011}, "IS", "3 ").us({0x0028, 0x0010}, 64).us({0x0028, 0x0100}, 16);
  data.undefined({0x0040, 0x0275}, "SQ");
  data.item().text({0x0040, 0x0009}, "SH", "S1").text({0x0040, 0x1001}, "SH", "P1").end_item();
  data.item().text({0x0040, 0x1001}, "SH", "P2").end_item().end_sequence();
  const auto indexed = index(in_file(data));
  ASSERT_TRUE(indexed);
  const QidoAttributes& found = indexed->attributes;
  EXPECT_EQ(found.study_date, "20240229");
  EXPECT_EQ(found.accession_number, "ACC");
  EXPECT_EQ(found.modality, "CT");
  EXPECT_EQ(found.patient_name, "A^B=C");
  EXPECT_EQ(found.series_number, "3");
  EXPECT_EQ(found.rows, "64");
  EXPECT_EQ(found.bits_allocated, "16");
  EXPECT_EQ(found.scheduled_procedure_step_ids, "S1\\");
  EXPECT_EQ(found.requested_procedure_ids, "P1\\P2");
}

TEST(InstanceIndexer, RefusesWhatIsNoInstance) {
  const auto dicomdir = index(file_meta(kExplicitLittleEndian, "1.2.840.10008.1.3.10"));
  ASSERT_FALSE(dicomdir);
  EXPECT_EQ(dicomdir.error().kind(), ErrorKind::kUnsupported);
  EXPECT_THAT(dicomdir.error().detail(), HasSubstr("DICOMDIR"));
  EXPECT_FALSE(storable_class("1.2.840.10008.5.1.4.31"));
  EXPECT_FALSE(storable_class("1.2.840.10008.5.1.4.1.2.1.1"));
  EXPECT_TRUE(storable_class("1.2.840.10008.5.1.4.1.1.2"));
  EXPECT_TRUE(storable_class("1.2.840.10008.5.1.4.34.7"));
  EXPECT_TRUE(storable_class("1.3.12.2.1107.5.9.1"));
}

TEST(InstanceIndexer, RefusesUnknownTransferSyntaxesUnlessTold) {
  DataSetBuilder data = with_uids();
  const std::string file = in_file(data, "1.2.840.10008.9.9.9");
  const auto refused = index(file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  IndexerLimits limits;
  limits.unknown_transfer_syntaxes = true;
  EXPECT_TRUE(index(file, limits));
}

TEST(InstanceIndexer, NamesEveryMissingUid) {
  DataSetBuilder data;
  data.text({0x0008, 0x0060}, "CS", "CT");
  const auto refused = index(in_file(data));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalid);
  for (const auto* tag : {"(0008,0016)", "(0008,0018)", "(0020,000D)", "(0020,000E)"}) {
    EXPECT_THAT(refused.error().detail(), HasSubstr(tag));
  }
}

TEST(InstanceIndexer, RefusesUidsThatAreNone) {
  for (const std::string& uid :
       {std::string("1.2.a"), std::string("../../etc"), std::string(65, '1'), std::string("1\\2")}) {
    DataSetBuilder data;
    add_sop(data);
    data.text({0x0020, 0x000D}, "UI", uid).text({0x0020, 0x000E}, "UI", "1.2");
    const auto refused = index(in_file(data));
    ASSERT_FALSE(refused) << uid;
    EXPECT_THAT(refused.error().detail(), HasSubstr("Study Instance UID"));
    EXPECT_THAT(refused.error().detail(), Not(HasSubstr(uid)));
  }
}

TEST(InstanceIndexer, GoesByTheDataSetWhenTheFileMetaNamesAnotherInstance) {
  DataSetBuilder data = with_uids();
  const auto indexed = index(file_meta(kExplicitLittleEndian, kCtClass, "9.9.9") + data.bytes());
  ASSERT_TRUE(indexed);
  EXPECT_EQ(indexed->sop.str(), kTestSop);
  EXPECT_THAT(indexed->warnings, Contains(HasSubstr("(0002,0003)")));
}

TEST(InstanceIndexer, ReadsAFileMetaGroupWithAWrongOrMissingLength) {
  const std::string data = with_uids().bytes();
  std::string file = file_meta(kExplicitLittleEndian);
  std::string without = file.substr(0, 132) + file.substr(144);
  EXPECT_TRUE(index(without + data));
  file[140] = 1;
  EXPECT_TRUE(index(file + data));
}

}  // namespace
}  // namespace gantry::dicom

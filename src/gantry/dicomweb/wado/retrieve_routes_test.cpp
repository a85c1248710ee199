#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "gantry/archive/series_preparer.hpp"
#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicomweb/read_test_support.hpp"

namespace gantry::dicomweb {
namespace {

using namespace gantry::dicomweb::testing;
namespace part10 = gantry::dicom::testing;
using archive::testing::compressed;
using archive::testing::part10_file;
using archive::testing::pixels;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kInstance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1";
constexpr const char* kOhifFrame = "multipart/related; type=application/octet-stream; transfer-syntax=*";
constexpr const char* kStored = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
constexpr const char* kJpeg = "1.2.840.10008.1.2.4.50";

/// Of one gzip member, whole and with the right check sum; "" otherwise.
std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string text(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  text.resize(whole ? stream.total_out : 0);
  inflateEnd(&stream);
  return text;
}

class RetrieveRoutes : public ReadFixture {
 protected:
  void prepare() {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a series at rest
    archive::PreparerSettings settings;
    settings.quiet_period = std::chrono::milliseconds(0);
    archive::SeriesPreparer preparer(archive_.index, archive_.objects, settings);
    const auto done = preparer.work(context_for(""), {});
    ASSERT_TRUE(done) << done.error().detail();
  }
  static Made native() {
    Made made;
    made.tail = pixels(2, 2, 8, "3", "aaaabbbbcccc");
    return made;
  }
  static Made jpeg() {
    Made made;
    made.transfer_syntax = kJpeg;
    made.tail = compressed({"frame-one!", "frame-two!", "frame-3!"});
    return made;
  }
  static Made big_endian() {
    Made made;
    made.encoding.big_endian = true;
    made.transfer_syntax = std::string(dicom::kExplicitBigEndian);
    made.tail = pixels(1, 2, 16, "2", "AaBbCcDd", made.encoding);
    return made;
  }
  static Made implicit() {
    Made made;
    made.encoding.implicit = true;
    made.transfer_syntax = std::string(dicom::kImplicitLittleEndian);
    made.tail = pixels(2, 2, 8, "1", "abcd", made.encoding);
    return made;
  }
};

TEST_F(RetrieveRoutes, AnInstanceComesBackBitExact) {
  for (const auto& made : {native(), jpeg(), big_endian(), implicit()}) {
    archive::testing::TestArchive fresh;
    const auto file = part10_file(made);
    archive_.store(part10_file(made), "clinic-a", index::ConflictPolicy::kReplace);
    const auto answer = get_as(kInstance, kStored);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto parts = parts_of(answer);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].body, file);
    EXPECT_EQ(parts[0].head, "Content-Type: application/dicom; transfer-syntax=" + made.transfer_syntax +
                                 "\r\nContent-Location: /dicom-web" + kInstance);
    EXPECT_THAT(answer.header("Content-Type"), StartsWith("multipart/related; type=\"application/dicom\"; boundary="));
    EXPECT_TRUE(answer.known_length);
    EXPECT_EQ(answer.file_ranges, 1U) << "the bytes go out from the file";
  }
}

TEST_F(RetrieveRoutes, TheDefaultIsExplicitVrLittleEndian) {
  for (const auto& made : {implicit(), big_endian()}) {
    archive_.store(part10_file(made), "clinic-a", index::ConflictPolicy::kReplace);
    for (const char* accept : {"", "*/*", "multipart/related; type=\"application/dicom\"",
                               "multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.1"}) {
      const auto answer = *accept == '\0' ? get(kInstance) : get_as(kInstance, accept);
      ASSERT_EQ(answer.status, 200) << accept << answer.body;
      EXPECT_EQ(answer.failure, "");
      const auto parts = parts_of(answer);
      ASSERT_EQ(parts.size(), 1U);
      EXPECT_THAT(parts[0].head, HasSubstr("transfer-syntax=1.2.840.10008.1.2.1\r\n"));
      dicom::InstanceIndexer indexer;
      ASSERT_TRUE(indexer.feed(std::as_bytes(std::span(parts[0].body))));
      const auto again = indexer.finish();
      ASSERT_TRUE(again) << again.error().detail();
      EXPECT_EQ(again->transfer_syntax, dicom::kExplicitLittleEndian);
      EXPECT_EQ(again->sop.str(), "1.2.1.1.1");
    }
  }
}

TEST_F(RetrieveRoutes, CompressedInstancesComeAsStoredUnlessExplicitIsInsistedOn) {
  const auto file = part10_file(jpeg());
  archive_.store(file);
  for (const char* accept : {"*/*", "multipart/related; type=\"application/dicom\"", "application/dicom"}) {
    const auto answer = get_as(kInstance, accept);
    ASSERT_EQ(answer.status, 200) << accept;
    EXPECT_THAT(answer.header("Content-Type") + (parts_of(answer).empty() ? "" : parts_of(answer)[0].head),
                HasSubstr(kJpeg));
  }
  const auto refusal = get_as(kInstance, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
  EXPECT_EQ(refusal.status, 406);
  EXPECT_THAT(refusal.body, AllOf(HasSubstr("transfer-syntax=*"), HasSubstr(kJpeg)));
  EXPECT_EQ(get_as(kInstance, "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50").status, 200);
}

TEST_F(RetrieveRoutes, ImplicitVrByItsNameIsNotForTheWeb) {
  archive_.store(part10_file(implicit()));
  EXPECT_EQ(get_as(kInstance, "application/dicom; transfer-syntax=1.2.840.10008.1.2").status, 406);
  services_.settings.strict_transfer_syntax = true;
  const auto strict = get_as(kInstance, "application/dicom; transfer-syntax=*");
  EXPECT_EQ(strict.status, 200);
  EXPECT_EQ(strict.header("Content-Type"), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
}

TEST_F(RetrieveRoutes, ASinglePartInstanceCanBeReadInRanges) {
  const auto file = part10_file(native());
  archive_.store(file);
  const auto answer = get_as(kInstance, "application/dicom");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, file);
  EXPECT_TRUE(answer.ranges);
  EXPECT_NE(answer.header("ETag"), "");
  EXPECT_EQ(answer.header("Cache-Control"), "private, no-cache");
  EXPECT_THAT(answer.header("Vary"), HasSubstr("Authorization"));
}

TEST_F(RetrieveRoutes, TheSanitizedPreambleIsZerosAndTheRestIsUntouched) {
  auto file = part10_file(native());
  file.replace(0, 128, std::string(128, 'P'));
  archive_.store(file);
  services_.settings.sanitize_preamble = true;
  EXPECT_EQ(get_as(kInstance, "application/dicom").body, std::string(128, '\0') + file.substr(128));
  EXPECT_EQ(parts_of(get_as("/studies/1.2.1", kStored))[0].body, std::string(128, '\0') + file.substr(128));
}

TEST_F(RetrieveRoutes, AStudyComesAsAPartPerInstanceWithAKnownLength) {
  std::vector<std::string> files;
  for (int i = 1; i <= 5; ++i) {
    auto made = i == 3 ? jpeg() : native();
    made.sop = "1.2.1.1." + std::to_string(i);
    made.instance_number = std::to_string(i);
    files.push_back(part10_file(made));
    archive_.store(files.back());
  }
  const auto answer = get_as("/studies/1.2.1", kStored);
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.known_length);
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(parts[i].body, files[i]);
  EXPECT_THAT(parts[2].head, HasSubstr(kJpeg));
  EXPECT_EQ(parts_of(get("/studies/1.2.1/series/1.2.1.1")).size(), 5U);
  EXPECT_EQ(
      get_as("/studies/1.2.1", "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1")
          .status,
      406);
}

TEST_F(RetrieveRoutes, WhatIsNotThereIsNotFoundAndWhatIsNoUidIsRefused) {
  archive_.store(part10_file(native()));
  for (const char* target :
       {"/studies/9.9", "/studies/9.9/metadata", "/studies/1.2.1/series/9", "/studies/1.2.1/series/9/metadata",
        "/studies/1.2.1/series/1.2.1.1/instances/9", "/studies/1.2.1/series/9/instances/1.2.1.1.1/frames/1",
        "/studies/1.2.1/series/1.2.1.1/instances/9/metadata"}) {
    EXPECT_EQ(get(target).status, 404) << target;
  }
  for (const char* target : {"/studies/abc", "/studies/abc/metadata", "/studies/1.2.1/series/x/metadata",
                             "/studies/1.2.1/series/1.2.1.1/instances/1.2.a/frames/1",
                             "/studies/11111111111111111111111111111111111111111111111111111111111111111/metadata"}) {
    EXPECT_EQ(get(target).status, 400) << target;
  }
  EXPECT_EQ(get(kInstance, {}, "clinic-b").status, 404) << "another tenant";
}

TEST_F(RetrieveRoutes, FramesAsTheViewerAsksForThem) {
  archive_.store(part10_file(native()));
  const auto answer = get_as(std::string(kInstance) + "/frames/2", kOhifFrame);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_THAT(parts[0].head,
              StartsWith("Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n"));
  EXPECT_EQ(parts[0].body, "bbbb");
  EXPECT_EQ(answer.file_ranges, 1U);
  EXPECT_TRUE(answer.known_length);
}

TEST_F(RetrieveRoutes, FramesComeInTheOrderAskedFor) {
  archive_.store(part10_file(jpeg()));
  const auto answer = get_as(std::string(kInstance) + "/frames/3%2C1", kOhifFrame);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.header("Content-Type"), HasSubstr("type=\"image/jpeg\""));
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].body, "frame-3!");
  EXPECT_EQ(parts[1].body, "frame-one!");
  EXPECT_THAT(parts[0].head, AllOf(StartsWith("Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\n"),
                                   HasSubstr("/frames/3")));
}

TEST_F(RetrieveRoutes, FrameNumbersAreCheckedToTheLetter) {
  archive_.store(part10_file(native()));
  for (const char* list : {"0", "a", "1,1", "1,,2", "1,", "-1", "1%202"}) {
    EXPECT_EQ(get(std::string(kInstance) + "/frames/" + list).status, 400) << list;
  }
  for (const char* list : {"4", "1,4", "99999999999"}) {
    EXPECT_EQ(get(std::string(kInstance) + "/frames/" + list).status, 404) << list;
  }
}

TEST_F(RetrieveRoutes, BigEndianFramesAreSwapped) {
  archive_.store(part10_file(big_endian()));
  const auto both = parts_of(get_as(std::string(kInstance) + "/frames/1,2", kOhifFrame));
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].body, "aAbB");
  EXPECT_EQ(both[1].body, "cCdD");
  EXPECT_EQ(get_as(std::string(kInstance) + "/bulkdata/7FE00010", "application/octet-stream").body, "aAbBcCdD");
}

TEST_F(RetrieveRoutes, OneBitFramesAreShiftedToBeginOnAByte) {
  Made made;
  // Frames of 3 x 3 bits: 1 1111 1111 | 0 0000 0001 | 1 0101 0101, first bit lowest.
  const std::string bits = {'\xFF', '\x03', '\x54', '\x05'};
  made.tail = pixels(3, 3, 1, "3", bits);
  archive_.store(part10_file(made));
  const auto frames = parts_of(get_as(std::string(kInstance) + "/frames/1,2,3", kOhifFrame));
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].body, std::string("\xFF\x01", 2));
  EXPECT_EQ(frames[1].body, std::string("\x01\x00", 2));
  EXPECT_EQ(frames[2].body, std::string("\x55\x01", 2));
}

TEST_F(RetrieveRoutes, FramesOfDeflatedInstancesAreInflated) {
  auto made = native();
  made.transfer_syntax = std::string(dicom::kDeflatedExplicitLittleEndian);
  archive_.store(part10_file(made));
  const auto frames = parts_of(get_as(std::string(kInstance) + "/frames/3,1", kOhifFrame));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].body, "cccc");
  EXPECT_EQ(frames[1].body, "aaaa");
  EXPECT_THAT(frames[0].head, HasSubstr("transfer-syntax=1.2.840.10008.1.2.1\r\n"));
}

TEST_F(RetrieveRoutes, InstancesWithoutUsableFramesSayWhy) {
  archive_.store(Made{});
  EXPECT_EQ(get(std::string(kInstance) + "/frames/1").status, 404);
  EXPECT_EQ(get(std::string(kInstance) + "/pixeldata").status, 404);
  Made absurd;
  absurd.tail = pixels(65535, 65535, 16, "1", "abcd");
  archive_.store(part10_file(absurd), "clinic-a", index::ConflictPolicy::kReplace);
  const auto answer = get(std::string(kInstance) + "/frames/1");
  EXPECT_EQ(answer.status, 406);
  EXPECT_THAT(answer.body, HasSubstr("a frame needs"));
  EXPECT_EQ(get(std::string(kInstance) + "/bulkdata/7FE00010").body, "abcd") << "what is there can be had";
}

TEST_F(RetrieveRoutes, BulkDataAsOneStreamAndAsMultipart) {
  archive_.store(part10_file(native()));
  const auto target = std::string(kInstance) + "/bulkdata/7FE00010";
  for (const char* accept : {"application/octet-stream", "*/*", "application/octet-stream; transfer-syntax=*"}) {
    const auto single = get_as(target, accept);
    EXPECT_EQ(single.status, 200) << accept;
    EXPECT_EQ(single.body, "aaaabbbbcccc");
    EXPECT_TRUE(single.ranges);
    EXPECT_THAT(single.header("Content-Type"), StartsWith("application/octet-stream"));
  }
  const auto parts = parts_of(get_as(target, "multipart/related; type=\"application/octet-stream\""));
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].body, "aaaabbbbcccc");
  EXPECT_THAT(parts[0].head, HasSubstr("Content-Location: /dicom-web" + target));
  EXPECT_EQ(get(std::string(kInstance) + "/pixeldata").body, "aaaabbbbcccc");
  EXPECT_EQ(get(std::string(kInstance) + "/bulkdata/00091001").status, 404);
}

TEST_F(RetrieveRoutes, CompressedPixelDataHasAPartPerFrame) {
  archive_.store(part10_file(jpeg()));
  const auto target = std::string(kInstance) + "/bulkdata/7FE00010";
  const auto parts = parts_of(get(target));
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[1].body, "frame-two!");
  EXPECT_THAT(parts[1].head, StartsWith("Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\n"));
  EXPECT_EQ(get_as(target, "application/octet-stream").status, 406) << "that would mean decoded";
}

TEST_F(RetrieveRoutes, ThousandsOfFramesAreNotListedInMemory) {
  constexpr int kFrames = 3000;
  std::vector<std::string> frames;
  for (int i = 1; i <= kFrames; ++i) frames.push_back("frame " + std::string(static_cast<std::size_t>(i % 7) * 2, 'x'));
  Made made = jpeg();
  made.tail = compressed(frames);
  archive_.store(part10_file(made));
  const auto answer = get(std::string(kInstance) + "/pixeldata");
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.known_length);
  EXPECT_EQ(answer.segments, 1U);
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), frames.size());
  for (std::size_t i = 0; i < parts.size(); ++i) ASSERT_EQ(parts[i].body, frames[i]) << i;
  EXPECT_EQ(parts[kFrames - 1].head,
            "Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\nContent-Location: "
            "/dicom-web" +
                std::string(kInstance) + "/bulkdata/7FE00010");
}

TEST_F(RetrieveRoutes, AFrameOfManyFragmentsIsOneSegment) {
  Made made = jpeg();
  const std::vector<std::string> fragments(500, "ab");
  made.tail = compressed(fragments, 1);
  archive_.store(part10_file(made));
  const auto answer = get_as(std::string(kInstance) + "/frames/1", "image/jpeg");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body.size(), 1000U);
  EXPECT_EQ(answer.segments, 1U);
}

TEST_F(RetrieveRoutes, BulkDataWithoutAPathIsAllOfIt) {
  archive_.store(part10_file(native()));
  EXPECT_EQ(parts_of(get(std::string(kInstance) + "/bulkdata")).size(), 1U);
  EXPECT_EQ(get(std::string(kInstance) + "/bulkdata/").status, 404) << "a path that is missing";
  EXPECT_EQ(get(std::string(kInstance) + "/bulkdata/pixeldata").status, 404);
}

TEST_F(RetrieveRoutes, AMissingFrameIsMissingWhateverTheClientHolds) {
  archive_.store(part10_file(native()));
  const auto target = std::string(kInstance) + "/frames/4";
  EXPECT_EQ(get(target, {{"If-None-Match", "*"}}).status, 404);
  EXPECT_EQ(get_as(target, "image/png").status, 404);
}

TEST_F(RetrieveRoutes, NestedAndOtherBulkValuesResolveByTheirPaths) {
  Made made;
  part10::DataSetBuilder item;
  item.element({0x5400, 0x1010}, "OW", std::string(2000, 'w'));
  made.tail.undefined({0x5400, 0x0100}, "SQ").item().raw(item.bytes()).end_item().end_sequence();
  archive_.store(part10_file(made));
  const auto metadata = get(std::string(kInstance) + "/metadata");
  EXPECT_THAT(metadata.body, HasSubstr("/bulkdata/54000100/1/54001010\""));
  EXPECT_EQ(get_as(std::string(kInstance) + "/bulkdata/54000100/1/54001010", "application/octet-stream").body,
            std::string(2000, 'w'));
}

TEST_F(RetrieveRoutes, EncapsulatedDocumentsHaveTheirOwnTypeWhenAskedFor) {
  Made made;
  const std::string pdf = "%PDF-1.7 " + std::string(2001, 'x');
  made.tail.element({0x0042, 0x0011}, "OB", pdf).text({0x0042, 0x0012}, "LO", "application/pdf");
  archive_.store(part10_file(made));
  const auto target = std::string(kInstance) + "/bulkdata/00420011";
  const auto asked = get_as(target, "application/pdf");
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(asked.header("Content-Type"), "application/pdf");
  EXPECT_EQ(asked.body, pdf);
  EXPECT_EQ(get_as(target + "?accept=application%2Fpdf", "*/*").header("Content-Type"), "application/pdf");
  EXPECT_THAT(get_as(target, "application/octet-stream").header("Content-Type"),
              StartsWith("application/octet-stream"));
  EXPECT_EQ(get_as(target, "image/png").status, 406);
}

TEST_F(RetrieveRoutes, MetadataAtThreeLevels) {
  for (const char* sop : {"1.2.1.1.1", "1.2.1.1.2"}) {
    auto made = native();
    made.sop = sop;
    archive_.store(part10_file(made));
  }
  const auto study = get("/studies/1.2.1/metadata");
  EXPECT_EQ(study.status, 200);
  EXPECT_EQ(study.header("Content-Type"), "application/dicom+json");
  const auto one = get(std::string(kInstance) + "/metadata");
  EXPECT_TRUE(one.compressible);
  const auto gzip = get("/studies/1.2.1/metadata", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(gzip.header("Content-Encoding"), "gzip");
  EXPECT_EQ(gunzip(gzip.body), study.body);
  EXPECT_THAT(one.body, AllOf(StartsWith("[{"), HasSubstr("\"BulkDataURI\":\"/dicom-web" + std::string(kInstance) +
                                                          "/bulkdata/7FE00010\"")));
  const auto other = get("/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2/metadata");
  EXPECT_EQ(study.body, one.body.substr(0, one.body.size() - 1) + "," + other.body.substr(1));
  EXPECT_EQ(get("/studies/1.2.1/series/1.2.1.1/metadata").body, study.body);
  EXPECT_EQ(get_as("/studies/1.2.1/metadata", "image/png").status, 406);
  EXPECT_EQ(get_as("/studies/1.2.1/metadata", "application/json").header("Content-Type"), "application/json");
}

TEST_F(RetrieveRoutes, MetadataAsXmlHasADocumentPerInstance) {
  archive_.store(part10_file(native()));
  const auto answer = get_as("/studies/1.2.1/metadata", "multipart/related; type=\"application/dicom+xml\"");
  EXPECT_EQ(answer.status, 200);
  const auto parts = parts_of(answer);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].head, "Content-Type: application/dicom+xml");
  EXPECT_THAT(parts[0].body, AllOf(StartsWith("<?xml"), HasSubstr("<FamilyName>Test</FamilyName>")));
}

TEST_F(RetrieveRoutes, UnchangedMetadataIsNotSentAgain) {
  archive_.store(part10_file(native()));
  for (const std::string target :
       {std::string("/studies/1.2.1/metadata"), std::string("/studies/1.2.1/series/1.2.1.1/metadata")}) {
    const auto first = get(target);
    const auto again = get(target, {{"If-None-Match", first.header("ETag")}});
    EXPECT_EQ(again.status, 304);
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(again.header("ETag"), first.header("ETag"));
  }
  const auto before = get("/studies/1.2.1/metadata").header("ETag");
  auto made = native();
  made.sop = "1.2.1.1.2";
  archive_.store(part10_file(made));
  EXPECT_EQ(get("/studies/1.2.1/metadata", {{"If-None-Match", before}}).status, 200);
}

TEST_F(RetrieveRoutes, PreparedMetadataIsTheSameAsThatBuiltOnDemand) {
  for (const char* series : {"1.2.1.1", "1.2.1.2"}) {
    for (int i = 1; i <= 2; ++i) {
      auto made = native();
      made.series = series;
      made.sop = made.series + "." + std::to_string(i);
      archive_.store(part10_file(made));
    }
  }
  for (const std::string target :
       {std::string("/studies/1.2.1/metadata"), std::string("/studies/1.2.1/series/1.2.1.2/metadata")}) {
    const auto built = get(target);
    prepare();
    for (const char* from : {"the index", "memory"}) {
      SCOPED_TRACE(target + " from " + from);
      const auto plain = get(target);
      EXPECT_EQ(plain.body, built.body);
      EXPECT_EQ(plain.header("ETag"), built.header("ETag"));
      EXPECT_EQ(plain.header("Content-Encoding"), "");
      const auto gzip = get(target, {{"Accept-Encoding", "gzip"}});
      EXPECT_EQ(gzip.header("Content-Encoding"), "gzip");
      EXPECT_EQ(gunzip(gzip.body), built.body);
      EXPECT_EQ(get(target, {{"If-None-Match", gzip.header("ETag")}}).status, 304);
    }
  }
  services_.settings.public_url = "https://pacs.example/dicom-web";
  const auto rewritten = get("/studies/1.2.1/metadata");
  EXPECT_THAT(rewritten.body, HasSubstr("\"https://pacs.example/dicom-web/studies/"));
  auto one = native();
  one.series = "1.2.1.3";
  one.sop = "1.2.1.3.1";
  archive_.store(part10_file(one));  // not prepared, and gone again
  archive_.remove(StudyUid("1.2.1"), SeriesUid("1.2.1.3"), std::nullopt);
  EXPECT_EQ(get("/studies/1.2.1/metadata").body, rewritten.body);
}

TEST_F(RetrieveRoutes, LongPreparedMetadataIsSentFromItsObject) {
  auto made = native();
  made.series_description = random_hex(20'000);  // which does not shrink to a few bytes
  archive_.store(part10_file(made));
  const auto built = get("/studies/1.2.1/metadata");
  prepare();
  EXPECT_EQ(get("/studies/1.2.1/metadata").file_ranges, 1U);
  const auto gzip = get("/studies/1.2.1/metadata", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(gzip.file_ranges, 1U);
  EXPECT_EQ(gunzip(gzip.body), built.body);
}

TEST_F(RetrieveRoutes, MetadataWithoutDamagedInstancesSaysSo) {
  auto made = native();
  archive_.store(part10_file(made));
  archive_.damage_attributes = true;
  made.sop = "1.2.1.1.2";
  archive_.store(part10_file(made));
  for (const char* state : {"built on demand", "prepared"}) {
    SCOPED_TRACE(state);
    for (const char* target : {"/studies/1.2.1/metadata", "/studies/1.2.1/series/1.2.1.1/metadata"}) {
      const auto answer = get(target);
      EXPECT_EQ(answer.status, 200);
      EXPECT_THAT(answer.header("Warning"),
                  AllOf(StartsWith("299 /dicom-web: "), HasSubstr("1 instances are left out")));
      EXPECT_THAT(answer.body, AllOf(HasSubstr("\"1.2.1.1.1\""), ::testing::Not(HasSubstr("\"1.2.1.1.2\""))));
    }
    prepare();
  }
}

TEST_F(RetrieveRoutes, EtagsDifferByTenantRepresentationAndRoot) {
  const auto file = part10_file(native());
  archive_.store(file);
  archive_.store(file, "clinic-b");
  const auto etag = [&](const char* accept, const char* tenant) {
    return get(kInstance, {{"Accept", accept}}, tenant).header("ETag");
  };
  EXPECT_EQ(etag("application/dicom", "clinic-a"), etag("application/dicom", "clinic-a"));
  EXPECT_NE(etag("application/dicom", "clinic-a"), etag("application/dicom", "clinic-b"));
  EXPECT_NE(etag("application/dicom", "clinic-a"), etag("*/*", "clinic-a"));
  const auto plain = get("/studies/1.2.1/metadata").header("ETag");
  services_.settings.public_url = "https://pacs.example/dicom-web";
  EXPECT_NE(get("/studies/1.2.1/metadata").header("ETag"), plain);
}

TEST_F(RetrieveRoutes, UrisFollowTheProxyThatIsTrusted) {
  archive_.store(part10_file(native()));
  services_.settings.trusted_proxies = {remote_address_};
  const auto answer =
      get("/studies/1.2.1/metadata", {{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "pacs.example"}});
  EXPECT_THAT(answer.body, HasSubstr("\"BulkDataURI\":\"https://pacs.example/dicom-web/studies/1.2.1/"));
  EXPECT_THAT(answer.body, ::testing::Not(HasSubstr("\"/dicom-web")));
}

TEST_F(RetrieveRoutes, WadoUri) {
  const auto file = part10_file(implicit());
  archive_.store(file);
  const std::string query = "?requestType=WADO&studyUID=1.2.1&seriesUID=1.2.1.1&objectUID=1.2.1.1.1";
  const auto stored = get("/wado" + query + "&contentType=application%2Fdicom&transferSyntax=*");
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.body, file);
  const auto by_default = get("/wado" + query + "&contentType=application/dicom");
  EXPECT_EQ(by_default.status, 200);
  EXPECT_EQ(by_default.header("Content-Type"), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1");
  EXPECT_EQ(get("/wado" + query).status, 406);
  EXPECT_EQ(get("/wado" + query + "&contentType=image/jpeg").status, 406);
  EXPECT_EQ(get("/wado" + query + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2").status, 406);
  for (const char* broken :
       {"", "?requestType=WADO", "?requestType=WADO&studyUID=1&seriesUID=2",
        "?requestType=wado&studyUID=1&seriesUID=2&objectUID=3", "?requestType=WADO&studyUID=x&seriesUID=2&objectUID=3",
        "?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3&transferSyntax=jpeg"}) {
    EXPECT_EQ(get(std::string("/wado") + broken).status, 400) << broken;
  }
  EXPECT_EQ(get("/wado?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3&contentType=application/dicom").status, 404);
  EXPECT_EQ(get("/wado" + query + "&contentType=application/dicom&anonymize=yes").status, 400)
      << "names were not asked for";
  EXPECT_THAT(get("/wado" + query + "&contentType=application/dicom&transferSyntax=1.2.3").body,
              ::testing::Not(HasSubstr("multipart")))
      << "WADO-URI has one part";
}

TEST_F(RetrieveRoutes, RenderingWithoutCodecsSaysSo) {
  for (const char* resource : {"/rendered", "/thumbnail", "/frames/1/rendered"}) {
    const auto answer = get(std::string(kInstance) + resource);
    EXPECT_EQ(answer.status, 406) << resource;
    EXPECT_THAT(answer.body, HasSubstr("renders no images")) << resource;
  }
}

TEST_F(RetrieveRoutes, AFullPoolAnswersThatTheServerIsBusy) {
  archive_.store(part10_file(native()));
  disk_pool_.stop();
  EXPECT_EQ(get(kInstance).status, 503);
}

TEST_F(RetrieveRoutes, AWarmInstanceNeedsNoWorker) {
  archive_.store(part10_file(native()));
  ASSERT_EQ(get_as(std::string(kInstance) + "/frames/1", kOhifFrame).status, 200);
  disk_pool_.stop();
  index_pool_.stop();
  EXPECT_EQ(get_as(std::string(kInstance) + "/frames/2", kOhifFrame).status, 200);
  EXPECT_EQ(get_as(kInstance, kStored).status, 200);
}

TEST_F(RetrieveRoutes, AnObjectThatVanishesWhileAStudyIsSentCutsTheAnswer) {
  archive_.store(part10_file(native()));
  const auto located =
      archive_.retrieves.locate(context_for(), StudyUid("1.2.1"), SeriesUid("1.2.1.1"), SopUid("1.2.1.1.1"));
  ASSERT_TRUE(located);
  ASSERT_TRUE(archive_.objects.remove(context_for(), (*located)->object_key));
  const auto answer = get_as("/studies/1.2.1", kStored);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.failure, "") << "never a short answer that looks whole";
}

}  // namespace
}  // namespace gantry::dicomweb

// Archives of files, all bulk data at once, and metadata in part.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kInstance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1";
constexpr const char* kJpeg = "1.2.840.10008.1.2.4.50";

class RetrieveMore : public ReadFixture {
 protected:
  static Made native() {
    Made made;
    made.tail = pixels(2, 2, 8, "3", "aaaabbbbcccc");
    return made;
  }
  static Made jpeg() {
    Made made;
    made.sop = "1.2.1.1.2";
    made.instance_number = "2";
    made.transfer_syntax = kJpeg;
    made.tail = compressed({"frame one ", "frame two "});
    return made;
  }
};

// PS3.18 Table 8.7.3-1, Supplement 211.
TEST_F(RetrieveMore, AStudyAsAnArchiveOfFiles) {
  const std::string file = part10_file(native());
  archive_.store(file);
  archive_.store(jpeg());
  const auto study = get_as("/studies/1.2.1", "application/zip; transfer-syntax=*");
  ASSERT_EQ(study.status, 200) << study.body;
  EXPECT_EQ(study.header("Content-Type"), "application/zip");
  EXPECT_THAT(study.header("Content-Disposition"), HasSubstr("1.2.1.zip"));
  EXPECT_TRUE(study.known_length);
  EXPECT_THAT(study.body, AllOf(StartsWith("PK\3\4"), HasSubstr("1.2.1.1/1.2.1.1.1.dcm" + file),
                                HasSubstr("1.2.1.1/1.2.1.1.2.dcm")));
  EXPECT_EQ(study.failure, "");
  for (const char* below : {"/studies/1.2.1/series/1.2.1.1", kInstance}) {
    const auto answer = get_as(below, "application/zip");
    EXPECT_EQ(answer.status, 200) << below;
    EXPECT_THAT(answer.body, HasSubstr("1.2.1.1.1.dcm")) << below;
  }
  EXPECT_EQ(
      get("/studies/1.2.1", {{"Accept", "application/zip; transfer-syntax=*"}, {"If-None-Match", study.header("ETag")}})
          .status,
      304);
  EXPECT_THAT(get_as("/studies/1.2.1", "*/*").header("Content-Type"), StartsWith("multipart/related")) << "not unasked";
  EXPECT_EQ(get_as("/studies/1.2.9", "application/zip").status, 404);
}

TEST_F(RetrieveMore, AnArchivesFilesAreReencodedWhereTheStandardAsksForIt) {
  Made made = native();
  made.encoding = {};
  made.transfer_syntax = std::string(dicom::kDeflatedExplicitLittleEndian);
  archive_.store(made);
  const auto answer = get_as("/studies/1.2.1", "application/zip");
  ASSERT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.known_length);
  EXPECT_THAT(answer.body, HasSubstr("aaaabbbbcccc")) << "inflated";
}

// PS3.18 §10.4.1.1.5.
TEST_F(RetrieveMore, AllBulkDataAtThreeLevels) {
  Made made = native();
  made.tail = part10::DataSetBuilder{};
  made.tail.element({0x0029, 0x1001}, "OB", std::string(2000, 'x'));
  made.tail.raw(pixels(2, 2, 8, "3", "aaaabbbbcccc").bytes());
  archive_.store(made);
  for (const char* resource : {"/studies/1.2.1", "/studies/1.2.1/series/1.2.1.1", kInstance}) {
    const auto answer =
        get_as(std::string(resource) + "/bulkdata", "multipart/related; type=\"application/octet-stream\"");
    ASSERT_EQ(answer.status, 200) << resource << answer.body;
    const auto parts = parts_of(answer);
    ASSERT_EQ(parts.size(), 2U) << resource;
    EXPECT_THAT(parts[0].head,
                HasSubstr(std::string("Content-Location: /dicom-web") + kInstance + "/bulkdata/00291001"));
    EXPECT_EQ(parts[0].body, std::string(2000, 'x'));
    EXPECT_THAT(parts[1].head, HasSubstr("/bulkdata/7FE00010"));
    EXPECT_EQ(parts[1].body, "aaaabbbbcccc");
  }
}

// PS3.18 §10.4.1.1.7.
TEST_F(RetrieveMore, AllPixelDataIsWhatItSays) {
  archive_.store(native());
  archive_.store(jpeg());
  for (const char* resource : {"/studies/1.2.1", "/studies/1.2.1/series/1.2.1.1"}) {
    const auto stored = get(std::string(resource) + "/pixeldata");
    ASSERT_EQ(stored.status, 200) << stored.body;
    const auto parts = parts_of(stored);
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_THAT(parts[0].head, HasSubstr("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"));
    EXPECT_THAT(parts[1].head, HasSubstr(std::string("image/jpeg; transfer-syntax=") + kJpeg));
    EXPECT_EQ(parts[2].body, "frame two ");
    const auto plain =
        get_as(std::string(resource) + "/pixeldata", "multipart/related; type=\"application/octet-stream\"");
    EXPECT_EQ(plain.status, 206) << "PS3.18 Table 10.4.3-1: some of it";
    EXPECT_EQ(parts_of(plain).size(), 1U);
    EXPECT_THAT(plain.header("Warning"), HasSubstr("transfer-syntax=*"));
    EXPECT_EQ(get_as(std::string(resource) + "/pixeldata", "image/png").status, 406);
  }
}

TEST_F(RetrieveMore, NoBulkDataIsNotFound) {
  archive_.store(Made{});
  for (const char* resource : {"/studies/1.2.1/bulkdata", "/studies/1.2.1/pixeldata", "/studies/9.9/bulkdata"}) {
    EXPECT_EQ(get(resource).status, 404) << resource;
  }
}

TEST_F(RetrieveMore, MetadataInPart) {
  Made made = native();
  made.tail = part10::DataSetBuilder{};
  made.tail.text({0x0029, 0x0010}, "LO", "GANTRY TEST").text({0x0029, 0x1001}, "LO", "hidden");
  archive_.store(made);
  for (const char* resource : {"/studies/1.2.1", "/studies/1.2.1/series/1.2.1.1", kInstance}) {
    const std::string metadata = std::string(resource) + "/metadata";
    const auto whole = get(metadata);
    EXPECT_THAT(whole.body, AllOf(HasSubstr("00291001"), HasSubstr("00100020")));
    const auto part = get(metadata + "?includefield=PatientID%2C00080060&includefield=00290010");
    EXPECT_EQ(part.status, 200);
    EXPECT_THAT(part.body, AllOf(StartsWith("[{\"00080016\""), HasSubstr("00080018"), HasSubstr("0020000D"),
                                 HasSubstr("00100020"), HasSubstr("00080060"), HasSubstr("00290010"),
                                 Not(HasSubstr("00100010")), Not(HasSubstr("00291001")), EndsWith("}]")));
    const auto open = get(metadata + "?excludeprivate=true");
    EXPECT_THAT(open.body, AllOf(HasSubstr("00100010"), Not(HasSubstr("0029"))));
    EXPECT_NE(open.header("ETag"), whole.header("ETag"));
    EXPECT_EQ(get(metadata + "?includefield=all").body, whole.body);
    EXPECT_EQ(get(metadata + "?includefield=Nonsense").status, 400);
    EXPECT_EQ(get(metadata + "?excludeprivate=maybe").status, 400);
    const auto xml =
        get(metadata + "?excludeprivate=true", {{"Accept", "multipart/related; type=\"application/dicom+xml\""}});
    EXPECT_THAT(xml.body, AllOf(HasSubstr("PatientID"), Not(HasSubstr("GANTRY TEST"))));
  }
}

TEST_F(RetrieveMore, PrivateAttributesLeaveSequencesToo) {
  Made made;
  made.tail = part10::DataSetBuilder{};
  made.tail.undefined({0x0040, 0x0275}, "SQ").item();
  made.tail.text({0x0040, 0x0009}, "SH", "STEP").text({0x0041, 0x1001}, "LO", "hidden");
  made.tail.end_item().end_sequence();
  archive_.store(made);
  const auto answer = get(std::string(kInstance) + "/metadata?excludeprivate=true");
  EXPECT_THAT(answer.body,
              AllOf(HasSubstr(R"("00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["STEP"]}}]})"),
                    Not(HasSubstr("hidden"))));
}

}  // namespace
}  // namespace gantry::dicomweb

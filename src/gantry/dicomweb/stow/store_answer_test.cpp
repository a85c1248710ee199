#include "gantry/dicomweb/stow/store_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicomweb/stow/reply_dataset.hpp"

namespace gantry::dicomweb::stow {
namespace {

using archive::StoreOutcome;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kRoot = "http://pacs.example/dicom-web";

StoreOutcome stored(const std::string& sop, const std::string& study = "1.2") {
  StoreOutcome outcome;
  outcome.status = StoreOutcome::Status::kStored;
  outcome.study = StudyUid(study);
  outcome.series = SeriesUid("1.3");
  outcome.sop = SopUid(sop);
  outcome.sop_class = "1.2.840.10008.5.1.4.1.1.2";
  return outcome;
}

StoreOutcome failed(std::uint16_t reason, const std::string& detail, bool try_later = false) {
  StoreOutcome outcome;
  outcome.failure_reason = reason;
  outcome.detail = detail;
  outcome.try_later = try_later;
  return outcome;
}

http::Response answer(std::vector<StoreOutcome> outcomes, AnswerFormat format = AnswerFormat::kJson,
                      std::optional<BrokenBody> broken = std::nullopt) {
  return store_answer({std::move(outcomes), std::move(broken)}, format, kRoot, std::nullopt);
}

std::string body_of(const http::Response& response) {
  std::string out;
  for (const auto& segment : response.body.segments) out += std::get<http::Bytes>(segment);
  return out;
}

std::string header_of(const http::Response& response, std::string_view name) {
  return std::string(response.headers.get(name).value_or(""));
}

TEST(StoreAnswer, SaysWhereStoredInstancesAreAndNothingOfFailures) {
  const auto response = answer({stored("1.4"), stored("1.5")});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header_of(response, "Content-Type"), "application/dicom+json");
  EXPECT_EQ(header_of(response, "Warning"), "");
  const std::string body = body_of(response);
  EXPECT_THAT(body, HasSubstr(R"("00081190":{"vr":"UR","Value":["http://pacs.example/dicom-web/studies/1.2"]})"));
  EXPECT_THAT(body, HasSubstr(R"("00081155":{"vr":"UI","Value":["1.4"]})"));
  EXPECT_THAT(body, HasSubstr(R"("00081150":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]})"));
  EXPECT_THAT(body, HasSubstr(R"(["http://pacs.example/dicom-web/studies/1.2/series/1.3/instances/1.5"])"));
  EXPECT_THAT(body, Not(HasSubstr("00081198")));
  EXPECT_LT(body.find("1.4"), body.find("1.5"));
}

TEST(StoreAnswer, LeavesTheStudyUrlWithoutAValueWhenInstancesWentToSeveralStudies) {
  const std::string body = body_of(answer({stored("1.4", "1.2"), stored("1.5", "1.9")}));
  EXPECT_THAT(body, HasSubstr(R"("00081190":{"vr":"UR"},)"));
}

TEST(StoreAnswer, Is202WhenSomeWereStoredAndGivesReasonsInNumbersAndWords) {
  auto conflict = failed(archive::failure::kDuplicate, "another instance with this UID is kept");
  conflict.sop = SopUid("1.7");
  conflict.sop_class = "1.2.840.10008.5.1.4.1.1.2";
  const auto response = answer({stored("1.4"), conflict});
  EXPECT_EQ(response.status, 202);
  const std::string body = body_of(response);
  EXPECT_THAT(body, HasSubstr(R"("00081197":{"vr":"US","Value":[273]})"));
  EXPECT_THAT(body, HasSubstr(R"("00090010":{"vr":"LO","Value":["GANTRY STORE"]})"));
  EXPECT_THAT(body, HasSubstr(R"("00091001":{"vr":"UT","Value":["another instance with this UID is kept"]})"));
  EXPECT_THAT(body, Not(HasSubstr("0008119A")));
  EXPECT_THAT(header_of(response, "Warning"), HasSubstr("1 of 2 instances was not stored: another instance"));
}

TEST(StoreAnswer, Is409WhenNoneWasStored) {
  const auto response = answer({failed(archive::failure::kUnreadable, "this is no DICOM file")});
  EXPECT_EQ(response.status, 409);
  const std::string body = body_of(response);
  EXPECT_THAT(body, Not(HasSubstr("00081199")));
  EXPECT_THAT(body, HasSubstr(R"("00081197":{"vr":"US","Value":[49152]})"));
}

TEST(StoreAnswer, ListsAnInstanceWithoutReadableUidsInBothSequences) {
  const std::string body = body_of(answer({failed(archive::failure::kUnreadable, "this is no DICOM file")}));
  EXPECT_THAT(body, HasSubstr(R"("00081198":{"vr":"SQ","Value":[{"00081150":{"vr":"UI"},"00081155":{"vr":"UI"},)"));
  EXPECT_THAT(body, HasSubstr(R"("0008119A":{"vr":"SQ","Value":[{"00081197":)"));
}

TEST(StoreAnswer, Is503WhenEverythingFailedByCausesThatPass) {
  const auto full = failed(archive::failure::kResources, "the disk is full", true);
  const auto response = answer({full, full});
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header_of(response, "Retry-After"), "5");
  EXPECT_EQ(answer({full, failed(archive::failure::kUnreadable, "truncated")}).status, 409);
  EXPECT_EQ(answer({full, stored("1.4")}).status, 202);
}

TEST(StoreAnswer, Is202WithAWarningReasonForAnIgnoredDuplicate) {
  auto ignored = stored("1.4");
  ignored.status = StoreOutcome::Status::kIgnored;
  ignored.warning_reason = archive::failure::kDuplicate;
  const auto response = answer({ignored});
  EXPECT_EQ(response.status, 202);
  EXPECT_THAT(body_of(response), HasSubstr(R"("00081196":{"vr":"US","Value":[273]})"));
  EXPECT_THAT(body_of(response), Not(HasSubstr("00081198")));
}

// PS3.18 §10.5.3.1, §10.5.3.3: an instance that is stored with a warning makes it 202, and says why.
TEST(StoreAnswer, Is202WithAWarningReasonForEveryWarningOfTheStandard) {
  for (const auto& [reason, value] :
       {std::pair(archive::warning::kDiscarded, "45062"), std::pair(archive::warning::kMismatch, "45063")}) {
    auto warned = stored("1.4");
    warned.warning_reason = reason;
    warned.warnings = {"its SOP class asks for (0028,0010)"};
    const auto response = answer({warned, stored("1.5")});
    EXPECT_EQ(response.status, 202);
    const std::string body = body_of(response);
    EXPECT_THAT(body, HasSubstr(std::string(R"("00081196":{"vr":"US","Value":[)") + value + "]}"));
    EXPECT_EQ(body.find("00081196"), body.rfind("00081196")) << "of the one alone";
    EXPECT_THAT(body, HasSubstr(R"("STORED")"));
    EXPECT_THAT(header_of(response, "Warning"), HasSubstr("1 of 2 instances has a warning: its SOP class asks for"));
    EXPECT_THAT(body_of(answer({warned}, AnswerFormat::kXml)), HasSubstr(R"(keyword="WarningReason")"));
  }
}

// PS3.18 §10.5.3.2.
TEST(StoreAnswer, NamesWhatWasMade) {
  EXPECT_EQ(header_of(answer({stored("1.4")}), "Location"),
            std::string(kRoot) + "/studies/1.2/series/1.3/instances/1.4");
  EXPECT_EQ(header_of(answer({stored("1.4"), stored("1.5")}), "Location"), std::string(kRoot) + "/studies/1.2");
  EXPECT_EQ(header_of(answer({stored("1.4"), stored("1.5", "1.9")}), "Location"), "");
  auto known = stored("1.4");
  known.status = StoreOutcome::Status::kUnchanged;
  EXPECT_EQ(header_of(answer({known}), "Location"), "") << "nothing new";
  EXPECT_EQ(header_of(answer({stored("1.4")}, AnswerFormat::kJson, BrokenBody{400, "cut"}), "Location"), "");
}

TEST(StoreAnswer, ToldFlawsOfAFileAreNoReasonToWarn) {
  auto flawed = stored("1.4");
  flawed.warnings = {"(0010,0010) has bytes that its character set does not know"};
  const auto response = answer({flawed});
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(body_of(response), HasSubstr("(0010,0010) has bytes"));
  EXPECT_THAT(body_of(response), Not(HasSubstr("00081196")));
}

TEST(StoreAnswer, ABrokenBodyKeepsItsStatusAndListsWhatWasStoredBefore) {
  const auto response = answer({stored("1.4")}, AnswerFormat::kJson, BrokenBody{400, "the body ends inside a part"});
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(body_of(response), HasSubstr(R"("00081155":{"vr":"UI","Value":["1.4"]})"));
  EXPECT_THAT(body_of(response), HasSubstr("the body ends inside a part"));
  EXPECT_EQ(answer({}, AnswerFormat::kJson, BrokenBody{413, "over the limit"}).status, 413);
}

TEST(StoreAnswer, IsANativeDicomModelWhenAskedForXml) {
  const auto response =
      answer({stored("1.4"), failed(archive::failure::kUnreadable, "a < b & \"c\"")}, AnswerFormat::kXml);
  EXPECT_EQ(header_of(response, "Content-Type"), "application/dicom+xml");
  const std::string body = body_of(response);
  EXPECT_THAT(body,
              HasSubstr(R"(<DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence"><Item number="1">)"));
  EXPECT_THAT(
      body,
      HasSubstr(R"(<DicomAttribute tag="00081197" vr="US" keyword="FailureReason"><Value number="1">49152</Value>)"));
  EXPECT_THAT(
      body,
      HasSubstr(
          R"(tag="00090001" vr="UT" privateCreator="GANTRY STORE"><Value number="1">a &lt; b &amp; &quot;c&quot;<)"));
}

TEST(StoreAnswer, WordsFromAFileNeverBreakJsonOrAHeader) {
  const auto response =
      answer({failed(archive::failure::kUnreadable, "odd \"quote\" \\ line\r\nX-Evil: 1 \xc3\xbc \x01")});
  EXPECT_THAT(body_of(response), HasSubstr(R"(odd \"quote\" \\ line\r\nX-Evil: 1 )"
                                           "\xc3\xbc"
                                           R"( \u0001)"));
  const std::string warning = header_of(response, "Warning");
  EXPECT_THAT(warning, HasSubstr(R"(odd \"quote\" \\ line??X-Evil)"));
  for (const char c : warning) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
}

TEST(StoreAnswer, TellsAnInstanceThatWasThereAlreadyFromANewOne) {
  auto again = stored("1.4");
  again.status = StoreOutcome::Status::kUnchanged;
  again.detail = "the same bytes were there";
  const std::string body = body_of(answer({again}));
  EXPECT_THAT(body, HasSubstr(R"("00090010":{"vr":"LO","Value":["GANTRY STORE"]},"00091001":{"vr":"UT",)"));
  EXPECT_THAT(body, HasSubstr(R"(,"00091002":{"vr":"CS","Value":["UNCHANGED"]}})"));
  EXPECT_THAT(body_of(answer({stored("1.4")})), HasSubstr(R"(,"00091002":{"vr":"CS","Value":["STORED"]}})"));
}

TEST(StoreAnswer, WithoutAnyInstanceItIsABadRequest) { EXPECT_EQ(answer({}).status, 400); }

TEST(StoreAnswer, StaysReadableWhateverBytesASenderUsed) {
  std::string replaced;
  for (int i = 0; i < 6; ++i) replaced += "\xEF\xBF\xBD";
  for (const auto format : {AnswerFormat::kJson, AnswerFormat::kXml}) {
    const auto body = body_of(
        answer({failed(0xC000, "a type of \xFF\xC0\x80\xED\xA0\x80 and \xC3\xA9 and \xF0\x9F\x98\x80")}, format));
    EXPECT_THAT(body, HasSubstr("a type of " + replaced + " and \xC3\xA9 and \xF0\x9F\x98\x80"));
  }
}

}  // namespace
}  // namespace gantry::dicomweb::stow

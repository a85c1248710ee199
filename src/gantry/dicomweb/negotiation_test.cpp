#include "gantry/dicomweb/negotiation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicomweb {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kExplicitLe = "1.2.840.10008.1.2.1";
constexpr const char* kJpeg = "1.2.840.10008.1.2.4.50";

std::vector<AcceptedRange> ranges(std::string_view accept, const http::QueryPairs& query = {}) {
  http::Headers headers;
  if (!accept.empty()) headers.add("Accept", std::string(accept));
  return accepted_ranges(headers, query);
}

const std::vector<Offer> kJsonOffers = {
    {.multipart = false, .media_type = "application/dicom+json", .transfer_syntax = {}},
    {.multipart = false, .media_type = "application/json", .transfer_syntax = {}},
    {.multipart = true, .media_type = "application/dicom+xml", .transfer_syntax = {}, .any_form = true},
};
const std::vector<Offer> kJpegFrames = {
    {.multipart = true, .media_type = "image/jpeg", .transfer_syntax = kJpeg, .as_octets = true},
    {.multipart = false, .media_type = "image/jpeg", .transfer_syntax = kJpeg, .as_octets = true},
};
const std::vector<Offer> kNativeFrames = {
    {.multipart = true, .media_type = "application/octet-stream", .transfer_syntax = kExplicitLe},
    {.multipart = false, .media_type = "application/octet-stream", .transfer_syntax = kExplicitLe},
};

/// The number of the chosen offer, -1 for none.
int chosen(std::string_view accept, const std::vector<Offer>& offers, const http::QueryPairs& query = {}) {
  const auto accepted = ranges(accept, query);
  const Offer* offer = choose(accepted, offers);
  return offer == nullptr ? -1 : static_cast<int>(offer - offers.data());
}

TEST(Negotiation, AMissingAcceptOrAnythingGivesTheDefault) {
  for (const char* accept : {"", "*/*", "  ", "*/*;q=0.1", "text/html,application/xhtml+xml,*/*;q=0.8"}) {
    EXPECT_EQ(chosen(accept, kJsonOffers), 0) << accept;
    EXPECT_EQ(chosen(accept, kNativeFrames), 0) << accept;
  }
}

TEST(Negotiation, QualityDecidesThenTheClientsOrder) {
  EXPECT_EQ(chosen("application/dicom+json;q=0.2, multipart/related;type=\"application/dicom+xml\";q=0.9", kJsonOffers),
            2);
  EXPECT_EQ(chosen("application/json, application/dicom+json", kJsonOffers), 1);
  EXPECT_EQ(chosen("application/dicom+json, application/json", kJsonOffers), 0);
  EXPECT_EQ(chosen("application/dicom+json;q=0.2, */*", kJsonOffers), 1) << "the specific range counts for its type";
}

TEST(Negotiation, AQualityOfZeroMeansNotThis) {
  EXPECT_EQ(chosen("application/dicom+json;q=0, */*", kJsonOffers), 1);
  EXPECT_EQ(chosen("*/*;q=0", kJsonOffers), -1);
}

TEST(Negotiation, UnparsableRangesAreSkippedAndTheRestIsKept) {
  EXPECT_EQ(chosen("garbage, ;;;, application/dicom+json", kJsonOffers), 0);
  EXPECT_EQ(chosen("garbage", kJsonOffers), 0) << "nothing usable in it is as good as nothing said";
}

TEST(Negotiation, QuotesCaseOrderAndSpacesDontMatter) {
  for (const char* accept : {
           "multipart/related; type=application/octet-stream; transfer-syntax=*",
           "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*",
           "Multipart/Related;transfer-syntax=\"*\";TYPE=\"Application/Octet-Stream\"",
           "multipart/related ; type=application/octet-stream ;transfer-syntax=1.2.840.10008.1.2.1",
       }) {
    EXPECT_EQ(chosen(accept, kNativeFrames), 0) << accept;
  }
}

TEST(Negotiation, SinglePartIsGivenWhenAskedFor) {
  EXPECT_EQ(chosen("application/octet-stream", kNativeFrames), 1);
  EXPECT_EQ(chosen("application/*", kNativeFrames), 1);
  EXPECT_EQ(chosen("multipart/*", kNativeFrames), 0);
  EXPECT_EQ(chosen("multipart/related", kNativeFrames), 0);
  EXPECT_EQ(chosen("multipart/related; type=\"*/*\"", kNativeFrames), 0);
}

TEST(Negotiation, CompressedFramesComeAsTheyAreUnlessOctetsMeanDecodedOnes) {
  EXPECT_EQ(chosen("multipart/related; type=application/octet-stream; transfer-syntax=*", kJpegFrames), 0);
  EXPECT_EQ(chosen("multipart/related; type=\"image/jpeg\"", kJpegFrames), 0);
  EXPECT_EQ(chosen("multipart/related; type=\"image/*\"; transfer-syntax=1.2.840.10008.1.2.4.50", kJpegFrames), 0);
  EXPECT_EQ(chosen("image/jpeg", kJpegFrames), 1);
  EXPECT_EQ(chosen("multipart/related; type=application/octet-stream", kJpegFrames), -1);
  EXPECT_EQ(chosen("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", kJpegFrames), -1);
  EXPECT_EQ(chosen("image/jp2", kJpegFrames), -1);
  EXPECT_EQ(chosen("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", kJpegFrames), -1);
}

TEST(Negotiation, OldNamesOfMediaTypesAreKnown) {
  const std::vector<Offer> rle = {
      {.multipart = true, .media_type = "image/dicom-rle", .transfer_syntax = "1.2.840.10008.1.2.5"}};
  EXPECT_EQ(chosen("multipart/related; type=\"image/x-dicom-rle\"", rle), 0);
}

TEST(Negotiation, TheAcceptParameterStandsInForTheHeader) {
  EXPECT_EQ(chosen("image/png", kJsonOffers, {{"accept", "application/dicom+json"}}), 0);
  EXPECT_EQ(chosen("image/png", kJsonOffers, {{"accept", "application/dicom json"}}), 0)
      << "a plus sign that was not escaped";
  EXPECT_EQ(chosen("*/*", kJpegFrames, {{"accept", "application/octet-stream; transfer-syntax=*"}}), 1);
  EXPECT_EQ(chosen("*/*", kJsonOffers, {{"accept", "image/png"}}), -1);
}

TEST(Negotiation, XmlIsAcceptedWithAndWithoutItsMultipart) {
  EXPECT_EQ(chosen("multipart/related; type=\"application/dicom+xml\"", kJsonOffers), 2);
  EXPECT_EQ(chosen("application/dicom+xml", kJsonOffers), 2);
}

TEST(Negotiation, ARefusalListsWhatCanBeHad) {
  const auto refusal = not_acceptable(kJpegFrames, "Ask for transfer-syntax=*");
  EXPECT_EQ(refusal.status, 406);
  ASSERT_EQ(refusal.body.segments.size(), 1U);
  const auto& body = std::get<http::Bytes>(refusal.body.segments[0]);
  EXPECT_THAT(body, HasSubstr("image/jpeg"));
  EXPECT_THAT(body, HasSubstr(kJpeg));
  EXPECT_THAT(body, HasSubstr("transfer-syntax=*"));
}

}  // namespace
}  // namespace gantry::dicomweb

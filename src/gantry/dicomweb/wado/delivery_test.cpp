#include "gantry/dicomweb/wado/delivery.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gantry/dicomweb/wado/pixel_parts.hpp"

namespace gantry::dicomweb::wado {
namespace {

constexpr const char* kImplicit = "1.2.840.10008.1.2";
constexpr const char* kExplicit = "1.2.840.10008.1.2.1";
constexpr const char* kDeflated = "1.2.840.10008.1.2.1.99";
constexpr const char* kBig = "1.2.840.10008.1.2.2";
constexpr const char* kJpeg = "1.2.840.10008.1.2.4.50";

TEST(Delivery, TheDefaultIsExplicitWhereItCanBeMade) {
  for (const char* stored : {kImplicit, kBig, kDeflated})
    EXPECT_EQ(delivery_of(stored, "", {}), Delivery::kExplicit) << stored;
  for (const char* stored : {kExplicit, kJpeg}) EXPECT_EQ(delivery_of(stored, "", {}), Delivery::kStored) << stored;
}

TEST(Delivery, AStarGivesTheStoredBytesUnlessStrict) {
  for (const char* stored : {kImplicit, kBig, kDeflated, kExplicit, kJpeg}) {
    EXPECT_EQ(delivery_of(stored, "*", {}), Delivery::kStored) << stored;
  }
  EXPECT_EQ(delivery_of(kImplicit, "*", {true}), Delivery::kExplicit);
  EXPECT_EQ(delivery_of(kBig, "*", {true}), Delivery::kExplicit);
  EXPECT_EQ(delivery_of(kDeflated, "*", {true}), Delivery::kStored);
}

TEST(Delivery, ANamedSyntaxIsGivenOrNothing) {
  EXPECT_EQ(delivery_of(kJpeg, kJpeg, {}), Delivery::kStored);
  EXPECT_EQ(delivery_of(kDeflated, kDeflated, {}), Delivery::kStored);
  EXPECT_EQ(delivery_of(kImplicit, kExplicit, {}), Delivery::kExplicit);
  EXPECT_EQ(delivery_of(kJpeg, kExplicit, {}), std::nullopt);
  EXPECT_EQ(delivery_of(kImplicit, kImplicit, {}), std::nullopt);
  EXPECT_EQ(delivery_of(kBig, kBig, {}), std::nullopt);
  EXPECT_EQ(delivery_of(kExplicit, kJpeg, {}), std::nullopt);
}

TEST(Delivery, WithCodecsWhatIsLosslessIsExpandedAndEverythingCanBeNamed) {
  constexpr const char* kJpegLs = "1.2.840.10008.1.2.4.80";
  constexpr const char* kVideo = "1.2.840.10008.1.2.4.102";
  const DeliveryRules rules{.strict = false, .codecs = true};
  EXPECT_EQ(delivery_of(kJpegLs, "", rules), Delivery::kTranscoded);
  EXPECT_EQ(delivered_syntax(kJpegLs, Delivery::kTranscoded, ""), kExplicit);
  EXPECT_EQ(delivery_of(kJpegLs, "*", rules), Delivery::kStored);
  EXPECT_EQ(delivery_of(kJpegLs, kJpegLs, rules), Delivery::kStored);
  EXPECT_EQ(delivery_of(kJpeg, "", rules), Delivery::kStored);  // held only lossy
  EXPECT_EQ(delivery_of(kJpeg, kExplicit, rules), Delivery::kTranscoded);
  EXPECT_EQ(delivery_of(kImplicit, kJpegLs, rules), Delivery::kTranscoded);
  EXPECT_EQ(delivered_syntax(kImplicit, Delivery::kTranscoded, kJpegLs), kJpegLs);
  EXPECT_EQ(delivery_of(kImplicit, "", rules), Delivery::kExplicit);
  EXPECT_EQ(delivery_of(kJpegLs, kImplicit, rules), std::nullopt);
  EXPECT_EQ(delivery_of(kVideo, "", rules), Delivery::kStored);
  EXPECT_EQ(delivery_of(kVideo, kExplicit, rules), std::nullopt);
}

TEST(Delivery, AMixedListIsOfferedExplicitOnlyWhenAllOfItCanBe) {
  const std::vector<std::string> uncompressed = {kImplicit, kExplicit};
  const std::vector<std::string> mixed = {kImplicit, kJpeg};
  const auto names = [](const InstanceOffers& can, const std::string& wish) {
    return std::find(can.wishes.begin(), can.wishes.end(), wish) != can.wishes.end();
  };
  EXPECT_TRUE(names(instance_offers(uncompressed, {}, false), kExplicit));
  EXPECT_FALSE(names(instance_offers(mixed, {}, false), kExplicit));
  EXPECT_TRUE(names(instance_offers(mixed, {}, false), "*"));
}

TEST(FrameList, KeepsTheOrderAskedFor) {
  const auto numbers = parse_frame_list("5,1,4294967295");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(*numbers, (std::vector<std::uint32_t>{5, 1, 4294967295U}));
}

TEST(FrameList, RefusesWhatIsNone) {
  for (const char* text :
       {"", ",", "1,", ",1", "a", "1;2", "-1", "+1", "1.0", " 1", "0", "1,0", "1,1", "1,2,1", "0x1"}) {
    const auto numbers = parse_frame_list(text);
    ASSERT_FALSE(numbers) << text;
    EXPECT_EQ(numbers.error().kind(), ErrorKind::kInvalid) << text;
  }
}

TEST(FrameList, NumbersThatNoFrameCanHaveAreNotFound) {
  const auto numbers = parse_frame_list("4294967296");
  ASSERT_FALSE(numbers);
  EXPECT_EQ(numbers.error().kind(), ErrorKind::kNotFound);
  EXPECT_EQ(parse_frame_list(std::string(5000, '9')).error().kind(), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace gantry::dicomweb::wado

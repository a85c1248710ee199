#include "gantry/archive/available_syntaxes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::archive {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

dicom::Layout layout_of(const char* syntax, dicom::PixelLayout::Kind kind, std::uint16_t bits) {
  dicom::Layout layout;
  layout.transfer_syntax = syntax;
  layout.pixels.kind = kind;
  layout.pixels.element = {0x7FE0, 0x0010};
  layout.pixels.rows = layout.pixels.columns = 8;
  layout.pixels.samples = 1;
  layout.pixels.bits_allocated = bits;
  return layout;
}

using Kind = dicom::PixelLayout::Kind;

TEST(AvailableSyntaxes, AreTheStoredOneExplicitAndWhatPixelsCanBecome) {
  const auto jpeg_ls = available_syntaxes(layout_of("1.2.840.10008.1.2.4.80", Kind::kEncapsulated, 16));
  EXPECT_EQ(jpeg_ls.front(), "1.2.840.10008.1.2.4.80");
  EXPECT_EQ(jpeg_ls[1], "1.2.840.10008.1.2.1");
  EXPECT_THAT(jpeg_ls, Contains("1.2.840.10008.1.2.4.202"));
  EXPECT_THAT(jpeg_ls, Not(Contains("1.2.840.10008.1.2.4.50")));  // 16 bits
  EXPECT_THAT(available_syntaxes(layout_of("1.2.840.10008.1.2", Kind::kNative, 8)), Contains("1.2.840.10008.1.2.4.50"));
}

TEST(AvailableSyntaxes, PalettesAndSignedPixelsAreNoJpeg) {
  const auto layout = layout_of("1.2.840.10008.1.2.1", Kind::kNative, 8);
  const char* const jpeg = "1.2.840.10008.1.2.4.50";
  for (const char* json : {R"({"00280004":{"vr":"CS","Value":["PALETTE COLOR"]}})", R"({"00280103":{"vr":"US","Value":[1]}})"}) {
    EXPECT_THAT(available_syntaxes(layout, json), Not(Contains(jpeg))) << json;
    EXPECT_THAT(available_syntaxes(layout, json), Contains("1.2.840.10008.1.2.5")) << json;
  }
  EXPECT_THAT(available_syntaxes(layout, R"({"00280004":{"vr":"CS","Value":["MONOCHROME2"]},"00280103":{"vr":"US","Value":[0]}})"),
              Contains(jpeg));
}

TEST(AvailableSyntaxes, LeaveOutWhatIsKeptOffTheWeb) {
  EXPECT_THAT(available_syntaxes(layout_of("1.2.840.10008.1.2", Kind::kNone, 0)), ElementsAre("1.2.840.10008.1.2.1"));
  EXPECT_THAT(available_syntaxes(layout_of("1.2.840.10008.1.2.4.102", Kind::kUnusable, 8)),
              ElementsAre("1.2.840.10008.1.2.4.102"));
}

TEST(AvailableSyntaxes, StandInTheirPlaceInTheJson) {
  const std::string element = R"("00083002":{"vr":"UI","Value":["1.2","1.3"]})";
  const std::vector<std::string> two{"1.2", "1.3"};
  EXPECT_EQ(with_available_syntaxes(R"({"00080005":{"vr":"CS"},"00100010":{"vr":"PN"}})", two),
            R"({"00080005":{"vr":"CS"},)" + element + R"(,"00100010":{"vr":"PN"}})");
  EXPECT_EQ(with_available_syntaxes(R"({"00080005":{"vr":"CS"}})", two), R"({"00080005":{"vr":"CS"},)" + element + "}");
  EXPECT_EQ(with_available_syntaxes("{}", two), "{" + element + "}");
  EXPECT_EQ(with_available_syntaxes(R"({"00083002":{"vr":"UI","Value":["9"]},"00100010":{"vr":"PN"}})", two),
            "{" + element + R"(,"00100010":{"vr":"PN"}})");
  EXPECT_EQ(with_available_syntaxes("{}", {}), "{}");
}

}  // namespace
}  // namespace gantry::archive

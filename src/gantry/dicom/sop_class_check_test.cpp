#include "gantry/dicom/sop_class_check.hpp"

#include <initializer_list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kCt = "1.2.840.10008.5.1.4.1.1.2";

std::vector<Tag> missing(std::string_view sop_class, std::initializer_list<std::uint32_t> present) {
  SopClassCheck check;
  for (const auto tag : present) check.on_value(Tag(tag));
  return check.missing(sop_class);
}

TEST(SopClassCheck, AWholeImageMissesNothing) {
  EXPECT_THAT(missing(kCt, {0x00080060, 0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x00280101,
                            0x00280102, 0x00280103, 0x7FE00010, 0x00100010}),
              IsEmpty());
}

TEST(SopClassCheck, PixelsWithoutTheirShapeAreTold) {
  EXPECT_THAT(
      missing(kCt, {0x00080060, 0x00280002, 0x00280004, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x7FE00010}),
      ElementsAre(Tag(0x00280010), Tag(0x00280103)));
}

TEST(SopClassCheck, FloatingPointPixelsHaveNoDepthToSay) {
  const char* parametric_map = "1.2.840.10008.5.1.4.1.1.30";
  EXPECT_THAT(
      missing(parametric_map, {0x00080060, 0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x7FE00008}),
      IsEmpty());
  EXPECT_THAT(missing(kCt, {0x00080060, 0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x7FE00009}),
              IsEmpty());
}

TEST(SopClassCheck, AnImageHasPixelsOrSaysWhereTheyAre) {
  EXPECT_THAT(missing(kCt, {0x00080060}), ElementsAre(Tag(0x7FE00010)));
  EXPECT_THAT(missing(kCt, {0x00080060, 0x00287FE0}), IsEmpty());
}

TEST(SopClassCheck, OtherClassesHaveTheirOwnContent) {
  EXPECT_THAT(missing("1.2.840.10008.5.1.4.1.1.104.1", {0x00080060, 0x00420011}), ElementsAre(Tag(0x00420012)));
  EXPECT_THAT(missing("1.2.840.10008.5.1.4.1.1.88.33", {0x00080060}), ElementsAre(Tag(0x0040A040)));
  EXPECT_THAT(missing("1.2.840.10008.5.1.4.1.1.9.1.1", {}), ElementsAre(Tag(0x00080060), Tag(0x54000100)));
  EXPECT_THAT(missing("1.2.840.10008.5.1.4.1.1.11.1", {0x00080060}), IsEmpty()) << "a presentation state";
}

TEST(SopClassCheck, AsksNothingOfClassesThatItDoesNotKnow) {
  EXPECT_THAT(missing("1.3.12.2.1107.5.9.1", {0x7FE00010}), IsEmpty());
  EXPECT_THAT(missing("1.2.840.10008.5.1.4.34.7", {}), IsEmpty()) << "no series, no modality";
}

}  // namespace
}  // namespace gantry::dicom

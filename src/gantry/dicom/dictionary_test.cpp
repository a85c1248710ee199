#include "gantry/dicom/dictionary.hpp"

#include <gtest/gtest.h>

namespace gantry::dicom {
namespace {

TEST(Dictionary, KnowsAttributesByTagAndByKeyword) {
  const auto* entry = find_attribute(Tag{0x0020, 0x000D});
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->keyword, "StudyInstanceUID");
  EXPECT_EQ(entry->vr, "UI");
  EXPECT_EQ(find_attribute("StudyInstanceUID"), entry);
  EXPECT_EQ(find_attribute(Tag{0x7FE0, 0x0010})->vr, "OW");
  EXPECT_EQ(find_attribute(Tag{0x0008, 0x0001})->keyword, "LengthToEnd");
  EXPECT_EQ(find_attribute(Tag{0x0009, 0x0010}), nullptr);
  EXPECT_EQ(find_attribute(Tag{0xFFFE, 0xE000}), nullptr);
  EXPECT_EQ(find_attribute("studyinstanceuid"), nullptr);
  EXPECT_EQ(find_attribute(""), nullptr);
}

TEST(Dictionary, KnowsRepeatingGroups) {
  EXPECT_EQ(find_attribute(Tag{0x6002, 0x3000})->keyword, "OverlayData");
  EXPECT_EQ(find_attribute(Tag{0x50FE, 0x3000})->keyword, "CurveData");
  EXPECT_EQ(find_attribute(Tag{0x6001, 0x3000}), nullptr);
}

TEST(Dictionary, ReadsTagsAndKeywords) {
  EXPECT_EQ(parse_attribute("0020000D"), (Tag{0x0020, 0x000D}));
  EXPECT_EQ(parse_attribute("0020000d"), (Tag{0x0020, 0x000D}));
  EXPECT_EQ(parse_attribute("00091001"), (Tag{0x0009, 0x1001}));
  EXPECT_EQ(parse_attribute("PatientID"), (Tag{0x0010, 0x0020}));
  EXPECT_EQ(parse_attribute("Modality"), (Tag{0x0008, 0x0060}));  // eight letters, no tag
  EXPECT_EQ(parse_attribute("PatientNmae"), std::nullopt);
  EXPECT_EQ(parse_attribute("0020000"), std::nullopt);
  EXPECT_EQ(parse_attribute("0020000G"), std::nullopt);
}

}  // namespace
}  // namespace gantry::dicom

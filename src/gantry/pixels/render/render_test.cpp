#include "gantry/pixels/render/render.hpp"

#include <cmath>
#include <cstring>
#include <initializer_list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;
using dicom::Vr;
using ::testing::ElementsAre;

Attribute words(std::initializer_list<std::uint16_t> values) {
  Attribute attribute{Vr::kUS, {}, {}};
  for (const auto value : values) {
    attribute.bytes.push_back(static_cast<char>(value & 0xFF));
    attribute.bytes.push_back(static_cast<char>(value >> 8));
  }
  return attribute;
}
Attribute text(Vr vr, std::string value) { return {vr, std::move(value), {}}; }
Attribute sequence(AttributeItem item) { return {Vr::kSQ, {}, {std::move(item)}}; }

/// A row of pixels and its data set.
struct Row {
  AttributeItem set;
  FrameShape shape;
  std::string bytes;
  std::uint32_t number = 1;
  RenderOptions options;

  explicit Row(std::initializer_list<int> values, unsigned bits = 16, bool is_signed = false) {
    shape.rows = 1;
    shape.columns = static_cast<std::uint32_t>(values.size());
    shape.bits_allocated = static_cast<std::uint16_t>(bits);
    shape.bits_stored = shape.bits_allocated;
    shape.high_bit = static_cast<std::uint16_t>(bits - 1);
    shape.is_signed = is_signed;
    shape.photometric = "MONOCHROME2";
    shape.transfer_syntax = dicom::kExplicitLittleEndian;
    for (const int value : values) {
      for (unsigned shift = 0; shift < bits; shift += 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
    }
  }
  void put(Tag tag, Attribute attribute) { set.attributes[tag.value()] = std::move(attribute); }
  void colour(std::uint16_t samples, std::string photometric) {
    shape.samples = samples;
    shape.columns /= samples;
    shape.photometric = std::move(photometric);
  }

  Result<Picture> render() const {
    ImageAttributes image;
    image.shape = shape;
    image.frames = 1;
    image.data_set = std::make_shared<const AttributeItem>(set);
    return render_frame({shape, bytes}, image, number, options);
  }
  std::vector<std::uint8_t> shown() const {
    auto picture = render();
    EXPECT_TRUE(picture) << picture.error().detail();
    return picture ? picture->bytes : std::vector<std::uint8_t>();
  }
};

TEST(Render, WithoutAWindowTheLeastIsBlackAndTheGreatestWhite) {
  EXPECT_THAT(Row({100, 300, 200}).shown(), ElementsAre(0, 255, 128));
  EXPECT_THAT(Row({-100, 100, 0}, 16, true).shown(), ElementsAre(0, 255, 128));
  EXPECT_THAT(Row({7, 7}, 8).shown(), ElementsAre(0, 0));
}

TEST(Render, TheLinearWindowIsThatOfTheStandard) {
  Row row({0, 127, 128, 255, 256});
  row.options.window = Window{128, 256, VoiFunction::kLinear};  // PS3.3 C.11.2.1.2.1: the identity for 8 bits
  EXPECT_THAT(row.shown(), ElementsAre(0, 127, 128, 255, 255));
  Row threshold({1, 2, 3});
  threshold.options.window = Window{2, 1, VoiFunction::kLinear};
  EXPECT_THAT(threshold.shown(), ElementsAre(0, 255, 255));
}

TEST(Render, ExactAndSigmoidWindowsAreOthers) {
  Row row({0, 50, 100});
  row.options.window = Window{50, 100, VoiFunction::kLinearExact};
  EXPECT_THAT(row.shown(), ElementsAre(0, 128, 255));
  row.options.window = Window{50, 100, VoiFunction::kSigmoid};
  EXPECT_THAT(row.shown(), ElementsAre(static_cast<int>(std::lround(255 / (1 + std::exp(2.0)))), 128,
                                       static_cast<int>(std::lround(255 / (1 + std::exp(-2.0))))));
}

TEST(Render, TheDataSetsWindowIsOfRescaledValues) {
  Row row({0, 1024, 2048});
  row.put({0x0028, 0x1052}, text(Vr::kDS, "-1024 "));
  row.put({0x0028, 0x1053}, text(Vr::kDS, "1"));
  row.put({0x0028, 0x1050}, text(Vr::kDS, "0\\40"));
  row.put({0x0028, 0x1051}, text(Vr::kDS, "2048\\80"));
  row.put({0x0028, 0x1056}, text(Vr::kCS, "LINEAR_EXACT"));
  EXPECT_THAT(row.shown(), ElementsAre(0, 128, 255));
}

TEST(Render, AngiographyIsShownWithoutItsWayBackToTheBeam) {
  Row row({0, 100, 255}, 8);
  row.put({0x0028, 0x1052}, text(Vr::kDS, "1000"));
  row.put({0x0028, 0x1050}, text(Vr::kDS, "128"));
  row.put({0x0028, 0x1051}, text(Vr::kDS, "256"));
  EXPECT_THAT(row.shown(), ElementsAre(255, 255, 255));
  row.put({0x0008, 0x0016}, text(Vr::kUI, "1.2.840.10008.5.1.4.1.1.12.1"));
  row.put({0x0028, 0x1040}, text(Vr::kCS, "LIN"));
  EXPECT_THAT(row.shown(), ElementsAre(255, 255, 255));
  row.put({0x0028, 0x1040}, text(Vr::kCS, "LOG"));
  EXPECT_THAT(row.shown(), ElementsAre(0, 100, 255));
}

TEST(Render, AFramesOwnGroupComesFirst) {
  AttributeItem window;
  window.attributes[Tag(0x0028, 0x1050).value()] = text(Vr::kDS, "10");
  window.attributes[Tag(0x0028, 0x1051).value()] = text(Vr::kDS, "20");
  window.attributes[Tag(0x0028, 0x1056).value()] = text(Vr::kCS, "LINEAR_EXACT");
  AttributeItem group;
  group.attributes[Tag(0x0028, 0x9132).value()] = sequence(window);
  Row row({0, 10, 20});
  row.put({0x0028, 0x1050}, text(Vr::kDS, "1000"));
  row.put({0x0028, 0x1051}, text(Vr::kDS, "1"));
  Attribute frames = sequence({});
  frames.items.push_back(group);
  row.put({0x5200, 0x9230}, frames);
  row.number = 2;
  EXPECT_THAT(row.shown(), ElementsAre(0, 128, 255));
  row.number = 1;
  EXPECT_THAT(row.shown(), ElementsAre(0, 0, 0));
}

TEST(Render, Monochrome1AndInverseAreTurnedOver) {
  Row row({0, 255}, 8);
  row.shape.photometric = "MONOCHROME1";
  EXPECT_THAT(row.shown(), ElementsAre(255, 0));
  row.put({0x2050, 0x0020}, text(Vr::kCS, "IDENTITY"));
  EXPECT_THAT(row.shown(), ElementsAre(0, 255));
  row.shape.photometric = "MONOCHROME2";
  row.put({0x2050, 0x0020}, text(Vr::kCS, "INVERSE "));
  EXPECT_THAT(row.shown(), ElementsAre(255, 0));
}

TEST(Render, LookUpTablesAreAppliedAndEndWhereTheyEnd) {
  AttributeItem lut;
  lut.attributes[Tag(0x0028, 0x3002).value()] = words({3, 10, 8});
  lut.attributes[Tag(0x0028, 0x3006).value()] = words({0, 51, 255});
  Row row({9, 10, 11, 12, 13});
  row.put({0x0028, 0x3010}, sequence(lut));
  EXPECT_THAT(row.shown(), ElementsAre(0, 0, 51, 255, 255));
  Row modality({9, 10, 11, 12, 13});
  modality.put({0x0028, 0x3000}, sequence(lut));
  modality.options.window = Window{128, 256, VoiFunction::kLinear};
  EXPECT_THAT(modality.shown(), ElementsAre(0, 0, 51, 255, 255));
}

TEST(Render, PaddingIsNotMeasured) {
  Row row({-2000, 0, 100}, 16, true);
  row.put({0x0028, 0x0120}, {Vr::kSS, std::string("\x30\xF8", 2), {}});
  EXPECT_THAT(row.shown(), ElementsAre(0, 0, 255));
}

TEST(Render, OneValueBesideThePaddingIsSeen) {
  Row row({0, 9, 0}, 8);  // as in a label map whose background is padding
  row.put({0x0028, 0x0120}, words({0}));
  EXPECT_THAT(row.shown(), ElementsAre(0, 255, 0));
}

TEST(Render, OnlyBitsStoredCount) {
  Row row({0x1000, 0x0FFF, 0xF800});
  row.shape.bits_stored = 12;
  row.shape.high_bit = 11;
  EXPECT_THAT(row.shown(), ElementsAre(0, 255, 128));
  row.shape.high_bit = 65535;  // there is none such
  EXPECT_THAT(row.shown(), ElementsAre(0, 255, 128));
}

TEST(Render, OneBitAndFloatsAndThirtyTwoBits) {
  Row bits({0b00000101}, 8);
  bits.shape.bits_allocated = bits.shape.bits_stored = 1;
  bits.shape.high_bit = 0;
  bits.shape.columns = 3;
  EXPECT_THAT(bits.shown(), ElementsAre(255, 0, 255));

  Row wide({0, 1'000'000, 2'000'000}, 32);
  EXPECT_THAT(wide.shown(), ElementsAre(0, 128, 255));

  Row floats({}, 32);
  floats.shape.is_float = true;
  floats.shape.columns = 4;
  for (const float value : {0.0F, 0.5F, 1.0F, std::nanf("")}) {
    floats.bytes.append(reinterpret_cast<const char*>(&value), 4);
  }
  EXPECT_THAT(floats.shown(), ElementsAre(0, 128, 255, 0));
}

TEST(Render, PalettesGiveColour) {
  Row row({0, 1, 2, 9}, 8);
  row.shape.photometric = "PALETTE COLOR";
  row.put({0x0028, 0x1101}, words({2, 1, 16}));
  row.put({0x0028, 0x1102}, words({2, 1, 16}));
  row.put({0x0028, 0x1103}, words({2, 1, 16}));
  row.put({0x0028, 0x1201}, words({0xFF00, 0x0000}));
  row.put({0x0028, 0x1202}, words({0x0000, 0xFF00}));
  row.put({0x0028, 0x1203}, words({0x8000, 0x8000}));
  EXPECT_THAT(row.shown(), ElementsAre(255, 0, 128, 255, 0, 128, 0, 255, 128, 0, 255, 128));
}

TEST(Render, ColourSpacesBecomeRgb) {
  Row rgb({1, 2, 3}, 8);
  rgb.colour(3, "RGB");
  EXPECT_THAT(rgb.shown(), ElementsAre(1, 2, 3));
  Row full({76, 85, 255}, 8);
  full.colour(3, "YBR_FULL");
  EXPECT_THAT(full.shown(), ElementsAre(254, 0, 0));
  Row partial({235, 128, 128, 16, 128, 128}, 8);
  partial.colour(3, "YBR_PARTIAL_420");
  EXPECT_THAT(partial.shown(), ElementsAre(255, 255, 255, 0, 0, 0));
  Row deep({65535, 0, 32896}, 16);
  deep.colour(3, "RGB");
  EXPECT_THAT(deep.shown(), ElementsAre(255, 0, 128));
}

TEST(Render, OverlaysAreWhite) {
  Row row({0, 0, 0, 10}, 8);
  row.put({0x6000, 0x0010}, words({1}));
  row.put({0x6000, 0x0011}, words({2}));
  row.put({0x6000, 0x0050}, {Vr::kSS, std::string("\1\0\2\0", 4), {}});
  row.put({0x6000, 0x3000}, {Vr::kOW, std::string("\2\0", 2), {}});
  EXPECT_THAT(row.shown(), ElementsAre(0, 0, 255, 255));
}

TEST(Render, SixteenBitsWhereAskedFor) {
  Row row({0, 32768, 65535});
  row.options.sixteen_bits = true;
  const auto bytes = row.shown();
  ASSERT_EQ(bytes.size(), 6U);
  std::uint16_t middle = 0;
  std::memcpy(&middle, bytes.data() + 2, 2);
  EXPECT_EQ(middle, 32768);
}

TEST(Render, AViewportCutsFlipsAndScales) {
  Row row({0, 50, 100, 255}, 8);
  row.options.window = Window{128, 256, VoiFunction::kLinear};
  Viewport view;
  view.width = 2;
  view.height = 2;
  row.options.viewport = view;
  EXPECT_THAT(row.shown(), ElementsAre(25, 178));  // 4 x 1 fits in 2 x 2 as 2 x 1
  view.width = view.height = 4;
  view.part_width = 4;
  view.flip_x = true;
  row.options.viewport = view;
  EXPECT_THAT(row.shown(), ElementsAre(255, 100, 50, 0));
  view.flip_x = false;
  view.x = 1;
  view.part_width = 2;
  view.part_height = 1;
  view.width = 2;
  row.options.viewport = view;
  EXPECT_THAT(row.shown(), ElementsAre(50, 100));
  view.x = 3;
  row.options.viewport = view;
  const auto refused = row.render();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalid);
}

TEST(Render, PixelsThatAreNoPictureAreRefused) {
  Row four({0, 0, 0, 0}, 8);
  four.colour(4, "CMYK");
  EXPECT_EQ(four.render().error().kind(), ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace gantry::pixels

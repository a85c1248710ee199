#include "gantry/pixels/presentation/render_presented.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gantry/pixels/presentation/presentation_test_support.hpp"

namespace gantry::pixels {
namespace {

using dicom::Vr;
using test::area;
using test::floats;
using test::Image;
using test::Made;
using test::reference;
using test::sequence;
using test::state_set;
using test::table;
using test::text;
using test::words;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint8_t> shown(const Image& image, const Made& state, const RenderOptions& options = {}) {
  const auto picture = test::render(image, state, options);
  EXPECT_TRUE(picture) << picture.error().detail();
  return picture ? picture->bytes : std::vector<std::uint8_t>();
}

RenderOptions sized(std::uint32_t width, std::uint32_t height) {
  RenderOptions options;
  options.viewport.emplace();
  options.viewport->width = width;
  options.viewport->height = height;
  return options;
}

TEST(PresentedGrey, WhatTheStateLacksIsTheIdentityWhateverTheImageSays) {
  Image image(4, 1, {0, 64, 128, 255});
  image.frame.shape.photometric = "MONOCHROME1";
  image.set.put({0x0028, 0x1052}, text(Vr::kDS, "-1000")).put({0x0028, 0x1050}, text(Vr::kDS, "10"));
  image.set.put({0x0028, 0x1051}, text(Vr::kDS, "20"));
  EXPECT_THAT(shown(image, state_set()), ElementsAre(0, 64, 128, 255));
}

TEST(PresentedGrey, BitsStoredSayWhatWhiteIs) {
  Image image(2, 1, {}, 1);
  image.frame.shape.bits_allocated = 16;
  image.frame.shape.bits_stored = 12;
  image.frame.shape.high_bit = 11;
  image.frame.bytes = std::string("\xFF\x0F\x00\x08", 4);
  EXPECT_THAT(shown(image, state_set()), ElementsAre(255, 128));
  image.frame.shape.is_signed = true;  // -1 of -2048 to 2047, and -2048
  EXPECT_THAT(shown(image, state_set()), ElementsAre(127, 0));
}

TEST(PresentedGrey, RescalingComesBeforeTheWindow) {
  Made voi;
  voi.put({0x0028, 0x1050}, text(Vr::kDS, "100")).put({0x0028, 0x1051}, text(Vr::kDS, "200"));
  voi.code({0x0028, 0x1056}, "LINEAR_EXACT");
  Made state = state_set();
  state.put({0x0028, 0x1052}, text(Vr::kDS, "-100")).put({0x0028, 0x1053}, text(Vr::kDS, "2"));
  state.put({0x0028, 0x3110}, sequence({voi}));
  EXPECT_THAT(shown(Image(3, 1, {50, 100, 150}), state), ElementsAre(0, 128, 255));
}

TEST(PresentedGrey, TablesFollowEachOther) {
  Made state = state_set();
  state.put({0x0028, 0x3000}, sequence({table({4, 0, 8}, {3, 2, 1, 0})}));  // turns values round
  Made voi;
  voi.put({0x0028, 0x3010}, sequence({table({4, 0, 8}, {0, 51, 102, 255})}));
  state.put({0x0028, 0x3110}, sequence({voi}));
  state.attributes.erase(dicom::Tag(0x2050, 0x0020).value());
  state.put({0x2050, 0x0010}, sequence({table({256, 0, 8}, {})}));
  auto& lut = state.attributes[dicom::Tag(0x2050, 0x0010).value()].items.front();
  auto& entries = lut.attributes[dicom::Tag(0x0028, 0x3006).value()].bytes;
  for (int i = 0; i < 256; ++i) entries += {static_cast<char>(255 - i), '\0'};  // the inverse, as a table
  EXPECT_THAT(shown(Image(4, 1, {0, 1, 2, 3}), state), ElementsAre(0, 153, 204, 255));
}

TEST(PresentedGrey, TheVoiLutIsThatOfTheImageAndItsFrame) {
  const auto window = [](const char* center, std::vector<AttributeItem> images) {
    Made voi;
    voi.put({0x0028, 0x1050}, text(Vr::kDS, center)).put({0x0028, 0x1051}, text(Vr::kDS, "1"));
    voi.put({0x0008, 0x1140}, sequence(std::move(images)));
    return voi;
  };
  Made state = state_set();
  state.put({0x0028, 0x3110},
            sequence({window("10", {reference("9.9")}), window("20", {reference(test::kImage, "2\\3")}),
                      window("200", {reference()})}));
  const Image image(3, 1, {15, 30, 250});
  EXPECT_THAT(test::render(image, state, {}, nullptr, 1)->bytes, ElementsAre(0, 0, 255));
  EXPECT_THAT(test::render(image, state, {}, nullptr, 3)->bytes, ElementsAre(0, 255, 255));
}

TEST(PresentedGrey, InverseAndSixteenBits) {
  Made state = state_set();
  state.code({0x2050, 0x0020}, "INVERSE");
  EXPECT_THAT(shown(Image(2, 1, {0, 255}), state), ElementsAre(255, 0));
  RenderOptions options;
  options.sixteen_bits = true;
  const auto wide = test::render(Image(1, 1, {255}), state_set(), options);
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->bits, 16U);
  EXPECT_THAT(wide->bytes, ElementsAre(255, 255));
}

TEST(PresentedGrey, PseudoColourUsesTheStatesPalette) {
  Made state = state_set("1.2.840.10008.5.1.4.1.1.11.3");
  for (const std::uint16_t element : {0x1101, 0x1102, 0x1103}) state.put({0x0028, element}, words({2, 0, 16}));
  state.put({0x0028, 0x1201}, words({0, 0xFF00})).put({0x0028, 0x1202}, words({0xFF00, 0}));
  state.put({0x0028, 0x1203}, words({0x8000, 0x4000}));
  EXPECT_THAT(shown(Image(2, 1, {0, 255}), state), ElementsAre(0, 255, 128, 255, 0, 64));
}

TEST(PresentedColour, ColoursStayAndAreTurned) {
  Made state = state_set("1.2.840.10008.5.1.4.1.1.11.2");
  state.put({0x0070, 0x0042}, words({180}));
  EXPECT_THAT(shown(Image(2, 1, {1, 2, 3, 4, 5, 6}, 3), state), ElementsAre(4, 5, 6, 1, 2, 3));
}

// The image is
//   1 2 3
//   4 5 6
const Image kNumbered(3, 2, {1, 2, 3, 4, 5, 6});

TEST(PresentedSpace, TurnsClockwiseAndFlipsAfterwards) {
  Made state = state_set();
  const auto turned = [&](int degrees, const char* flip) {
    state.put({0x0070, 0x0042}, words({degrees})).code({0x0070, 0x0041}, flip);
    return shown(kNumbered, state);
  };
  EXPECT_THAT(turned(0, "N"), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(turned(90, "N"), ElementsAre(4, 1, 5, 2, 6, 3));
  EXPECT_THAT(turned(180, "N"), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(turned(270, "N"), ElementsAre(3, 6, 2, 5, 1, 4));
  EXPECT_THAT(turned(0, "Y"), ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(turned(90, "Y"), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(turned(180, "Y"), ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(turned(270, "Y"), ElementsAre(6, 3, 5, 2, 4, 1));
}

TEST(PresentedSpace, TheDisplayedAreaIsOfTheImageBeforeItWasTurned) {
  Made state = state_set();
  state.put({0x0070, 0x005A}, sequence({area({2, 1}, {3, 2})}));
  EXPECT_THAT(shown(kNumbered, state), ElementsAre(2, 3, 5, 6));
  state.put({0x0070, 0x0042}, words({90}));
  // The top left corner of the turned area is the pixel in column 2, row 2.
  state.put({0x0070, 0x005A}, sequence({area({2, 2}, {3, 1})}));
  EXPECT_THAT(shown(kNumbered, state), ElementsAre(5, 2, 6, 3));
}

TEST(PresentedSpace, BeyondTheImageItIsBlack) {
  Made state = state_set();
  state.put({0x0070, 0x005A}, sequence({area({0, 1}, {4, 3})}));
  EXPECT_THAT(shown(kNumbered, state), ElementsAre(0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0));
  state.put({0x0070, 0x005A}, sequence({area({10, 10}, {11, 11})}));
  EXPECT_THAT(shown(kNumbered, state), ElementsAre(0, 0, 0, 0));
}

TEST(PresentedSpace, FitsTheViewportOrIsMagnifiedAndCut) {
  Made state = state_set();
  state.put({0x0070, 0x005A}, sequence({area({1, 1}, {2, 2})}));
  auto picture = test::render(kNumbered, state, sized(8, 6));
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->width, 6U);
  EXPECT_EQ(picture->height, 6U);

  Made magnified = area({1, 1}, {3, 2}, "MAGNIFY");
  magnified.put({0x0070, 0x0103}, floats({2}));
  state.put({0x0070, 0x005A}, sequence({magnified}));
  picture = test::render(kNumbered, state);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->width, 6U);
  EXPECT_EQ(picture->height, 4U);
  picture = test::render(kNumbered, state, sized(2, 2));  // the middle pixels: half of 2 and 5
  ASSERT_TRUE(picture);
  EXPECT_THAT(picture->width, 2U);
  EXPECT_THAT(picture->height, 2U);
  picture = test::render(kNumbered, state, sized(100, 100));
  EXPECT_EQ(picture->width, 6U);
}

TEST(PresentedSpace, PixelsThatAreNotSquareBecomeSo) {
  Made high = area({1, 1}, {3, 2});
  high.put({0x0070, 0x0102}, text(Vr::kIS, "2\\1"));
  Made state = state_set();
  state.put({0x0070, 0x005A}, sequence({high}));
  auto picture = test::render(kNumbered, state);
  EXPECT_EQ(picture->width, 3U);
  EXPECT_EQ(picture->height, 4U);
  state.put({0x0070, 0x0042}, words({90}));
  picture = test::render(kNumbered, state);
  EXPECT_EQ(picture->width, 4U);
  EXPECT_EQ(picture->height, 3U);
  Made wide = area({1, 1}, {3, 2});
  wide.put({0x0070, 0x0101}, text(Vr::kDS, "0.5\\1.0"));
  state.put({0x0070, 0x0042}, words({0})).put({0x0070, 0x005A}, sequence({wide}));
  picture = test::render(kNumbered, state);
  EXPECT_EQ(picture->width, 6U);
  EXPECT_EQ(picture->height, 2U);
}

TEST(PresentedSpace, AnAreaWithoutAnEndIsRefused) {
  Made state = state_set();
  state.put({0x0070, 0x005A}, sequence({area({-8000000, -8000000}, {8000000, 8000000})}));
  EXPECT_EQ(test::render(kNumbered, state).error().kind(), ErrorKind::kTooLarge);
  EXPECT_TRUE(test::render(kNumbered, state, sized(10, 10)));
}

const Image kWhite(4, 3, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});

TEST(PresentedShutter, HidesWhatLiesOutsideOfARectangle) {
  Made state = state_set();
  state.code({0x0018, 0x1600}, "RECTANGULAR").put({0x0018, 0x1602}, text(Vr::kIS, "2"));
  state.put({0x0018, 0x1604}, text(Vr::kIS, "3")).put({0x0018, 0x1606}, text(Vr::kIS, "2"));
  state.put({0x0018, 0x1608}, text(Vr::kIS, "2")).put({0x0018, 0x1622}, words({0x8000}));
  EXPECT_THAT(shown(kWhite, state), ElementsAre(128, 128, 128, 128, 128, 255, 255, 128, 128, 128, 128, 128));
}

TEST(PresentedShutter, AllShapesCountTogether) {
  Made state = state_set();
  state.code({0x0018, 0x1600}, "CIRCULAR\\POLYGONAL");
  state.put({0x0018, 0x1610}, text(Vr::kIS, "2\\2")).put({0x0018, 0x1612}, text(Vr::kIS, "1"));
  EXPECT_FALSE(test::render(kWhite, state));  // a polygon without vertices
  state.code({0x0018, 0x1600}, "CIRCULAR");
  EXPECT_THAT(shown(kWhite, state), ElementsAre(0, 255, 0, 0, 255, 255, 255, 0, 0, 255, 0, 0));
  state.code({0x0018, 0x1600}, "CIRCULAR\\POLYGONAL");
  state.put({0x0018, 0x1620}, text(Vr::kIS, "1\\1\\1\\4\\2\\4\\2\\1"));  // rows 1 and 2
  EXPECT_THAT(shown(kWhite, state), ElementsAre(0, 255, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0));
}

Made overlay(Made state, std::uint16_t group, std::initializer_list<char> bits) {
  state.put({group, 0x0010}, words({3})).put({group, 0x0011}, words({4}));
  state.put({group, 0x3000}, {Vr::kOW, std::string(bits), {}});
  return state;
}

TEST(PresentedShutter, ABitmapHidesWhatIsSet) {
  Made state = overlay(state_set(), 0x6000, {'\x0F', '\x08'});
  state.code({0x0018, 0x1600}, "BITMAP").put({0x0018, 0x1623}, words({0x6000}));
  EXPECT_THAT(shown(kWhite, state), ElementsAre(0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 0));
  state.attributes.erase(dicom::Tag(0x6000, 0x3000).value());
  EXPECT_EQ(test::render(kWhite, state).error().kind(), ErrorKind::kUnsupported);
}

TEST(PresentedOverlays, OnlyTheActivatedOnesAreDrawnInTheInkOfTheirLayer) {
  Image image(4, 3, {});
  Made with = overlay(Made(image.set), 0x6000, {'\x01', 0});
  with = overlay(with, 0x6002, {'\x02', 0});
  image.set = with;
  Made layer;
  layer.code({0x0070, 0x0002}, "MARKS")
      .put({0x0070, 0x0062}, text(Vr::kIS, "1"))
      .put({0x0070, 0x0066}, words({0xFFFF / 2}));
  Made state = overlay(state_set(), 0x6004, {'\x04', 0});
  state.put({0x0070, 0x0060}, sequence({layer})).code({0x6002, 0x1001}, "MARKS").code({0x6004, 0x1001}, "MARKS");
  EXPECT_THAT(shown(image, state), ElementsAre(0, 127, 127, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

Made graphic(const std::string& type, std::initializer_list<float> points, const std::string& units = "PIXEL") {
  Made object;
  object.code({0x0070, 0x0005}, units).code({0x0070, 0x0023}, type).put({0x0070, 0x0022}, floats(points));
  return object;
}

Made with_graphics(std::vector<AttributeItem> graphics, std::vector<AttributeItem> images = {}) {
  Made annotation;
  annotation.code({0x0070, 0x0002}, "LAYER").put({0x0070, 0x0009}, sequence(std::move(graphics)));
  if (!images.empty()) annotation.put({0x0008, 0x1140}, sequence(std::move(images)));
  Made state = state_set();
  state.put({0x0070, 0x0001}, sequence({annotation}));
  return state;
}

TEST(PresentedGraphics, ALineCoversThePixelsUnderIt) {
  const Image dark(5, 3, {});
  EXPECT_THAT(shown(dark, with_graphics({graphic("POLYLINE", {0, 1.5, 5, 1.5})})),
              ElementsAre(0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0));
  // The same by parts of the displayed area.
  EXPECT_THAT(shown(dark, with_graphics({graphic("POLYLINE", {0, 0.5, 1, 0.5}, "DISPLAY")})),
              ElementsAre(0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0));
}

TEST(PresentedGraphics, FollowTheImageWhenItIsTurned) {
  Made state = with_graphics({graphic("POLYLINE", {0, 0.5, 5, 0.5})});  // along the first row
  state.put({0x0070, 0x0042}, words({90}));
  EXPECT_THAT(shown(Image(5, 2, {}), state), ElementsAre(0, 255, 0, 255, 0, 255, 0, 255, 0, 255));
}

TEST(PresentedGraphics, ClosedShapesAreFilledWhereTheyAskForIt) {
  Made square = graphic("POLYLINE", {1, 1, 4, 1, 4, 4, 1, 4, 1, 1});
  square.code({0x0070, 0x0024}, "Y");
  auto bytes = shown(Image(5, 5, {}), with_graphics({square}));
  EXPECT_EQ(bytes[2 * 5 + 2], 255);
  EXPECT_EQ(bytes[1 * 5 + 3], 255);
  Made circle = graphic("CIRCLE", {50, 50, 90, 50});
  bytes = shown(Image(101, 101, {}), with_graphics({circle}));
  EXPECT_EQ(bytes[50 * 101 + 50], 0);
  EXPECT_GT(bytes[50 * 101 + 89], 100);
  EXPECT_GT(bytes[10 * 101 + 50], 100);  // around y = 10
  EXPECT_EQ(bytes[0], 0);
  const auto ellipse = graphic("ELLIPSE", {10, 50, 90, 50, 50, 30, 50, 70});
  bytes = shown(Image(101, 101, {}), with_graphics({ellipse}));
  EXPECT_GT(bytes[30 * 101 + 50], 100);
  EXPECT_GT(bytes[50 * 101 + 10], 100);
  EXPECT_EQ(bytes[11 * 101 + 50], 0);
}

TEST(PresentedGraphics, AreOnlyOnTheirImages) {
  const Image dark(5, 3, {});
  EXPECT_THAT(shown(dark, with_graphics({graphic("POLYLINE", {0, 1, 5, 1})}, {reference("9.9")})), Each(0));
}

TEST(PresentedGraphics, TooMuchOfThemIsRefused) {
  Made scribble = graphic("POLYLINE", {});
  std::string& bytes = scribble.attributes[dicom::Tag(0x0070, 0x0022).value()].bytes;
  for (int i = 0; i < 100'000; ++i) {
    const float point[2] = {i % 2 == 0 ? 0.0F : 1000.0F, static_cast<float>(i % 1000)};
    bytes.append(reinterpret_cast<const char*>(point), 8);
  }
  const auto refused = test::render(Image(1000, 1000, {}), with_graphics({scribble}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kTooLarge);
}

Made with_text(std::initializer_list<float> first, std::initializer_list<float> last) {
  Made object;
  object.code({0x0070, 0x0003}, "PIXEL").put({0x0070, 0x0006}, text(Vr::kST, "Text"));
  object.put({0x0070, 0x0010}, floats(first)).put({0x0070, 0x0011}, floats(last)).code({0x0070, 0x0012}, "LEFT");
  Made annotation;
  annotation.code({0x0070, 0x0002}, "LAYER").put({0x0070, 0x0008}, sequence({object}));
  Made state = state_set();
  state.put({0x0070, 0x0001}, sequence({annotation}));
  return state;
}

/// Pixels that are written on in each quarter of a picture: top left, top right, bottom left, bottom right.
std::array<int, 4> written(const Made& state) {
  const auto font = TextFont::load(usual_font_files());
  EXPECT_TRUE(font);
  const auto picture = test::render(Image(200, 200, {}), state, {}, font->get());
  EXPECT_TRUE(picture) << picture.error().detail();
  std::array<int, 4> quarters{};
  for (std::uint32_t y = 0; y < picture->height; ++y) {
    for (std::uint32_t x = 0; x < picture->width; ++x) {
      if (picture->bytes[y * picture->width + x] > 128) ++quarters[(y >= 100 ? 2 : 0) + (x >= 100 ? 1 : 0)];
    }
  }
  return quarters;
}

TEST(PresentedTexts, StandInTheirBoxHoweverTheImageIsTurned) {
  using ::testing::Gt;
  Made state = with_text({10, 10}, {90, 40});
  EXPECT_THAT(written(state), ElementsAre(Gt(100), 0, 0, 0));
  state.put({0x0070, 0x0042}, words({90}));
  EXPECT_THAT(written(state), ElementsAre(0, Gt(100), 0, 0));
  state.put({0x0070, 0x0042}, words({180}));
  EXPECT_THAT(written(state), ElementsAre(0, 0, 0, Gt(100)));
  state.put({0x0070, 0x0042}, words({270}));
  EXPECT_THAT(written(state), ElementsAre(0, 0, Gt(100), 0));
  state.put({0x0070, 0x0042}, words({0})).code({0x0070, 0x0041}, "Y");
  EXPECT_THAT(written(state), ElementsAre(0, Gt(100), 0, 0));
}

TEST(PresentedTexts, WithoutFontsAreRefused) {
  EXPECT_EQ(test::render(kWhite, with_text({1, 1}, {3, 3})).error().kind(), ErrorKind::kUnsupported);
}

TEST(PresentedState, WhatCantBeAppliedIsRefusedWithItsReason) {
  const auto reason = [](const Made& state) {
    const auto refused = test::render(kNumbered, state);
    EXPECT_FALSE(refused);
    return refused ? std::string() : refused.error().detail();
  };
  EXPECT_THAT(reason(state_set("1.2.840.10008.5.1.4.1.1.11.4")), HasSubstr("SOP Class"));
  Made masked = state_set();
  masked.put({0x0028, 0x6100}, sequence({Made()}));
  EXPECT_THAT(reason(masked), HasSubstr("masks"));
  Made turned = state_set();
  turned.put({0x0070, 0x0042}, words({45}));
  EXPECT_THAT(reason(turned), HasSubstr("quarters"));
  Made voi;
  voi.put({0x0028, 0x3010}, sequence({Made()}));
  Made broken = state_set();
  broken.put({0x0028, 0x3110}, sequence({voi}));
  EXPECT_THAT(reason(broken), HasSubstr("VOI LUT"));
  EXPECT_THAT(reason(with_graphics({graphic("ARROW", {1, 1})})), HasSubstr("ARROW"));
  EXPECT_THAT(reason(with_graphics({graphic("CIRCLE", {1, 1})})), HasSubstr("too few points"));
  Made nothing = state_set();
  nothing.attributes.erase(dicom::Tag(0x0008, 0x1115).value());
  EXPECT_THAT(reason(nothing), HasSubstr("names no images"));
}

TEST(PresentedState, IsOnlyForItsImages) {
  const auto state = test::parsed(state_set());
  ASSERT_TRUE(state);
  EXPECT_EQ(render_presented(kNumbered.frame, kNumbered.attributes(), "1.1", 1, *state, nullptr, {}).error().kind(),
            ErrorKind::kInvalid);
}

TEST(PresentedState, KnowsItsFrames) {
  Made state = state_set();
  EXPECT_EQ(test::parsed(state)->frames_of(test::kImage), std::nullopt);
  Made series;
  series.put({0x0008, 0x1140},
             sequence({reference(test::kImage, "3\\1"), reference("9.9"), reference(test::kImage, "7")}));
  state.put({0x0008, 0x1115}, sequence({series}));
  const auto parsed = test::parsed(state);
  EXPECT_THAT(*parsed->frames_of(test::kImage), ElementsAre(1, 3, 7));
  EXPECT_NE(parsed->find(test::kImage, 7), nullptr);
  EXPECT_EQ(parsed->find(test::kImage, 2), nullptr);
}

TEST(PresentedState, CielabIsSrgb) {
  EXPECT_THAT(rgb_of_cielab({65535, 0x8080, 0x8080}), ElementsAre(255, 255, 255));
  EXPECT_THAT(rgb_of_cielab({0, 0x8080, 0x8080}), ElementsAre(0, 0, 0));
  // Red of sRGB is L* 54.29, a* 80.82, b* 69.91 against D50.
  const auto red = rgb_of_cielab({static_cast<std::uint16_t>(54.29 / 100 * 65535),
                                  static_cast<std::uint16_t>((80.82 + 128) / 255 * 65535),
                                  static_cast<std::uint16_t>((69.91 + 128) / 255 * 65535)});
  EXPECT_NEAR(red[0], 255, 1);
  EXPECT_NEAR(red[1], 0, 3);
  EXPECT_NEAR(red[2], 0, 3);
}

}  // namespace
}  // namespace gantry::pixels

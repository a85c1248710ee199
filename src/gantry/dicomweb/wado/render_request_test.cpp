#include "gantry/dicomweb/wado/render_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::dicomweb::wado {
namespace {

using ::testing::HasSubstr;
using pixels::VoiFunction;

TEST(RenderRequest, AWindowHasThreeParts) {
  const auto request = parse_render_request({{"window", "40,400,sigmoid"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->options.window->center, 40);
  EXPECT_EQ(request->options.window->width, 400);
  EXPECT_EQ(request->options.window->function, VoiFunction::kSigmoid);
  EXPECT_EQ(parse_render_request({{"window", "-1.5,2,linear-exact"}})->options.window->function,
            VoiFunction::kLinearExact);
  for (const char* wrong : {"", "40", "40,400", "40,0,linear", "40,-1,linear", "a,400,linear", "40,400,cubic",
                            "40,400,linear,1", "nan,400,linear"}) {
    const auto refused = parse_render_request({{"window", wrong}});
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalid);
    EXPECT_THAT(refused.error().detail(), HasSubstr("window=40,400,linear"));
  }
}

TEST(RenderRequest, AViewportMayLeaveOutItsRegionAndFlipIt) {
  auto request = parse_render_request({{"viewport", "256,128"}});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->options.viewport->width, 256U);
  EXPECT_EQ(request->options.viewport->height, 128U);
  EXPECT_FALSE(request->options.viewport->x);
  request = parse_render_request({{"viewport", "256,128,,,-10,20"}});
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->options.viewport->x);
  EXPECT_EQ(request->options.viewport->part_width, 10);
  EXPECT_TRUE(request->options.viewport->flip_x);
  EXPECT_FALSE(request->options.viewport->flip_y);
  for (const char* wrong : {"", "256", "0,10", "10,-1", "1.5,10", "10,10,a", "10,10,1,1,1,1,1", "99999,10"}) {
    EXPECT_FALSE(parse_render_request({{"viewport", wrong}})) << wrong;
  }
}

TEST(RenderRequest, AnnotationsAreKeywordsAndUnknownOnesAreSaid) {
  const auto request = parse_render_request({{"annotation", "patient,technique"}});
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->patient);
  EXPECT_TRUE(request->technique);
  EXPECT_TRUE(request->warnings.empty());
  const auto unknown = parse_render_request({{"annotation", "technique,referrer,x"}});
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->patient);
  EXPECT_THAT(unknown->warnings,
              ::testing::ElementsAre("The following annotation values are not supported: referrer,x"));
  for (const char* wrong : {"", ",", "patient,", "pa tient", "patient\r\nX: y"}) {
    const auto refused = parse_render_request({{"annotation", wrong}});
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().kind(), ErrorKind::kInvalid);
  }
}

TEST(RenderRequest, ProfilesAreThoseOfTheStandard) {
  const auto of = [](const char* value) { return *parse_render_request({{"iccprofile", value}}); };
  EXPECT_FALSE(of("no").icc_profile);
  EXPECT_TRUE(of("yes").icc_profile);
  EXPECT_FALSE(of("yes").colours);
  EXPECT_EQ(of("srgb").colours, pixels::ColourSpace::kSrgb);
  EXPECT_EQ(of("adobergb").colours, pixels::ColourSpace::kAdobeRgb);
  EXPECT_EQ(of("rommrgb").colours, pixels::ColourSpace::kRommRgb);
  for (const char* wrong : {"", "sRGB", "display-p3"}) {
    const auto refused = parse_render_request({{"iccprofile", wrong}});
    ASSERT_FALSE(refused) << wrong;
    EXPECT_THAT(refused.error().detail(), HasSubstr("rommrgb"));
  }
}

TEST(RenderRequest, StatesSayTheirWindowsAndAreasThemselves) {
  const auto allowed = [](const http::QueryPairs& query) { return check_beside_state(*parse_render_request(query)); };
  EXPECT_TRUE(allowed({{"viewport", "10,10"}, {"annotation", "patient"}}));
  EXPECT_FALSE(allowed({{"window", "40,400,linear"}}));
  EXPECT_FALSE(allowed({{"viewport", "10,10,,,5,5"}}));
  EXPECT_FALSE(check_beside_state(*parse_uri_render_request({{"region", "0,0,1,1"}})));
}

TEST(RenderRequest, DifferentPicturesHaveDifferentNames) {
  const auto name = [](const http::QueryPairs& query) { return parse_render_request(query)->canonical(); };
  EXPECT_EQ(name({}), name({{"something", "else"}}));
  EXPECT_NE(name({}), name({{"quality", "50"}}));
  EXPECT_NE(name({{"viewport", "10,10,0,0,5,5"}}), name({{"viewport", "10,10,0,0,-5,5"}}));
  EXPECT_NE(name({{"window", "1,2,linear"}}), name({{"window", "1,2,sigmoid"}}));
  EXPECT_NE(name({{"annotation", "patient"}}), name({{"annotation", "technique"}}));
  EXPECT_NE(name({{"iccprofile", "yes"}}), name({{"iccprofile", "srgb"}}));
  EXPECT_NE(name({{"iccprofile", "srgb"}}), name({{"iccprofile", "adobergb"}}));
}

TEST(RenderRequest, WadoUriSaysItInOtherWords) {
  const auto request =
      parse_uri_render_request({{"windowCenter", "40"}, {"windowWidth", "400"}, {"rows", "100"}, {"region", "0.5,0,1,0.5"}});
  ASSERT_TRUE(request);
  const auto options = options_for(*request, 200, 400);
  EXPECT_EQ(options.window->width, 400);
  EXPECT_EQ(options.viewport->x, 100);
  EXPECT_EQ(options.viewport->part_height, 200);
  EXPECT_EQ(options.viewport->height, 100U);
  EXPECT_FALSE(parse_uri_render_request({{"windowCenter", "40"}}));
  EXPECT_FALSE(parse_uri_render_request({{"region", "0,0,2,1"}}));
  EXPECT_FALSE(parse_uri_render_request({{"rows", "0"}}));
}

}  // namespace
}  // namespace gantry::dicomweb::wado

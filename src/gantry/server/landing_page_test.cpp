#include "gantry/server/landing_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::server {
namespace {

using testing::HasSubstr;
using testing::Not;

PageFacts facts() {
  PageFacts facts;
  facts.version = "0.1.0";
  facts.service_root = "http://127.0.0.1:8080/dicom-web";
  facts.totals = index::TenantTotals{1, 2, 1234567, 5'300'000'000, 9};
  return facts;
}

TEST(LandingPage, ShowsWhatIsKeptAndHowToReachIt) {
  const std::string page = render_page(facts());
  EXPECT_THAT(page, HasSubstr("<strong>1</strong>study"));
  EXPECT_THAT(page, HasSubstr("<strong>1,234,567</strong>instances"));
  EXPECT_THAT(page, HasSubstr("<strong>5.3 GB</strong>kept"));
  EXPECT_THAT(page, HasSubstr("gantry store FOLDER --to http://127.0.0.1:8080/dicom-web"));
  EXPECT_THAT(page, HasSubstr("bulkDataURI: { enabled: true, relativeResolution: 'studies' }"))
      << "braces of examples stay";
  for (const char* name : {"{root}", "{totals}", "{version}", "{index}"}) EXPECT_THAT(page, Not(HasSubstr(name)));
}

TEST(LandingPage, EscapesEveryFact) {
  auto evil = facts();
  evil.service_root = evil.data = evil.index = "<script>\"'&{version}";
  const std::string page = render_page(evil);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;&quot;&#39;&amp;{version}")) << "a fact's text is never taken for a name";
}

TEST(LandingPage, TellsStrangersNeitherWhereNorHowMuchIsKept) {
  auto closed = facts();
  closed.data = closed.index = closed.storage = closed.cache = "/secret/place";
  closed.for_strangers = true;
  const std::string page = render_page(closed);
  EXPECT_THAT(page, Not(HasSubstr("/secret/place")));
  EXPECT_THAT(page, Not(HasSubstr("1,234,567")));
  EXPECT_THAT(page, HasSubstr("asks who you are"));
}

TEST(LandingPage, SaysWhenTheIndexDoesNotAnswer) {
  auto broken = facts();
  broken.totals.reset();
  EXPECT_THAT(render_page(broken), HasSubstr("does not answer"));
}

TEST(LandingPage, NeedsNothingThatItsPolicyForbids) {
  const std::string page = render_page(facts());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("style=")));
  EXPECT_THAT(page, Not(HasSubstr("<style")));
  EXPECT_THAT(std::string(kPagePolicy), HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace gantry::server

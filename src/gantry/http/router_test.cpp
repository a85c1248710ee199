#include "gantry/http/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Router make_router() {
  const auto route = [](Method method, std::string pattern) {
    return Route{method, pattern, Permission::kRead, pattern, {}};
  };
  return Router({route(Method::kGet, "/"), route(Method::kGet, "/studies"), route(Method::kPost, "/studies"),
                 route(Method::kGet, "/studies/{study}"), route(Method::kDelete, "/studies/{study}"),
                 route(Method::kPost, "/studies/search"), route(Method::kGet, "/studies/{study}/series/{series}"),
                 route(Method::kGet, "/studies/{id}/metadata"), route(Method::kGet, "/viewer/{path...}"),
                 route(Method::kGet, "/viewer/app.js")});
}

std::string found(const Router& router, Method method, std::string_view path) {
  const auto match = router.match(method, path);
  return match.route == nullptr ? "" : match.route->pattern;
}

TEST(Router, FindsTheMostLiteralPattern) {
  const Router router = make_router();
  EXPECT_EQ(found(router, Method::kGet, "/"), "/");
  EXPECT_EQ(found(router, Method::kGet, "/studies"), "/studies");
  EXPECT_EQ(found(router, Method::kGet, "/studies/"), "/studies");
  EXPECT_EQ(found(router, Method::kGet, "/studies/1.2"), "/studies/{study}");
  EXPECT_EQ(found(router, Method::kPost, "/studies/search"), "/studies/search");
  EXPECT_EQ(found(router, Method::kGet, "/studies/search"), "/studies/{study}") << "the literal has no GET";
  EXPECT_EQ(found(router, Method::kGet, "/viewer/app.js"), "/viewer/app.js");
  EXPECT_EQ(found(router, Method::kHead, "/studies/1/metadata"), "/studies/{id}/metadata") << "GET answers HEAD";
}

TEST(Router, NamesWhatStoodInTheBraces) {
  const Router router = make_router();
  EXPECT_THAT(router.match(Method::kGet, "/studies/1/series/2").parameters,
              ElementsAre(Pair("study", "1"), Pair("series", "2")));
  EXPECT_THAT(router.match(Method::kGet, "/studies/1/metadata").parameters, ElementsAre(Pair("id", "1")));
  EXPECT_THAT(router.match(Method::kGet, "/viewer/a/b.js").parameters, ElementsAre(Pair("path", "a/b.js")));
  EXPECT_THAT(router.match(Method::kGet, "/viewer/").parameters, ElementsAre(Pair("path", "")));
}

TEST(Router, TellsWrongMethodsFromNothing) {
  const Router router = make_router();
  EXPECT_THAT(router.match(Method::kPut, "/studies/1").allowed,
              ElementsAre(Method::kGet, Method::kHead, Method::kDelete));
  for (const char* path :
       {"/nothing", "/studies/1/series", "/studies//series/2", "//", "", "studies", "/studies/1/x/2"}) {
    const auto match = router.match(Method::kGet, path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_THAT(match.allowed, IsEmpty()) << path;
  }
}

}  // namespace
}  // namespace gantry::http

#include "gantry/server/api_description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<http::Route> table() {
  using http::Method;
  using http::Permission;
  const http::Handler none;
  std::vector<http::Route> routes{
      {Method::kPost, "/dicom-web/studies", Permission::kWrite, "Stores.", none},
      {Method::kGet, "/dicom-web/studies/{study}/bulkdata/{path...}", Permission::kRead, "A <value> & more.", none},
      {Method::kGet, "/dicom-web/studies", Permission::kRead, "Searches.", none},
      {Method::kGet, "/tenants/{tenant}/dicom-web/studies", Permission::kRead, "Searches.", none},
      {Method::kGet, "/tenants/{tenant}/{rest...}", Permission::kRead, "Nothing.", none},
  };
  routes[0].doc.consumes = {"application/dicom"};
  routes[0].doc.section = "10.5";
  routes[1].doc.query = {{"limit", "How many.", "integer"}};
  routes[1].doc.produces = {"application/octet-stream"};
  return routes;
}

http::Request options(std::string path, std::string accept = "") {
  http::Request request;
  request.method = http::Method::kOptions;
  request.path = std::move(path);
  if (!accept.empty()) request.headers.add("Accept", std::move(accept));
  return request;
}

TEST(ApiDescription, SaysEveryRouteOfTheTable) {
  const auto routes = table();
  const ApiDescription api(routes, "1.0");
  EXPECT_THAT(api.openapi(),
              HasSubstr("\"/dicom-web/studies/{study}/bulkdata/{path}\":{\"parameters\":[{\"name\":\"study\""));
  EXPECT_THAT(api.openapi(), HasSubstr("PS3.18 §10.5."));
  EXPECT_THAT(api.openapi(), HasSubstr("\"application/octet-stream\""));
  EXPECT_THAT(api.openapi(), Not(HasSubstr("{rest}"))) << "paths of nothing";
  EXPECT_THAT(api.wadl(), HasSubstr("<doc>A &lt;value> &amp; more.</doc>"));
  EXPECT_THAT(api.wadl(), HasSubstr("<param name=\"limit\" style=\"query\"/>"));
}

// PS3.18 §8.9.
TEST(ApiDescription, CapabilitiesAreOfServiceRootsAndNegotiated) {
  const auto routes = table();
  const ApiDescription api(routes, "1.0");
  for (const char* root : {"/", "/dicom-web", "/dicom-web/", "/tenants/clinic-a/dicom-web", "/tenants/x/dicom-web/"}) {
    const auto answer = api.capabilities(options(root));
    ASSERT_TRUE(answer) << root;
    EXPECT_EQ(answer->headers.get("Content-Type"), "application/vnd.sun.wadl+xml");
  }
  EXPECT_EQ(api.capabilities(options("/dicom-web", "application/json"))->headers.get("Content-Type"),
            "application/json");
  EXPECT_EQ(api.capabilities(options("/dicom-web", "image/png"))->status, 406);
  for (const char* other : {"/dicom-web/studies", "/tenants/x", "/tenants/x/y/dicom-web", "/tenants", "/healthz"}) {
    EXPECT_FALSE(api.capabilities(options(other))) << other;
  }
}

}  // namespace
}  // namespace gantry::server

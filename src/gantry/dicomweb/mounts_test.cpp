#include <algorithm>

#include "gantry/dicomweb/representation.hpp"
#include "gantry/dicomweb/read_test_support.hpp"

namespace gantry::dicomweb {
namespace {

using testing::Answer;
using testing::parts_of;

/// Answers with the root that URIs would have.
http::Route route_of(const Settings& settings, http::Permission permission, std::string pattern) {
  auto handler = [&settings](http::Request& request) -> Task<http::Response> {
    co_return http::respond(200, "text/plain", uri_root(settings, request));
  };
  return {http::Method::kGet, std::move(pattern), permission, "A route.", std::move(handler)};
}

class Mounts : public testing::ReadFixture {
 protected:
  void mount(std::vector<Mount> mounts) {
    settings_.mounts = std::move(mounts);
    const std::vector<http::Route> routes{
        route_of(settings_, http::Permission::kRead, "/dicom-web/studies/{study}"),
        route_of(settings_, http::Permission::kDelete, "/dicom-web/away"),
        route_of(settings_, http::Permission::kRead, "/wado"),
    };
    router_.emplace(mounted_routes(settings_, routes));
  }

  /// The root that an answer to `path` would have; "" when there is no such route.
  std::string root(const std::string& path) {
    const auto target = http::parse_target(path);
    if (!target) return "";
    const auto match = router_->match(http::Method::kGet, target->path);
    if (match.route == nullptr) return "";
    http::Request request;
    request.path = target->path;
    request.parameters = match.parameters;
    request.remote_address = remote_address_;
    return read(run(*match.route, request)).body;
  }

  Settings settings_;
  std::optional<http::Router> router_;
};

TEST_F(Mounts, AnswerBelowTheRootThatTheRequestNamed) {
  mount({{"/tenants/{tenant}/dicom-web"}, {"/share/{token}/dicom-web", true}});
  EXPECT_EQ(root("/tenants/clinic-a/dicom-web/studies/1.2"), "/tenants/clinic-a/dicom-web");
  EXPECT_EQ(root("/tenants/clinic-b/dicom-web/studies/1.2"), "/tenants/clinic-b/dicom-web");
  EXPECT_EQ(root("/share/s3cret/dicom-web/studies/1.2"), "/share/s3cret/dicom-web");
  EXPECT_EQ(root("/tenants/clinic-a/elsewhere/studies/1.2"), "");
  EXPECT_EQ(root("/tenants/clinic-a/wado"), "") << "what stands outside the service root is not repeated";
}

TEST_F(Mounts, KeepAParameterOneSegmentWhateverItHolds) {
  mount({{"/tenants/{tenant}/dicom-web"}});
  EXPECT_EQ(root("/tenants/a%20%22%3Cb%3E%C3%BC%25/dicom-web/studies/1"), "/tenants/a%20%22%3Cb%3E%C3%BC%25/dicom-web");
  EXPECT_EQ(root("/tenants/a%0D%0A/dicom-web/studies/1"), "") << "no path has control characters";
}

TEST_F(Mounts, HaveNoRouteThatWritesWhereOneMayOnlyRead) {
  mount({{"/tenants/{tenant}/dicom-web"}, {"/share/{token}/dicom-web", true}});
  EXPECT_EQ(root("/tenants/clinic-a/dicom-web/away"), "/tenants/clinic-a/dicom-web");
  EXPECT_EQ(root("/share/s3cret/dicom-web/away"), "");
}

TEST_F(Mounts, StandInThePlaceOfTheBasePathInAPublicUrl) {
  mount({{"/tenants/{tenant}/dicom-web"}});
  settings_.public_url = "https://pacs.example/imaging/dicom-web/";
  EXPECT_EQ(root("/tenants/a/dicom-web/studies/1"), "https://pacs.example/imaging/tenants/a/dicom-web");
  settings_.public_url = "https://pacs.example/wado-rs";
  EXPECT_EQ(root("/tenants/a/dicom-web/studies/1"), "/tenants/a/dicom-web");
}

TEST_F(Mounts, FollowWhatATrustedProxySays) {
  mount({{"/tenants/{tenant}/dicom-web"}});
  settings_.trusted_proxies = {"10.0.0.1"};
  http::Request request;
  request.mount = "/tenants/a/dicom-web";
  request.remote_address = "10.0.0.1";
  request.headers.add("X-Forwarded-Proto", "https");
  request.headers.add("X-Forwarded-Host", "pacs.example");
  EXPECT_EQ(uri_root(settings_, request), "https://pacs.example/tenants/a/dicom-web");
}

}  // namespace
}  // namespace gantry::dicomweb

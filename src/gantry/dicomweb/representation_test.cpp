#include "gantry/dicomweb/representation.hpp"

#include <gtest/gtest.h>

namespace gantry::dicomweb {
namespace {

http::Request request_from(const std::string& address,
                           std::initializer_list<std::pair<const char*, const char*>> fields) {
  http::Request request;
  request.remote_address = address;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  return request;
}

TEST(UriRoot, IsThePathAloneUnlessSomeoneTrustedKnowsBetter) {
  Settings settings;
  EXPECT_EQ(uri_root(settings, request_from("192.0.2.9", {{"Host", "pacs.example"}})), "/dicom-web");
  EXPECT_EQ(uri_root(settings,
                     request_from("192.0.2.9", {{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "https"}})),
            "/dicom-web");
}

TEST(UriRoot, BelievesTrustedProxies) {
  Settings settings;
  settings.trusted_proxies = {"10.0.0.1"};
  EXPECT_EQ(uri_root(settings, request_from("10.0.0.1", {{"X-Forwarded-Proto", "https"},
                                                         {"X-Forwarded-Host", "evil.example, pacs.example"},
                                                         {"X-Forwarded-Prefix", "/imaging/"}})),
            "https://pacs.example/imaging/dicom-web");
  EXPECT_EQ(uri_root(settings,
                     request_from("10.0.0.1", {{"Forwarded", "for=1.2.3.4;Proto=https;host=\"pacs.example:8443\""}})),
            "https://pacs.example:8443/dicom-web");
  EXPECT_EQ(uri_root(settings, request_from("10.0.0.1", {{"X-Forwarded-Host", "a\"><script>"}})), "/dicom-web");
}

TEST(UriRoot, IsThePublicUrlWhenThereIsOne) {
  Settings settings;
  settings.public_url = "https://pacs.example/dicom-web/";
  settings.trusted_proxies = {"10.0.0.1"};
  EXPECT_EQ(uri_root(settings, request_from("10.0.0.1", {{"X-Forwarded-Host", "other"}})),
            "https://pacs.example/dicom-web");
}

TEST(Etag, DependsOnEveryPartAndItsPlace) {
  EXPECT_EQ(make_etag({"a", "b"}), make_etag({"a", "b"}));
  EXPECT_NE(make_etag({"a", "b"}), make_etag({"ab", ""}));
  EXPECT_NE(make_etag({"a", "b"}), make_etag({"b", "a"}));
}

TEST(Boundary, SameEtagSameBytesOtherSecretOtherBytes) {
  EXPECT_EQ(boundary_for("\"x\"", "secret"), boundary_for("\"x\"", "secret"));
  EXPECT_NE(boundary_for("\"x\"", "secret"), boundary_for("\"x\"", "other"));
  EXPECT_NE(boundary_for("\"x\"", "secret"), boundary_for("\"y\"", "secret"));
  EXPECT_LE(boundary_for("\"x\"", "secret").size(), 70U);
}

TEST(NotModified, NamesTheTagThatTheClientHolds) {
  http::Headers headers;
  headers.add("If-None-Match", "\"other\", W/\"abc-gzip\"");
  const auto answer = not_modified(headers, "\"abc\"");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 304);
  EXPECT_EQ(answer->headers.get("ETag"), "\"abc-gzip\"");
  EXPECT_FALSE(not_modified(headers, "\"abd\"").has_value());
  EXPECT_FALSE(not_modified(http::Headers(), "\"abc\"").has_value());
}

}  // namespace
}  // namespace gantry::dicomweb

#include "gantry/dicomweb/forwarded.hpp"

#include <initializer_list>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace gantry::dicomweb {
namespace {

const std::vector<std::string> kTrusted{"10.0.0.1", "10.0.0.2", "2001:db8::1"};

/// What is believed of a request that came from 10.0.0.1, as "proto host prefix".
std::string believed(std::initializer_list<std::pair<const char*, const char*>> fields,
                     const std::string& from = "10.0.0.1") {
  http::Request request;
  request.remote_address = from;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  const auto found = forwarded_of(request, kTrusted);
  return found.proto + " " + found.host + " " + found.prefix;
}

TEST(Forwarded, IsBelievedOfTrustedProxiesAlone) {
  const std::initializer_list<std::pair<const char*, const char*>> fields = {
      {"Forwarded", "proto=https;host=pacs.example"}, {"X-Forwarded-Prefix", "/imaging"}};
  EXPECT_EQ(believed(fields), "https pacs.example /imaging");
  EXPECT_EQ(believed(fields, "192.0.2.9"), "  ");
}

TEST(Forwarded, IsReadAsRfc7239WritesIt) {
  EXPECT_EQ(believed({{"Forwarded", "for=1.2.3.4;Proto=HTTPS;host=\"pacs.example:8443\";by=10.0.0.1"}}),
            "https pacs.example:8443 ");
  EXPECT_EQ(believed({{"Forwarded", "for=\"[2001:db8::7]:4711\";host=\"[2001:db8::9]:8443\";proto=http"}}),
            "http [2001:db8::9]:8443 ");
  EXPECT_EQ(believed({{"Forwarded", "for=\"a,b;host=evil\";proto=https"}}), "https  ") << "inside quotes";
}

TEST(Forwarded, OlderFieldsSayTheSame) {
  EXPECT_EQ(
      believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "pacs.example"}, {"X-Forwarded-Prefix", "/a/b/"}}),
      "https pacs.example /a/b");
  EXPECT_EQ(
      believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "pacs.example"}, {"X-Forwarded-Port", "8443"}}),
      "https pacs.example:8443 ");
  EXPECT_EQ(
      believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "pacs.example"}, {"X-Forwarded-Port", "443"}}),
      "https pacs.example ");
  EXPECT_EQ(believed({{"X-Forwarded-Host", "pacs.example:81"}, {"X-Forwarded-Port", "8443"}}), " pacs.example:81 ");
  EXPECT_EQ(
      believed({{"Forwarded", "proto=https"}, {"X-Forwarded-Host", "pacs.example"}, {"X-Forwarded-Proto", "http"}}),
      "https pacs.example ")
      << "Forwarded counts first";
}

TEST(Forwarded, WhatTheClientMadeUpBeforeItsProxyIsNotBelieved) {
  EXPECT_EQ(believed({{"Forwarded", "host=evil.example;proto=http, for=192.0.2.7;host=pacs.example;proto=https"}}),
            "https pacs.example ");
  EXPECT_EQ(believed({{"X-Forwarded-Host", "evil.example, pacs.example"}, {"X-Forwarded-For", "192.0.2.7"}}),
            " pacs.example ");
  EXPECT_EQ(believed({{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Host", "pacs.example"}}), " pacs.example ")
      << "in a field of its own, too";
}

TEST(Forwarded, AChainOfTrustedProxiesLeadsToTheOutermost) {
  EXPECT_EQ(believed({{"Forwarded",
                       "host=evil, for=192.0.2.7;host=pacs.example;proto=https, for=10.0.0.2;host=inner;proto=http"}}),
            "https pacs.example ");
  EXPECT_EQ(believed({{"X-Forwarded-For", "6.6.6.6, 192.0.2.7, 10.0.0.2"},
                      {"X-Forwarded-Host", "evil, pacs.example, inner"},
                      {"X-Forwarded-Proto", "https"}}),
            "https pacs.example ");
  EXPECT_EQ(believed({{"Forwarded", "for=192.0.2.7;host=pacs.example, for=\"[2001:db8::1]:99\""}}), " pacs.example ");
}

TEST(Forwarded, WhatCanNotStandInAUriIsNoHost) {
  for (const char* host :
       {"", "a b", "a\"b", "evil.example/path", "user@evil.example", "evil.example#", "evil.example?x", "a\\b", "a:b",
        "a:0", "a:65536", "a:80:80", "[::1", "[evil]", "[::1]x", "<script>", "j\xC3\xA4ger", ":80", "a%2Fb"}) {
    EXPECT_FALSE(is_host(host)) << host;
    EXPECT_EQ(believed({{"X-Forwarded-Host", host}}), "  ") << host;
  }
  EXPECT_FALSE(is_host(std::string(256, 'a')));
  for (const char* host : {"pacs", "pacs.example:8080", "127.0.0.1", "[::1]", "[2001:db8::1]:8443"})
    EXPECT_TRUE(is_host(host)) << host;
}

TEST(Forwarded, WhatIsNoPathOfOursIsNoPrefix) {
  for (const char* prefix :
       {"//evil.example", "/a//b", "/../admin", "/a/./b", "imaging", "/a b", "/a?b", "/a\"", "/%2e%2e", "/"}) {
    EXPECT_EQ(believed({{"X-Forwarded-Prefix", prefix}}), "  ") << prefix;
  }
}

TEST(Forwarded, OtherSchemesAreNone) {
  for (const char* proto : {"javascript", "file", "httpss", "https://x"}) {
    EXPECT_EQ(believed({{"X-Forwarded-Proto", proto}, {"X-Forwarded-Host", "pacs.example"}}), " pacs.example ")
        << proto;
  }
}

}  // namespace
}  // namespace gantry::dicomweb

#include "gantry/http/multipart.hpp"

#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gantry::http {
namespace {

struct Part {
  std::string type;
  std::string data;
  friend bool operator==(const Part&, const Part&) = default;
};
struct Outcome {
  std::vector<Part> parts;
  bool ended = false;
  std::string error;
  ErrorKind kind = ErrorKind::kInternal;
};

/// Feeds `body` in pieces of `step` bytes (or random ones when 0), in memory of exactly that size.
Outcome read(const std::string& body, std::size_t step, std::string_view boundary = "B", MultipartLimits limits = {},
             unsigned seed = 1) {
  Outcome outcome;
  auto parser = MultipartParser::create(boundary, limits);
  if (!parser) return {{}, false, parser.error().detail(), parser.error().kind()};
  std::mt19937 random(seed);
  std::size_t at = 0;
  bool open = false;
  const auto drain = [&]() -> bool {
    for (;;) {
      auto event = parser->next();
      if (!event) {
        outcome.error = event.error().detail();
        outcome.kind = event.error().kind();
        return false;
      }
      switch (*event) {
        case MultipartParser::Event::kNeedMore: return true;
        case MultipartParser::Event::kPartBegin:
          EXPECT_FALSE(open);
          open = true;
          outcome.parts.push_back({std::string(parser->headers().get("content-type").value_or("")), ""});
          break;
        case MultipartParser::Event::kPartData:
          EXPECT_TRUE(open);
          EXPECT_FALSE(parser->data().empty());
          outcome.parts.back().data.append(reinterpret_cast<const char*>(parser->data().data()), parser->data().size());
          break;
        case MultipartParser::Event::kPartEnd:
          EXPECT_TRUE(open);
          open = false;
          break;
        case MultipartParser::Event::kEnd: outcome.ended = true; return true;
      }
    }
  };
  while (at < body.size() && !outcome.ended) {
    const auto length =
        std::min(body.size() - at, step != 0 ? step : std::uniform_int_distribution<std::size_t>(1, 40)(random));
    const std::vector<char> piece(body.begin() + static_cast<std::ptrdiff_t>(at),
                                  body.begin() + static_cast<std::ptrdiff_t>(at + length));
    parser->feed(std::as_bytes(std::span(piece)));
    if (!drain()) return outcome;
    at += length;
  }
  if (const auto finished = parser->finish(); !finished) {
    outcome.error = finished.error().detail();
    outcome.kind = finished.error().kind();
  }
  return outcome;
}

/// The same whole, in single bytes, in other steps.
Outcome read_all_ways(const std::string& body, std::string_view boundary = "B", MultipartLimits limits = {}) {
  const auto whole = read(body, body.size() + 1, boundary, limits);
  for (const std::size_t step : {1, 2, 3, 5, 7, 64}) {
    const auto cut = read(body, step, boundary, limits);
    EXPECT_EQ(cut.parts, whole.parts) << "step " << step;
    EXPECT_EQ(cut.ended, whole.ended) << "step " << step;
    EXPECT_EQ(cut.error, whole.error) << "step " << step;
  }
  return whole;
}

TEST(Multipart, GivesPartsByteForByte) {
  const auto outcome = read_all_ways(
      "--B\r\nContent-Type: a/b\r\n\r\none\r\n--B\r\nX: y\r\nContent-Type:c/d \r\n\r\n\r\ntwo\r\n\r\n--B--\r\n");
  EXPECT_TRUE(outcome.ended);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.parts, (std::vector<Part>{{"a/b", "one"}, {"c/d", "\r\ntwo\r\n"}}));
}

TEST(Multipart, TakesWhatSendersReallyWrite) {
  const std::vector<Part> one{{"a/b", "one"}};
  EXPECT_EQ(read_all_ways("\r\n--B\r\nContent-Type: a/b\r\n\r\none\r\n--B--").parts, one);  // OHIF
  EXPECT_EQ(read_all_ways("\r\n\r\n--B\r\nContent-Type: a/b\r\n\r\none\r\n--B--").parts, one);
  EXPECT_EQ(read_all_ways("preamble\r\nmore\r\n--B \t \r\nContent-Type: a/b\r\n\r\none\r\n--B--\r\nepilogue\r\n--B\r\n")
                .parts,
            one);
  EXPECT_EQ(read_all_ways("--B\r\nContent-Type: a/\r\n\tb\r\n\r\none\r\n--B--").parts,
            (std::vector<Part>{{"a/ b", "one"}}));
  EXPECT_EQ(read_all_ways("--B\r\n\r\none\r\n--B--").parts, (std::vector<Part>{{"", "one"}}));
}

TEST(Multipart, AnEmptyPartIsAPart) {
  EXPECT_EQ(read_all_ways("--B\r\nContent-Type: a/b\r\n\r\n\r\n--B--").parts, (std::vector<Part>{{"a/b", ""}}));
  EXPECT_EQ(read_all_ways("--B\r\nContent-Type: a/b\r\n\r\n--B--").parts, (std::vector<Part>{{"a/b", ""}}));
  EXPECT_EQ(read_all_ways("--B\r\n\r\n--B\r\n\r\n--B--").parts.size(), 2U);
}

TEST(Multipart, WhatOnlyLooksLikeADelimiterIsData) {
  const std::string tricky = "a--B\r\n-B\r\n--\r\n\r--B\n--B--\r\n--Bx\r\n--B-x\r\n--C\r\r\n--\r\n--B1\r\n";
  const auto outcome = read_all_ways("--B\r\n\r\n" + tricky + "\r\n--B--");
  ASSERT_EQ(outcome.parts.size(), 1U) << outcome.error;
  EXPECT_EQ(outcome.parts[0].data, tricky);
  EXPECT_EQ(read_all_ways("--B\r\n\r\nx\r\n--B-\r\n--B--").parts, (std::vector<Part>{{"", "x\r\n--B-"}}));
  EXPECT_EQ(read_all_ways("--Bx\r\n--B\r\n\r\nx\r\n--B--").parts, (std::vector<Part>{{"", "x"}}));
}

TEST(Multipart, RandomPartsComeBackUnderRandomCuts) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const std::string boundary = seed % 3 == 0   ? "B"
                                 : seed % 3 == 1 ? "--B--"
                                                 : "a-long boundary:=?" + std::to_string(seed);
    std::vector<Part> parts(std::uniform_int_distribution<std::size_t>(1, 6)(random));
    std::string body;
    for (auto& part : parts) {
      const auto length = std::uniform_int_distribution<int>(0, 200)(random);
      for (int i = 0; i < length; ++i) part.data += std::string_view("\r\n-B.")[random() % 5];
      // A sender must not use a boundary that stands in its data.
      for (auto at = part.data.find("\r\n--" + boundary); at != std::string::npos;
           at = part.data.find("\r\n--" + boundary))
        part.data[at] = 'x';
      if (part.data.starts_with("--" + boundary)) part.data[0] = 'x';
      part.type = "a/" + std::to_string(length);
      body += "\r\n--" + boundary + "\r\nContent-Type: " + part.type + "\r\n\r\n" + part.data;
    }
    body += "\r\n--" + boundary + "--\r\n";
    for (unsigned cut = 1; cut <= 5; ++cut) {
      const auto outcome = read(body, 0, boundary, {}, seed * 7 + cut);
      EXPECT_EQ(outcome.parts, parts) << "seed " << seed;
      EXPECT_TRUE(outcome.ended) << "seed " << seed << outcome.error;
    }
  }
}

TEST(Multipart, RefusesABodyWithoutPartsOrWithoutEnd) {
  for (const char* body : {"no delimiter at all", "\r\n", "--C\r\n\r\nx\r\n--C--"})
    EXPECT_NE(read_all_ways(body).error, "") << body;
  for (const char* body : {"--B", "--B\r\n", "--B\r\nA: b", "--B\r\nA: b\r\n\r\n", "--B\r\nA: b\r\n\r\ndata",
                           "--B\r\nA: b\r\n\r\ndata\r\n--B", "--B\r\nA: b\r\n\r\ndata\r\n--B-"}) {
    const auto outcome = read_all_ways(body);
    EXPECT_FALSE(outcome.ended) << body;
    EXPECT_EQ(outcome.kind, ErrorKind::kInvalid) << body;
  }
  EXPECT_TRUE(read_all_ways("--B--").ended);  // no part at all: legal syntax; the caller decides
}

TEST(Multipart, RefusesBareLineFeedsAndBrokenHeaders) {
  for (const char* body : {"--B\nA: b\n\nx\n--B--", "--B\r\nno colon\r\n\r\nx\r\n--B--", "--B\r\n: b\r\n\r\nx\r\n--B--",
                           "--B\r\nA: b\nC: d\r\n\r\nx\r\n--B--", "--B \rx", "--B x\r\n"}) {
    const auto outcome = read_all_ways(body);
    EXPECT_EQ(outcome.kind, ErrorKind::kInvalid) << body;
    EXPECT_NE(outcome.error, "") << body;
  }
}

TEST(Multipart, ABodyWithBareLineFeedsIsToldSo) {
  EXPECT_THAT(read_all_ways("--B\r\nA: b\n\ndata").error, testing::HasSubstr("not with LF alone"));
  EXPECT_THAT(read_all_ways("--B\nA: b\n\ndata\n--B--\n").error, testing::HasSubstr("not with LF alone"));
}

TEST(Multipart, StaysRefusedOnceItWas) {
  auto parser = MultipartParser::create("B", {});
  ASSERT_TRUE(parser);
  const std::string body = "--B x\r\nA: b\r\n\r\nx\r\n--B--";
  parser->feed(std::as_bytes(std::span(body)));
  const auto first = parser->next();
  ASSERT_FALSE(first);
  parser->feed(std::as_bytes(std::span(body)));
  const auto second = parser->next();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().detail(), first.error().detail());
  EXPECT_FALSE(parser->finish());
}

TEST(Multipart, EveryTruncationOfABodyIsNoticed) {
  const std::string body = "pre\r\n--B\r\nContent-Type: a/b\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B--";
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(read_all_ways(body.substr(0, length)).ended) << length;
  }
  EXPECT_TRUE(read_all_ways(body).ended);
}

TEST(Multipart, HoldsItsLimits) {
  const std::string long_header = "--B\r\nA: " + std::string(9000, 'a') + "\r\n\r\nx\r\n--B--";
  EXPECT_EQ(read_all_ways(long_header).kind, ErrorKind::kTooLarge);
  EXPECT_EQ(read_all_ways("--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B\r\n\r\n3\r\n--B--", "B", {.parts = 2}).kind,
            ErrorKind::kTooLarge);
  EXPECT_TRUE(read_all_ways("--B\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--", "B", {.parts = 2}).ended);
}

TEST(Multipart, RefusesABoundaryThatIsNone) {
  for (const std::string& boundary :
       {std::string(), std::string(71, 'b'), std::string("b "), std::string("a\"b"), std::string("a\r\nb")}) {
    EXPECT_FALSE(MultipartParser::create(boundary, {})) << boundary;
  }
  EXPECT_TRUE(MultipartParser::create(std::string(70, 'b'), {}));
}

}  // namespace
}  // namespace gantry::http

#include "gantry/http/chunked.hpp"

#include <string>

#include <gtest/gtest.h>

namespace gantry::http {
namespace {

/// Decodes `text` given in pieces of `step` bytes. "error" when it is refused; "…" at the end when more should come.
std::string decode(const std::string& text, std::size_t step) {
  ChunkedDecoder decoder;
  std::string body;
  std::size_t at = 0;
  while (at < text.size()) {
    auto piece = std::as_bytes(std::span(text).subspan(at, std::min(step, text.size() - at)));
    while (!piece.empty()) {
      const auto decoded = decoder.decode(piece);
      if (!decoded) return "error";
      body.append(reinterpret_cast<const char*>(decoded->data.data()), decoded->data.size());
      at += decoded->consumed;
      piece = piece.subspan(decoded->consumed);
      if (decoded->end) return body + "|" + text.substr(at);
    }
  }
  return body + "…";
}

TEST(ChunkedDecoder, GivesTheSameHoweverTheBytesArrive) {
  const std::string text =
      "5\r\nhello\r\n0007 ; a=b;c=\"d\"\r\n, world\r\n0;last\r\nTrailer: x\r\nOther:\ty\r\n\r\nNEXT";
  for (std::size_t step = 1; step <= text.size(); ++step) EXPECT_EQ(decode(text, step), "hello, world|NEXT") << step;
  for (std::size_t cut = 0; cut < text.size() - 4; ++cut)
    EXPECT_TRUE(decode(text.substr(0, cut), 3).ends_with("…")) << cut;
}

TEST(ChunkedDecoder, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const char* text : {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhelloX\r\n", "-5\r\nhello\r\n",
                           " 5\r\nhello", "0x5\r\nhello", "5\rhello", "\r\n", "5;a\nb\r\nhello", "1000000000000000\r\n",
                           "0\r\n X: y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\n\rX", "5_\r\n"}) {
    for (const std::size_t step : {1U, 100U}) EXPECT_EQ(decode(text, step), "error") << text;
  }
}

}  // namespace
}  // namespace gantry::http

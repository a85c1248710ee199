#include "gantry/http/chunked.hpp"

#include <algorithm>

namespace gantry::http {

namespace {

constexpr int kDigitsMax = 15;
constexpr std::size_t kExtensionBytesMax = 16 * 1024;
constexpr std::size_t kTrailerBytesMax = 8 * 1024;

int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); }

}  // namespace

Result<void> ChunkedDecoder::take(unsigned char c) {
  switch (state_) {
    case State::kSizeFirst:
    case State::kSize: {
      if (const int digit = hex_digit(c); digit >= 0) {
        if (++digits_ > kDigitsMax) return Error::invalid("a chunk size with too many digits");
        size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        state_ = State::kSize;
        return {};
      }
      if (state_ == State::kSizeFirst) return Error::invalid("a chunk without its size");
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (c == ';' || c == ' ' || c == '\t') {
        state_ = State::kExtension;
      } else {
        return Error::invalid("a chunk size that is no hexadecimal number");
      }
      return {};
    }
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
        return {};
      }
      if (!is_text(c)) return Error::invalid("a control character in a chunk extension");
      if (++extension_bytes_ > kExtensionBytesMax) return Error::invalid("chunk extensions over their limit");
      return {};
    case State::kSizeLf:
      if (c != '\n') return Error::invalid("a chunk size line that does not end in CRLF");
      state_ = size_ == 0 ? State::kTrailerFirst : State::kData;
      return {};
    case State::kDataCr:
      if (c != '\r') return Error::invalid("a chunk that is longer than its size");
      state_ = State::kDataLf;
      return {};
    case State::kDataLf:
      if (c != '\n') return Error::invalid("a chunk that is longer than its size");
      state_ = State::kSizeFirst;
      size_ = 0;
      digits_ = 0;
      return {};
    case State::kTrailerFirst:
      if (c == '\r') {
        state_ = State::kEndLf;
        return {};
      }
      if (c == ' ' || c == '\t' || c == ':') return Error::invalid("a malformed trailer field");
      state_ = State::kTrailer;
      [[fallthrough]];
    case State::kTrailer:
      if (c == '\r') {
        state_ = State::kTrailerLf;
        return {};
      }
      if (!is_text(c)) return Error::invalid("a control character in a trailer field");
      if (++trailer_bytes_ > kTrailerBytesMax) return Error::invalid("trailer fields over their limit");
      return {};
    case State::kTrailerLf:
      if (c != '\n') return Error::invalid("a trailer line that does not end in CRLF");
      state_ = State::kTrailerFirst;
      return {};
    case State::kEndLf:
      if (c != '\n') return Error::invalid("the chunked body does not end in CRLF");
      state_ = State::kEnd;
      return {};
    case State::kData:
    case State::kEnd: break;
  }
  return Error::internal("chunk data read as framing");
}

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(std::span<const std::byte> input) {
  Step step;
  while (step.consumed < input.size() && state_ != State::kEnd) {
    if (state_ == State::kData) {
      const auto left = static_cast<std::uint64_t>(input.size() - step.consumed);
      const auto take = static_cast<std::size_t>(std::min(size_, left));
      step.data = input.subspan(step.consumed, take);
      step.consumed += take;
      size_ -= take;
      if (size_ == 0) state_ = State::kDataCr;
      return step;
    }
    GANTRY_TRY(take(static_cast<unsigned char>(input[step.consumed])));
    ++step.consumed;
  }
  step.end = state_ == State::kEnd;
  return step;
}

}  // namespace gantry::http

#include "gantry/dicom/inflater.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include <zlib.h>

namespace gantry::dicom {

namespace {
constexpr std::uint64_t kRatioFrom = 1 << 20;
constexpr std::size_t kGzipTrailer = 8;  // CRC-32 and size, RFC 1952
constexpr std::size_t kTailMax = kGzipTrailer + 2;
}  // namespace

struct Inflater::State {
  explicit State(const Limits& l) : limits(l) { ready = inflateInit2(&stream, -MAX_WBITS) == Z_OK; }
  ~State() {
    if (ready) inflateEnd(&stream);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Limits limits;
  z_stream stream{};
  bool ready = false;
  bool ended = false;
  std::optional<Error> broken;  ///< said when the bytes before it were given: however the input is cut, it is the same
  std::string_view input;
  std::string tail;  // what lies behind the stream, at most kTailMax bytes of it
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::array<char, 64 * 1024> output;
};

Inflater::Inflater(const Limits& limits) : state_(std::make_unique<State>(limits)) {}
Inflater::~Inflater() = default;

void Inflater::offer(std::string_view piece) noexcept { state_->input = piece; }

Result<std::string_view> Inflater::next() {
  State& s = *state_;
  if (!s.ready) return Error::unavailable("no memory to inflate a deflated data set");
  if (s.broken) return *s.broken;
  while (!s.ended) {
    const auto take = static_cast<uInt>(std::min<std::size_t>(s.input.size(), std::numeric_limits<uInt>::max()));
    // zlib reads through a pointer that is not const, but never writes there.
    s.stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(s.input.data()));
    s.stream.avail_in = take;
    s.stream.next_out = reinterpret_cast<Bytef*>(s.output.data());
    s.stream.avail_out = static_cast<uInt>(s.output.size());
    const int status = inflate(&s.stream, Z_NO_FLUSH);
    const std::size_t used = take - s.stream.avail_in;
    const std::size_t made = s.output.size() - s.stream.avail_out;
    s.input.remove_prefix(used);
    s.bytes_in += used;
    s.bytes_out += made;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      s.broken = Error::invalid("the deflated data set is broken after " + std::to_string(s.bytes_in) +
                                " compressed bytes: " + (s.stream.msg == nullptr ? "bad stream" : s.stream.msg));
      if (made == 0) return *s.broken;
    }
    s.ended = status == Z_STREAM_END;
    if (s.bytes_out > s.limits.bytes) {
      return Error::too_large("the deflated data set has more than " + std::to_string(s.limits.bytes) + " bytes");
    }
    if (s.bytes_out > kRatioFrom && s.bytes_out / s.limits.ratio > s.bytes_in) {
      return Error::too_large("the deflated data set is more than " + std::to_string(s.limits.ratio) +
                              " times its compressed size");
    }
    if (made > 0) return std::string_view(s.output.data(), made);
    if (s.input.empty()) return std::string_view();
    if (used == 0 && !s.ended) return Error::internal("inflating makes no progress");
  }
  s.tail.append(s.input.substr(0, std::min(s.input.size(), kTailMax - s.tail.size())));
  s.input = {};
  return std::string_view();
}

Result<void> Inflater::finish() const {
  const State& s = *state_;
  if (!s.ended) return Error::invalid("truncated: the deflated data set has no end");
  // A zero byte makes the length even (PS3.5 A.5).
  if (s.tail.find_first_not_of('\0') == std::string::npos && s.tail.size() < kTailMax) return {};
  if (s.tail.size() == kGzipTrailer || s.tail.size() == kGzipTrailer + 1) {
    std::uint32_t size = 0;
    for (unsigned i = 0; i < 4; ++i) size |= std::uint32_t{static_cast<std::uint8_t>(s.tail[4 + i])} << (8 * i);
    if (size == static_cast<std::uint32_t>(s.bytes_out)) return {};
  }
  return Error::invalid("there are bytes behind the deflated data set");
}

}  // namespace gantry::dicom

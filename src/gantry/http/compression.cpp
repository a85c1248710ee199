#include "gantry/http/compression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include <zlib.h>

namespace gantry::http {

namespace {

constexpr int kLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // zlib writes a gzip wrapper
constexpr int kMemoryLevel = 8;
constexpr std::size_t kPieceBytes = 64 * 1024;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
         });
}

/// Of "q=0.5" among a coding's parameters; 1 without one. What is no number is 0.
double quality(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto semicolon = parameters.find(';');
    const std::string_view parameter = trim(parameters.substr(0, semicolon));
    if (parameter.size() > 2 && same(parameter.substr(0, 2), "q=")) {
      double value = 0;
      std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), value);
      return std::clamp(value, 0.0, 1.0);
    }
    parameters = semicolon == std::string_view::npos ? std::string_view() : parameters.substr(semicolon + 1);
  }
  return 1;
}

/// Owner of a deflate state; it must not move, since zlib keeps a pointer back to it.
class Deflater {
 public:
  Deflater() {
    ready_ = deflateInit2(&state, kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) deflateEnd(&state);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  [[nodiscard]] bool ready() const noexcept { return ready_; }

  z_stream state{};

 private:
  bool ready_ = false;
};

Error no_memory() { return Error::unavailable("no memory to compress an answer"); }

class GzipStream final : public ByteStream {
 public:
  explicit GzipStream(std::shared_ptr<ByteStream> source) : source_(std::move(source)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (!deflater_.ready()) return no_memory();
    if (done_ || into.empty()) return std::size_t{0};
    z_stream& z = deflater_.state;
    z.next_out = reinterpret_cast<Bytef*>(into.data());
    z.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), 1U << 30));
    const uInt room = z.avail_out;
    while (z.avail_out == room) {  // zlib may swallow several pieces before it gives a byte
      if (z.avail_in == 0 && !ended_) {
        piece_.resize(kPieceBytes);
        GANTRY_LET(const std::size_t got, source_->read(std::as_writable_bytes(std::span(piece_))));
        ended_ = got == 0;
        z.next_in = piece_.data();
        z.avail_in = static_cast<uInt>(got);
      }
      const int status = deflate(&z, ended_ ? Z_FINISH : Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        done_ = true;
        break;
      }
      if (status != Z_OK && status != Z_BUF_ERROR) return Error::internal("zlib failed while compressing an answer");
    }
    return static_cast<std::size_t>(room - z.avail_out);
  }

 private:
  std::shared_ptr<ByteStream> source_;
  Deflater deflater_;
  std::vector<Bytef> piece_;
  bool ended_ = false;
  bool done_ = false;
};

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) { return coding_quality(accept_encoding, "gzip") > 0; }

double coding_quality(std::string_view accept_encoding, std::string_view coding) {
  std::optional<double> named;
  std::optional<double> any;
  while (!accept_encoding.empty()) {
    const auto comma = accept_encoding.find(',');
    const std::string_view member = accept_encoding.substr(0, comma);
    const auto semicolon = member.find(';');
    std::string_view name = trim(member.substr(0, semicolon));
    const double value = semicolon == std::string_view::npos ? 1 : quality(member.substr(semicolon + 1));
    if (name.size() > 2 && same(name.substr(0, 2), "x-")) name.remove_prefix(2);  // x-gzip is gzip (RFC 9110 §8.4.1.3)
    if (same(name, coding)) named = value;
    if (name == "*") any = value;
    accept_encoding = comma == std::string_view::npos ? std::string_view() : accept_encoding.substr(comma + 1);
  }
  return named ? *named : any.value_or(0);
}

Result<std::string> gzip(std::string_view text) {
  Deflater deflater;
  if (!deflater.ready()) return no_memory();
  z_stream& z = deflater.state;
  std::string out(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) return Error::internal("zlib failed while compressing an answer");
  out.resize(z.total_out);
  return out;
}

std::shared_ptr<ByteStream> gzip_stream(std::shared_ptr<ByteStream> source) {
  return std::make_shared<GzipStream>(std::move(source));
}

}  // namespace gantry::http

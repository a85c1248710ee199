#include "gantry/http/compression.hpp"

#include <algorithm>
#include <array>
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

/// True for q=0, q=0.0, …
bool refused(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto semicolon = parameters.find(';');
    const std::string_view parameter = trim(parameters.substr(0, semicolon));
    if (parameter.size() > 2 && same(parameter.substr(0, 2), "q=")) {
      return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
    }
    parameters = semicolon == std::string_view::npos ? std::string_view() : parameters.substr(semicolon + 1);
  }
  return false;
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

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> named;
  std::optional<bool> any;
  while (!accept_encoding.empty()) {
    const auto comma = accept_encoding.find(',');
    const std::string_view member = accept_encoding.substr(0, comma);
    const auto semicolon = member.find(';');
    const std::string_view coding = trim(member.substr(0, semicolon));
    const bool wanted = semicolon == std::string_view::npos || !refused(member.substr(semicolon + 1));
    if (same(coding, "gzip") || same(coding, "x-gzip")) named = wanted;
    if (coding == "*") any = wanted;
    accept_encoding = comma == std::string_view::npos ? std::string_view() : accept_encoding.substr(comma + 1);
  }
  return named ? *named : any.value_or(false);
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

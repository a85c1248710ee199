#include "gantry/cli/http_client.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>
#include <utility>

#include <curl/curl.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gantry/base/handle.hpp"
#include "gantry/base/sha256.hpp"

namespace gantry::cli {
namespace {

using Curl = Handle<CURL, &curl_easy_cleanup>;
using CurlList = Handle<curl_slist, &curl_slist_free_all>;

constexpr std::size_t kAnswerBytesMost = 4 << 20;
constexpr long kConnectSeconds = 10;
constexpr long kStallSeconds = 60;

/// A body of three pieces: what stands before the file, the file, and what stands behind it.
struct FileBody {
  std::string head, tail;
  UniqueFd file;
  std::uint64_t file_bytes = 0;
  std::uint64_t position = 0;
  std::uint64_t moved_bytes = 0;  ///< of the file, the most so far: what is sent again after a rewind counts once
  bool shrunk = false;            ///< the file became shorter while it was sent
  const std::function<void(std::size_t)>* moved = nullptr;

  [[nodiscard]] std::uint64_t size() const { return head.size() + file_bytes + tail.size(); }
};

/// Fills `into` with the next bytes of the body, or gives CURL_READFUNC_ABORT.
std::size_t read_body(char* into, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<FileBody*>(user);
  const std::size_t room = size * count;
  const auto from_text = [&](const std::string& text, std::uint64_t at) {
    const std::size_t take = std::min<std::size_t>(room, text.size() - at);
    std::memcpy(into, text.data() + at, take);
    return take;
  };
  std::size_t got = 0;
  if (body.position < body.head.size()) {
    got = from_text(body.head, body.position);
  } else if (body.position < body.head.size() + body.file_bytes) {
    const std::uint64_t at = body.position - body.head.size();
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(room, body.file_bytes - at));
    const ssize_t result = ::pread(body.file.get(), into, want, static_cast<off_t>(at));
    if (result <= 0) {
      body.shrunk = true;
      return CURL_READFUNC_ABORT;
    }
    got = static_cast<std::size_t>(result);
    if (at + got > body.moved_bytes) (*body.moved)(at + got - std::exchange(body.moved_bytes, at + got));
  } else {
    got = from_text(body.tail, body.position - body.head.size() - body.file_bytes);
  }
  body.position += got;
  return got;
}

/// libcurl rewinds when a kept connection turned out to be closed.
int seek_body(void* user, curl_off_t offset, int origin) {
  auto& body = *static_cast<FileBody*>(user);
  if (origin != SEEK_SET || offset < 0 || static_cast<std::uint64_t>(offset) > body.size())
    return CURL_SEEKFUNC_CANTSEEK;
  body.position = static_cast<std::uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t keep_answer(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = *static_cast<HttpAnswer*>(user);
  const std::size_t bytes = size * count;
  answer.body.append(data, std::min(bytes, kAnswerBytesMost - std::min(kAnswerBytesMost, answer.body.size())));
  return bytes;
}

std::size_t keep_retry_after(char* data, std::size_t size, std::size_t count, void* user) {
  constexpr std::string_view kName = "retry-after:";
  const std::string_view line(data, size * count);
  if (line.size() > kName.size() && strncasecmp(line.data(), kName.data(), kName.size()) == 0) {
    std::string_view value = line.substr(kName.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    unsigned seconds = 0;  // a date instead of a number is left to our own back-off
    if (std::from_chars(value.data(), value.data() + value.size(), seconds).ec == std::errc()) {
      static_cast<HttpAnswer*>(user)->retry_after = std::chrono::seconds(seconds);
    }
  }
  return line.size();
}

struct LineSink {
  const std::function<void(std::string_view)>* line;
  std::string waiting;
};

std::size_t cut_lines(char* data, std::size_t size, std::size_t count, void* user) {
  auto& sink = *static_cast<LineSink*>(user);
  sink.waiting.append(data, size * count);
  std::size_t begin = 0;
  for (auto end = sink.waiting.find('\n'); end != std::string::npos; end = sink.waiting.find('\n', begin)) {
    (*sink.line)(std::string_view(sink.waiting).substr(begin, end - begin));
    begin = end + 1;
  }
  sink.waiting.erase(0, begin);
  return size * count;
}

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientSettings given) : settings(std::move(given)) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    curl.reset(curl_easy_init());
  }

  /// Options that every request has; those of the request before are forgotten, the connection is kept.
  void prepare(const std::string& url, HttpAnswer& answer) {
    curl_easy_reset(curl.get());
    error[0] = '\0';
    option(CURLOPT_URL, url.c_str());
    option(CURLOPT_ERRORBUFFER, error);
    option(CURLOPT_NOSIGNAL, 1L);
    option(CURLOPT_PROTOCOLS_STR, "http,https");
    option(CURLOPT_FOLLOWLOCATION, 0L);  // a token goes to nobody but the named server
    option(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    option(CURLOPT_LOW_SPEED_LIMIT, 1L);
    option(CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    option(CURLOPT_USERAGENT, "gantry-store");
    option(CURLOPT_WRITEFUNCTION, &keep_answer);
    option(CURLOPT_WRITEDATA, &answer);
    option(CURLOPT_HEADERFUNCTION, &keep_retry_after);
    option(CURLOPT_HEADERDATA, &answer);
    if (!settings.ca_file.empty()) option(CURLOPT_CAINFO, settings.ca_file.c_str());
    if (!settings.certificate.empty()) {
      option(CURLOPT_SSLCERT, settings.certificate.c_str());
      option(CURLOPT_SSLKEY, settings.key.empty() ? settings.certificate.c_str() : settings.key.c_str());
    }
    if (!settings.unix_socket.empty()) option(CURLOPT_UNIX_SOCKET_PATH, settings.unix_socket.c_str());
    if (!settings.token.empty()) {
      option(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      option(CURLOPT_XOAUTH2_BEARER, settings.token.c_str());
    }
  }

  void prepare_empty_post(const std::string& url, HttpAnswer& answer) {
    prepare(url, answer);
    option(CURLOPT_POST, 1L);
    option(CURLOPT_POSTFIELDS, "");
    option(CURLOPT_POSTFIELDSIZE, 0L);
    option(CURLOPT_LOW_SPEED_TIME, 0L);  // a large archive may be silent for long
  }

  template <class Value>
  void option(CURLoption name, Value value) {
    curl_easy_setopt(curl.get(), name, value);
  }

  void add_header(CurlList& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return;
    static_cast<void>(list.release());
    list.reset(longer);
  }

  Result<void> perform(HttpAnswer& answer) {
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
      std::string what = error[0] != '\0' ? error : curl_easy_strerror(code);
      switch (code) {
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE: return Error::invalid(std::move(what));
        default: return Error::unavailable(std::move(what));
      }
    }
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    return {};
  }

  const HttpClientSettings settings;
  Curl curl;
  char error[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient(HttpClientSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
HttpClient::~HttpClient() = default;

Result<HttpAnswer> HttpClient::get(const std::string& url) {
  HttpAnswer answer;
  impl_->prepare(url, answer);
  GANTRY_TRY(impl_->perform(answer));
  return answer;
}

Result<HttpAnswer> HttpClient::post_instance(const std::string& url, const std::string& path,
                                             const std::function<void(std::size_t)>& moved) {
  FileBody body;
  body.file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!body.file || ::fstat(body.file.get(), &info) != 0) {
    return Error::not_found("can't be read: " + std::string(std::strerror(errno)));
  }
  const std::string boundary = "gantry-" + random_hex(16);
  body.head = "--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n";
  body.tail = "\r\n--" + boundary + "--\r\n";
  body.file_bytes = static_cast<std::uint64_t>(info.st_size);
  body.moved = &moved;

  HttpAnswer answer;
  impl_->prepare(url, answer);
  CurlList headers;
  impl_->add_header(headers, "Content-Type: multipart/related; type=\"application/dicom\"; boundary=" + boundary);
  impl_->add_header(headers, "Accept: application/dicom+json");
  // Small files need no round trip before their body; large ones ask first, so that a refusal costs nothing.
  if (body.size() < (1 << 20)) impl_->add_header(headers, "Expect:");
  impl_->option(CURLOPT_HTTPHEADER, headers.get());
  impl_->option(CURLOPT_POST, 1L);
  impl_->option(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  impl_->option(CURLOPT_READFUNCTION, &read_body);
  impl_->option(CURLOPT_READDATA, &body);
  impl_->option(CURLOPT_SEEKFUNCTION, &seek_body);
  impl_->option(CURLOPT_SEEKDATA, &body);
  impl_->option(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  auto performed = impl_->perform(answer);
  if (!performed) {
    if (body.shrunk) return Error::not_found("can't be read to its end: it changed, or its disk failed");
    return std::move(performed).error();
  }
  return answer;
}

Result<HttpAnswer> HttpClient::post(const std::string& url) {
  HttpAnswer answer;
  impl_->prepare_empty_post(url, answer);
  GANTRY_TRY(impl_->perform(answer));
  return answer;
}

Result<HttpAnswer> HttpClient::post_for_lines(const std::string& url,
                                              const std::function<void(std::string_view)>& line) {
  HttpAnswer answer;
  LineSink sink{&line, ""};
  impl_->prepare_empty_post(url, answer);
  impl_->option(CURLOPT_WRITEFUNCTION, &cut_lines);
  impl_->option(CURLOPT_WRITEDATA, &sink);
  GANTRY_TRY(impl_->perform(answer));
  if (!sink.waiting.empty()) line(sink.waiting);
  return answer;
}

}  // namespace gantry::cli

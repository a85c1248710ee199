#include "gantry/http/server_test_support.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace gantry::http::testing {

namespace {

constexpr int kReadSeconds = 60;

void limit_reads(int fd) {
  const timeval limit{kReadSeconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

char pattern_at(std::uint64_t i) { return static_cast<char>((i * 31 + i / 251) & 0xFF); }

}  // namespace

Client::Client(std::uint16_t port, int receive_buffer, const std::function<void()>& before_connect)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (before_connect) before_connect();
  if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  limit_reads(fd_.get());
}

Client::Client(const std::string& unix_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, unix_path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << std::strerror(errno);
  limit_reads(fd_.get());
}

Client::Client(std::uint16_t port, SSL_CTX& context, SSL_SESSION* session) : Client(port) {
  tls_.reset(SSL_new(&context));
  SSL_set_fd(tls_.get(), fd_.get());
  if (session != nullptr) SSL_set_session(tls_.get(), session);
  secured_ = SSL_connect(tls_.get()) == 1;
  ERR_clear_error();
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Client::fill() {
  if (eof_) return false;
  char piece[65536];
  const ssize_t got = tls_ ? SSL_read(tls_.get(), piece, sizeof piece) : ::recv(fd_.get(), piece, sizeof piece, 0);
  if (got > 0) {
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    ADD_FAILURE() << "the server neither answered nor closed for a minute";
  }
  reset_ = got < 0 && errno == ECONNRESET;
  farewell_ = tls_ && SSL_get_error(tls_.get(), static_cast<int>(got)) == SSL_ERROR_ZERO_RETURN;
  ERR_clear_error();
  eof_ = true;
  return false;
}

std::string Client::read_some(std::size_t count) {
  while (buffer_.size() < count && fill()) {
  }
  std::string out = buffer_.substr(0, count);
  buffer_.erase(0, out.size());
  return out;
}

bool Client::ended() {
  while (fill()) {
  }
  return buffer_.empty();
}

void Client::abort() {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

void Client::finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }

Reply Client::read(bool head_only) {
  Reply reply;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return reply;
  }
  reply.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  reply.status = std::atoi(reply.head.c_str() + 9);
  std::string_view lines = reply.head;
  lines.remove_prefix(lines.find("\r\n") + 2);
  while (!lines.starts_with("\r\n")) {
    const auto stop = lines.find("\r\n");
    const auto colon = lines.find(": ");
    reply.headers.add(std::string(lines.substr(0, colon)), std::string(lines.substr(colon + 2, stop - colon - 2)));
    lines.remove_prefix(stop + 2);
  }
  if (reply.status == 100) return reply;
  if (head_only || reply.status == 204 || reply.status == 304) {
    reply.whole = true;
    return reply;
  }
  if (const auto length = reply.headers.get("Content-Length")) {
    const auto want = static_cast<std::size_t>(std::stoull(std::string(*length)));
    reply.body = read_some(want);
    reply.whole = reply.body.size() == want;
    return reply;
  }
  if (reply.headers.get("Transfer-Encoding") == "chunked") {
    for (;;) {
      while (buffer_.find("\r\n") == std::string::npos) {
        if (!fill()) return reply;
      }
      const std::size_t size = std::strtoull(buffer_.c_str(), nullptr, 16);
      buffer_.erase(0, buffer_.find("\r\n") + 2);
      reply.body += read_some(size);
      if (read_some(2) != "\r\n") return reply;
      if (size == 0) {
        reply.whole = true;
        return reply;
      }
    }
  }
  while (fill()) {
  }
  reply.body = std::move(buffer_);
  buffer_.clear();
  reply.whole = !reset_;
  return reply;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = pattern_at(i);
  return text;
}

Result<std::size_t> PatternStream::read(std::span<std::byte> into) {
  const std::uint64_t end = std::min(size_, fail_at_.value_or(size_));
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), end - at_));
  for (std::size_t i = 0; i < take; ++i) into[i] = static_cast<std::byte>(pattern_at(at_ + i));
  at_ += take;
  if (take == 0 && fail_at_ && at_ == *fail_at_ && !into.empty()) return Error::internal("the source broke");
  return take;
}

PatternFile::PatternFile(std::size_t bytes, bool with_descriptor) : size_(bytes), with_descriptor_(with_descriptor) {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder != nullptr ? folder : "/tmp") + "/gantry-http-test-XXXXXX";
  fd_ = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
  EXPECT_TRUE(static_cast<bool>(fd_));
  ::unlink(name.c_str());
  const std::string text = pattern(bytes);
  EXPECT_EQ(::pwrite(fd_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
}

Result<std::size_t> PatternFile::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
  if (got < 0) return Error::from_errno(errno, "reading");
  return static_cast<std::size_t>(got);
}

void PatternFile::make_cold() const {
  ::fdatasync(fd_.get());
  ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void PatternFile::truncate(std::size_t bytes) const { EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(bytes)), 0); }

ServerSettings quiet_settings() {
  // Both ends of every connection live in this process, and the server takes half of the descriptors at most.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 16384);
  ::setrlimit(RLIMIT_NOFILE, &files);
  ServerSettings settings;
  settings.listen = "127.0.0.1:0";
  settings.io_threads = 2;
  return settings;
}

TestServer::TestServer(std::vector<Route> routes, ServerSettings settings, ServerHooks hooks)
    : server(std::move(settings), Router(std::move(routes)), std::move(hooks), disk) {
  const auto started = server.start();
  if (!started) ADD_FAILURE() << started.error().detail();
}

Route get_route(std::string pattern_text, std::function<Response(Request&)> function) {
  Handler handler = [function = std::move(function)](Request& request) -> Task<Response> {
    co_return function(request);
  };
  return {Method::kGet, std::move(pattern_text), Permission::kPublic, "", std::move(handler)};
}

Route echo_route(std::string pattern_text, Method method) {
  Handler handler = [](Request& request) -> Task<Response> {
    auto body = co_await read_all(*request.body, 64 << 20);
    if (!body) co_return problem(body.error());
    co_return respond(200, "application/octet-stream", *std::move(body));
  };
  return {method, std::move(pattern_text), Permission::kPublic, "", std::move(handler)};
}

Route hello_route() {
  return get_route("/hello", [](Request&) { return respond(200, "text/plain", "hello"); });
}

std::uint64_t resident_bytes() {
#if defined(__SANITIZE_THREAD__)
  return 0;
#endif
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace gantry::http::testing

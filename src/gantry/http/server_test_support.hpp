#pragma once

// A real server on a free port and a client that writes and reads raw bytes, for tests of what goes over the wire.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "gantry/base/bytes.hpp"
#include "gantry/base/handle.hpp"
#include "gantry/http/server.hpp"
#include "gantry/tls/test_support.hpp"

namespace gantry::http::testing {

struct Reply {
  int status = 0;  ///< 0: the connection ended before a whole head
  std::string head;
  Headers headers;
  std::string body;
  bool whole = false;  ///< the body ended as its framing says, not with the connection

  [[nodiscard]] std::string header(std::string_view name) const { return headers.joined(name).value_or("(none)"); }
};

/// A blocking client. Reads end by themselves after a long minute, so that a hanging server fails a test.
class Client {
 public:
  /// `before_connect` runs when the socket exists.
  explicit Client(std::uint16_t port, int receive_buffer = 0, const std::function<void()>& before_connect = {});
  explicit Client(const std::string& unix_path);
  /// Over TLS; secured() says whether the handshake went well. `session` is resumed.
  Client(std::uint16_t port, SSL_CTX& context, SSL_SESSION* session = nullptr);
  [[nodiscard]] bool secured() const noexcept { return secured_; }
  [[nodiscard]] SSL* tls() const noexcept { return tls_.get(); }
  /// True when the server said that nothing follows, instead of just closing.
  [[nodiscard]] bool had_farewell() const noexcept { return farewell_; }

  /// Everything, or false when the server doesn't take it any more.
  bool send(std::string_view bytes);
  /// The next answer; `head_only` for HEAD.
  Reply read(bool head_only = false);
  Reply ask(std::string_view request) { return send(request) ? read() : read(); }
  Reply get(const std::string& target, const std::string& fields = "") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n");
  }
  /// Up to `count` bytes, fewer at the end of the stream.
  std::string read_some(std::size_t count);
  /// True when the server closed the connection (in order or by reset) and nothing was left to read.
  bool ended();
  [[nodiscard]] bool was_reset() const noexcept { return reset_; }
  /// Closes with a reset.
  void abort();
  void finish_sending();

 private:
  bool fill();

  UniqueFd fd_;
  tls::testing::Session tls_;
  std::string buffer_;
  bool eof_ = false, reset_ = false, secured_ = false, farewell_ = false;
};

/// Bytes `i * 31 + i / 251`, so that every shift shows.
std::string pattern(std::size_t size);

/// Makes `size` bytes of pattern(); `fail_at` ends it with an error, `size` may differ from what was declared.
class PatternStream final : public ByteStream {
 public:
  explicit PatternStream(std::uint64_t size, std::optional<std::uint64_t> fail_at = std::nullopt)
      : size_(size), fail_at_(fail_at) {}
  Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  std::uint64_t size_, at_ = 0;
  std::optional<std::uint64_t> fail_at_;
};

/// A file of pattern() in a temporary place, with or without a descriptor to show.
class PatternFile final : public OpenFile {
 public:
  PatternFile(std::size_t bytes, bool with_descriptor);
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  [[nodiscard]] int fd() const noexcept override { return with_descriptor_ ? fd_.get() : -1; }
  /// Drops the file's pages from memory (tmpfs keeps them).
  void make_cold() const;
  void truncate(std::size_t bytes) const;

 private:
  UniqueFd fd_;
  std::uint64_t size_;
  bool with_descriptor_;
};

/// Settings with deadlines long enough to never matter, on a free port of loopback.
ServerSettings quiet_settings();

/// A running server with the given routes; stops when it goes.
class TestServer {
 public:
  explicit TestServer(std::vector<Route> routes, ServerSettings settings = quiet_settings(), ServerHooks hooks = {});

  WorkerPool disk{"test-disk", 4, 1000};
  Server server;

  [[nodiscard]] Client connect() const { return Client(server.port()); }
};

/// A GET route with a plain function behind it.
Route get_route(std::string pattern, std::function<Response(Request&)> function);
/// A route for any method that answers with the body it got.
Route echo_route(std::string pattern, Method method = Method::kPost);
/// GET /hello answers "hello".
Route hello_route();

/// Resident memory of this process, in bytes; 0 where the thread sanitizer's shadow memory would be measured.
std::uint64_t resident_bytes();

}  // namespace gantry::http::testing

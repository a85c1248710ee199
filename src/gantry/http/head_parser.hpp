#pragma once

// A request's head from bytes to fields, as strict as RFC 9112 allows: whatever two parties could read differently is
// refused, because a proxy in front that reads it the other way is how requests are smuggled (RFC 9112 §11.2).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gantry/http/message.hpp"

namespace gantry::http {

struct HeadLimits {
  std::size_t header_bytes = 32 * 1024;  ///< request line, fields and the empty line together
  std::size_t header_count = 100;
  std::size_t line_bytes = 8 * 1024;  ///< each line but Authorization's, which may fill the block
  std::size_t url_bytes = 8 * 1024;
};

/// A 4xx or 5xx with which the connection ends.
struct Refusal {
  int status = 400;
  std::string detail;
};

struct RequestHead {
  std::string method;
  std::string target;     ///< as sent; without scheme and authority when it came in absolute form
  int minor_version = 1;  ///< HTTP/1.x
  Headers headers;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Finds a head's end in bytes that arrive in pieces, each byte looked at once, and refuses what is hopeless at once
/// instead of waiting for more of it.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  enum class Status { kNeedMore, kComplete, kRefused };
  /// `buffered` is all that arrived of this head so far.
  Status scan(std::string_view buffered);
  /// After kComplete: the head, with the empty line; and how many bytes it and empty lines before it take.
  [[nodiscard]] std::string_view head(std::string_view buffered) const { return buffered.substr(begin_, at_ - begin_); }
  [[nodiscard]] std::size_t consumed() const noexcept { return at_; }
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  /// Ready for the next head.
  void reset() noexcept;

 private:
  Status refuse(int status, std::string detail);

  HeadLimits limits_;
  std::size_t begin_ = 0;  ///< where the request line begins
  std::size_t at_ = 0;     ///< where the line in work begins
  std::size_t seen_ = 0;   ///< bytes looked at
  std::size_t lines_ = 0;
  Refusal refusal_;
};

/// Reads a whole head, as HeadScanner found it.
[[nodiscard]] std::variant<RequestHead, Refusal> parse_head(std::string_view head, const HeadLimits& limits);

}  // namespace gantry::http

#include "gantry/http/head_parser.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace gantry::http {

namespace {

constexpr std::size_t kEmptyLinesMax = 2;  // before a request line (RFC 9112 §2.2 asks to take one)
constexpr std::size_t kMethodMax = 32;

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = token_table();

bool is_token_char(char c) { return kToken[static_cast<unsigned char>(c)]; }
bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

/// Field values: visible characters, space, tab and bytes above ASCII (RFC 9110 §5.5).
bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

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

/// uri-host [":" port] (RFC 9110 §7.2), by its characters.
bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:[]%!$&'()*+,;=").find(c) != std::string_view::npos;
  });
}

Refusal bad(std::string detail) { return {400, std::move(detail)}; }

/// The fields that say where the message ends and what becomes of the connection.
class FramingFields {
 public:
  std::optional<Refusal> take(RequestHead& head, std::string_view name, std::string_view value) {
    if (same(name, "content-length")) return content_length(head, value);
    if (same(name, "transfer-encoding")) return transfer_encoding(head, value);
    if (same(name, "host")) {
      if (++hosts_ > 1) return bad("more than one Host field");
      if (!is_host(value)) return bad("Host holds characters that no host name has");
    } else if (same(name, "connection")) {
      connection(value);
    } else if (same(name, "expect")) {
      if (!same(value, "100-continue")) return Refusal{417, "the only expectation known here is 100-continue"};
      head.expects_continue = head.minor_version >= 1;
    }
    return std::nullopt;
  }

  std::optional<Refusal> finish(RequestHead& head) const {
    if (head.minor_version >= 1 && hosts_ == 0) return bad("no Host field");
    if (head.chunked && head.content_length) return bad("both Content-Length and Transfer-Encoding");
    if (head.chunked && head.minor_version == 0) return bad("Transfer-Encoding in an HTTP/1.0 request");
    head.keep_alive = !close_ && (head.minor_version >= 1 || keep_alive_);
    return std::nullopt;
  }

 private:
  static std::optional<Refusal> content_length(RequestHead& head, std::string_view value) {
    if (head.content_length) return bad("more than one Content-Length");
    if (value.empty()) return bad("an empty Content-Length");
    std::uint64_t length = 0;
    for (const char c : value) {
      if (c < '0' || c > '9') return bad("Content-Length is no plain decimal number");
      const auto digit = static_cast<std::uint64_t>(c - '0');
      if (length > (static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - digit) / 10) {
        return bad("Content-Length is beyond any number of bytes");
      }
      length = length * 10 + digit;
    }
    head.content_length = length;
    return std::nullopt;
  }

  static std::optional<Refusal> transfer_encoding(RequestHead& head, std::string_view value) {
    if (head.chunked) return bad("more than one Transfer-Encoding");
    if (!same(value, "chunked")) return Refusal{501, "the only transfer coding taken here is chunked"};
    head.chunked = true;
    return std::nullopt;
  }

  void connection(std::string_view value) {
    while (!value.empty()) {
      const auto comma = value.find(',');
      const std::string_view option = trim(value.substr(0, comma));
      if (same(option, "close")) close_ = true;
      if (same(option, "keep-alive")) keep_alive_ = true;
      value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    }
  }

  int hosts_ = 0;
  bool close_ = false;
  bool keep_alive_ = false;
};

/// Leaves the path and query of an absolute-form target (RFC 9112 §3.2.2), which servers must take too.
std::string origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !same(target.substr(0, scheme.size()), scheme)) continue;
    const auto path = target.find_first_of("/?", scheme.size());
    if (path == std::string_view::npos) return "/";
    return target[path] == '?' ? "/" + std::string(target.substr(path)) : std::string(target.substr(path));
  }
  return std::string(target);
}

std::optional<Refusal> parse_request_line(RequestHead& head, std::string_view line, const HeadLimits& limits) {
  const auto first = line.find(' ');
  if (first == std::string_view::npos) return bad("the request line has no target");
  const std::string_view method = line.substr(0, first);
  if (!is_token(method) || method.size() > kMethodMax) return bad("the method is no token");
  line.remove_prefix(first + 1);
  const auto second = line.find(' ');
  if (second == std::string_view::npos) return bad("the request line has no protocol version");
  const std::string_view target = line.substr(0, second);
  const std::string_view version = line.substr(second + 1);
  if (target.empty()) return bad("the request line has no target");
  if (target.size() > limits.url_bytes) return Refusal{414, "the target is too long"};
  if (!std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; })) {
    return bad("the target holds characters that must be percent-encoded");
  }
  if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else if (version != "HTTP/1.1") {
    const bool other = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' && version[5] >= '0' &&
                       version[5] <= '9' && version[7] >= '0' && version[7] <= '9';
    return other ? Refusal{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"}
                 : bad("the protocol version is malformed");
  }
  head.method = method;
  head.target = origin_form(target);
  const bool asterisk = head.target == "*" && head.method == "OPTIONS";
  if (head.target.front() != '/' && !asterisk) return bad("the target is no path");
  return std::nullopt;
}

}  // namespace

HeadScanner::Status HeadScanner::refuse(int status, std::string detail) {
  refusal_ = {status, std::move(detail)};
  return Status::kRefused;
}

void HeadScanner::reset() noexcept { begin_ = at_ = seen_ = lines_ = 0; }

HeadScanner::Status HeadScanner::scan(std::string_view buffered) {
  for (;;) {
    const auto newline = buffered.find('\n', seen_);
    if (newline == std::string_view::npos) {
      seen_ = buffered.size();
      const std::string_view line = buffered.substr(at_);
      if (lines_ == 0 && !line.empty() && line.front() != '\r' && !is_token_char(line.front())) {
        return refuse(400, "this is no HTTP request");  // a TLS hello, for instance
      }
      if (lines_ == 0 && line.size() > limits_.line_bytes) return refuse(414, "the request line is too long");
      if (buffered.size() - begin_ > limits_.header_bytes) return refuse(431, "the header block is too long");
      return Status::kNeedMore;
    }
    seen_ = newline + 1;
    if (newline == at_ || buffered[newline - 1] != '\r') return refuse(400, "a line ends without carriage return");
    const std::string_view line = buffered.substr(at_, newline - 1 - at_);
    at_ = newline + 1;
    if (lines_ == 0 && line.size() > limits_.line_bytes) return refuse(414, "the request line is too long");
    if (at_ - begin_ > limits_.header_bytes) return refuse(431, "the header block is too long");
    if (line.empty()) {
      if (lines_ > 0) return Status::kComplete;
      begin_ = at_;
      if (begin_ > 2 * kEmptyLinesMax) return refuse(400, "empty lines instead of a request");
      continue;
    }
    if (lines_ == 0) {
      if (!is_token_char(line.front())) return refuse(400, "this is no HTTP request");
    } else {
      if (lines_ > limits_.header_count) return refuse(431, "too many header fields");
      if (line.size() > limits_.line_bytes && !same(line.substr(0, 14), "authorization:")) {
        return refuse(431, "a header field is too long");
      }
    }
    ++lines_;
  }
}

std::variant<RequestHead, Refusal> parse_head(std::string_view text, const HeadLimits& limits) {
  RequestHead head;
  FramingFields framing;
  bool first = true;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) return bad("a line has no end");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (first) {
      if (auto refusal = parse_request_line(head, line, limits)) return *std::move(refusal);
      first = false;
      continue;
    }
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') return bad("a folded header line");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header line without a colon");
    const std::string_view name = line.substr(0, colon);
    if (!is_token(name)) return bad("a header name that is no token");
    const std::string_view value = trim(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), is_value_char)) return bad("a control character in a header value");
    if (auto refusal = framing.take(head, name, value)) return *std::move(refusal);
    head.headers.add(std::string(name), std::string(value));
  }
  if (first) return bad("no request line");
  if (auto refusal = framing.finish(head)) return *std::move(refusal);
  return head;
}

}  // namespace gantry::http

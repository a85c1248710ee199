#pragma once

// What handlers see of HTTP: a request whose body streams in, and a response whose body is a plan of byte sources
// that the edge streams out. Nothing of Beast, sockets or DICOM.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/task.hpp"
#include "gantry/tls/client_certificate.hpp"

namespace gantry::http {

enum class Method { kGet, kHead, kPost, kPut, kDelete, kOptions, kOther };
[[nodiscard]] std::string_view to_string(Method method) noexcept;
/// "Not Found" for 404; "OK" or "Error" for a status that has no name here.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// Header fields in order. Names compare without case (RFC 9110 §5.1).
class Headers {
 public:
  /// Appends a field, also when one of that name is there.
  void add(std::string name, std::string value);
  /// Replaces all fields of that name.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  /// The first field's value; nullopt when there is none.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  /// All fields of that name joined by ", " (RFC 9110 §5.3); nullopt when there is none.
  [[nodiscard]] std::optional<std::string> joined(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// The body as it arrives. `next` gives at least one byte, or an empty span at the end; the bytes are valid until the
/// next call. Sends "100 Continue" at the first call when the client waits for it.
/// Errors: kTooLarge (over the limit), kTimeout (too slow), kInvalid (broken framing or the client went away).
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  virtual Task<Result<std::span<const std::byte>>> next() = 0;
  /// Content-Length when the client gave one.
  [[nodiscard]] virtual std::optional<std::uint64_t> declared_length() const = 0;
};

/// Reads a whole small body. kTooLarge when it has more than `limit` bytes.
Task<Result<std::string>> read_all(BodyReader& body, std::size_t limit);

struct Route;  // router.hpp

/// The path's `{name}` segments, percent-decoded.
using PathParameters = std::vector<std::pair<std::string, std::string>>;

struct Request {
  Method method = Method::kGet;
  std::string method_text;  ///< as sent
  std::string target;       ///< as sent: path and query
  std::string path;         ///< percent-decoded once, no dot segments; what the router matched
  std::string query;        ///< after '?', still encoded
  Headers headers;
  PathParameters parameters;
  /// Of a route that is mounted at several roots (dicomweb::Mount): the root that this request named, as a path that can
  /// stand in a URI. Empty elsewhere.
  std::string mount;
  BodyReader* body = nullptr;  ///< never null inside a handler; lives as long as the handler runs
  std::string remote_address;  ///< the peer's address without the port
  bool secure = false;         ///< it came over TLS to this process (a proxy's word is in its headers)
  /// The certificate that the client proved to have; null: none. The same for all requests of a connection.
  std::shared_ptr<const tls::ClientCertificate> client_certificate;
  const Route* route = nullptr;  ///< what the path and method lead to; null: nothing, or it was not looked for
  RequestContext context;
  std::shared_ptr<void> held;  ///< what is let go when the answer was sent or given up, e.g. a place among those that run

  /// A path parameter; "" when the route has none of that name.
  [[nodiscard]] const std::string& parameter(std::string_view name) const;
};

/// A range of an open object; sent by sendfile when the file has a descriptor.
struct FileRange {
  std::shared_ptr<const OpenFile> file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Bytes made on the way out: the edge calls `read` on `pool`, or else the disk pool, never on an io thread. An error after the head
/// was sent closes the connection, so that the client sees a cut answer, never a short one that looks whole. `length`
/// when it is known before (then the answer has a Content-Length).
struct Produced {
  std::shared_ptr<ByteStream> stream;
  std::optional<std::uint64_t> length;
  WorkerPool* pool = nullptr;  ///< of work that is no file work, such as decoding; outlives the answer
};

/// Bytes in memory: owned, or shared with a cache.
using Bytes = std::string;
using SharedBytes = std::shared_ptr<const std::string>;
using Segment = std::variant<Bytes, SharedBytes, FileRange, Produced>;

/// What to send, in order. Memory is constant whatever it describes.
struct BodyPlan {
  std::vector<Segment> segments;

  void add(Segment segment) { segments.push_back(std::move(segment)); }
  /// Sum of all lengths; nullopt when one is unknown (the answer is then chunked).
  [[nodiscard]] std::optional<std::uint64_t> length() const;
};

struct Response {
  int status = 200;
  Headers headers;
  BodyPlan body;
  /// True when `Range` may be applied by the edge: immutable bytes of known length and an ETag (RFC 9110 §14).
  bool ranges = false;
  /// True when the edge may gzip the body for clients that take it (JSON, XML, text). The gzip form's ETag ends in
  /// "-gzip". Not applied when the handler set a Content-Encoding itself.
  bool compressible = false;
  /// For the access log only, never sent: what an operator must know about a failure.
  std::string log_detail;
  /// For the audit only, never sent: what became of what the request brought, as JSON; empty: nothing to say.
  std::string audit_note;
};

/// A response with `body` and its Content-Type.
[[nodiscard]] Response respond(int status, std::string content_type, std::string body);
/// application/problem+json-like body {"status","title","detail","requestId"…} for an error; the one table from
/// ErrorKind to status: kInvalid 400, kNotFound 404, kConflict 409, kDenied 403, kTooLarge 413, kUnsupported 406,
/// kUnavailable 503 with Retry-After, kTimeout 503 with Retry-After, kInternal 500 (its detail goes to the log only).
[[nodiscard]] Response problem(const Error& error);
/// The same with a status of the door's own choice.
[[nodiscard]] Response problem(int status, std::string detail);

}  // namespace gantry::http

#pragma once

// One TLS session on the server's side of a connected, non-blocking socket. It never waits: every call says what the
// socket must be ready for before the next try.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gantry/base/handle.hpp"
#include "gantry/tls/client_certificate.hpp"

struct ssl_st;
extern "C" void SSL_free(ssl_st*);

namespace gantry::tls {

/// Used by one thread at a time. Writes raise SIGPIPE like write(2), so the process ignores that signal.
class Channel {
 public:
  /// What ServerIdentity::accept makes.
  explicit Channel(ssl_st* session) : session_(session) {}
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  enum class Step {
    kDone,
    kWantsRead,   ///< try again when the socket is readable
    kWantsWrite,  ///< try again when it is writable
    kEnded,       ///< the peer closed, in order or not
    kFailed,      ///< TLS was broken; failure() says how
  };
  /// Until it was kDone once, nothing else is called.
  [[nodiscard]] Step handshake();
  /// At least one byte into `into`, and as many as have arrived and fit: kWantsRead with `count` 0 is then true.
  [[nodiscard]] Step read(std::span<std::byte> into, std::size_t& count);
  /// Some of `from`, at least one byte. After kWantsWrite or kWantsRead the next call must begin with the same bytes.
  [[nodiscard]] Step write(std::span<const std::byte> from, std::size_t& count);
  /// True when read() stopped for want of room, so that bytes may be here that the socket no longer shows.
  [[nodiscard]] bool may_hold_bytes() const noexcept { return !drained_; }
  /// Tells the peer that nothing follows (RFC 8446 §6.1). Best effort: what the socket does not take is lost.
  void finish_sending() noexcept;

  /// Bytes that came over the socket, those of records that are not complete included.
  [[nodiscard]] std::uint64_t arrived() const noexcept;
  [[nodiscard]] bool resumed() const noexcept;
  /// Of the handshake: the client sent an HTTP request without TLS.
  [[nodiscard]] bool spoke_plain_http() const noexcept { return plain_http_; }
  /// For people: why a step was kFailed. No secret.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// The verified certificate; null when the client showed none or none was asked for.
  [[nodiscard]] std::shared_ptr<const ClientCertificate> client_certificate() const;

 private:
  Step after(int result);

  Handle<ssl_st, &SSL_free> session_;
  std::string failure_;
  bool established_ = false;
  bool broken_ = false;    ///< no alert may follow
  bool finished_ = false;  ///< close_notify was sent
  bool drained_ = true;
  bool plain_http_ = false;
};

}  // namespace gantry::tls

#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/tls/channel.hpp"

namespace gantry::tls {

enum class ClientCertificates {
  kNone,      ///< clients are not asked for one
  kOptional,  ///< one that is shown must be right
  kRequired,  ///< without one there is no connection
};

/// All files are PEM.
struct ServerFiles {
  std::filesystem::path certificate;  ///< the server's own, then those between it and its authority
  std::filesystem::path key;          ///< its private key, without a password
  std::filesystem::path client_ca;    ///< authorities of clients' certificates; may hold revocation lists too
  ClientCertificates clients = ClientCertificates::kNone;
};

/// What a listener shows of itself, and whom it lets in: TLS 1.2 and 1.3 with the suites of BCP 195 (RFC 9325 §4.2,
/// which PS3.15 B.12 asks for), no compression, no renegotiation, no early data; sessions are resumed by tickets whose
/// keys live in this process's memory. The files may change while it serves. Thread-safe.
class ServerIdentity {
 public:
  /// Reads everything. Errors name the file and what to do: kNotFound, kInvalid, kUnavailable. An expired certificate is
  /// taken at the start (refusing to serve would help nobody) and only then.
  static Result<std::shared_ptr<ServerIdentity>> load(const ServerFiles& files);
  ~ServerIdentity();

  /// Reads the files again: true when they had changed and are in use now. What is wrong, or a pair that is half replaced, changes nothing for those who connect: they
  /// get the certificate that was there. Errors as of load(), and kInvalid for one that expired.
  Result<bool> reload();

  /// A session for a connected, non-blocking socket, which must outlive it and is not closed by it; null: out of memory.
  [[nodiscard]] std::unique_ptr<Channel> accept(int socket) const;

  struct Facts {
    std::string subject;      ///< of the server's certificate
    std::string fingerprint;  ///< SHA-256, hex
    std::chrono::system_clock::time_point expires;
    bool key_is_exposed = false;  ///< everybody on this machine may read the key's file
  };
  [[nodiscard]] Facts facts() const;

 private:
  struct Loaded;
  explicit ServerIdentity(ServerFiles files);
  Result<std::shared_ptr<const Loaded>> read() const;

  const ServerFiles files_;
  std::mutex reloading_;
  std::atomic<std::shared_ptr<const Loaded>> loaded_;
};

}  // namespace gantry::tls

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::audit {

struct SyslogSettings {
  enum class Transport { kTls, kTcp, kUdp };
  Transport transport = Transport::kTls;
  std::string host, port;
  std::string ca_file;                           ///< kTls: whom to trust; empty: whom the system trusts
  std::string certificate_file, key_file;        ///< kTls: who we are; empty: nobody
  std::chrono::milliseconds time_limit{10'000};  ///< of connecting, and of a message
};

/// Sends messages of RFC 5424 to one receiver: over TLS (RFC 5425: 1.2 or later, the receiver's certificate and name
/// are checked), TCP (RFC 6587 §3.4.1, octet counting) or UDP (RFC 5426: one datagram each, which nobody may have
/// received). Connects when there is something to send, and again after a failure. Blocking; one thread at a time.
class SyslogSender {
 public:
  /// kInvalid: a file of the settings can't be used.
  static Result<std::unique_ptr<SyslogSender>> open(SyslogSettings settings);
  ~SyslogSender();

  /// Done: the system has taken it (syslog knows no acknowledgement). kUnavailable: it has to be sent again; kTooLarge:
  /// a datagram can't hold it.
  Result<void> send(std::string_view message);
  void close();

 private:
  class Impl;
  explicit SyslogSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::audit

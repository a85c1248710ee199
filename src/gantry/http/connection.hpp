#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <boost/intrusive/list.hpp>

#include "gantry/base/handle.hpp"
#include "gantry/http/answer.hpp"
#include "gantry/http/body_reader.hpp"
#include "gantry/http/core.hpp"
#include "gantry/http/head_parser.hpp"
#include "gantry/http/wire.hpp"

namespace gantry::http {

using ConnectionHook = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
using AllHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct AllTag>, ConnectionHook>;
using HandshakeHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct HandshakeTag>, ConnectionHook>;
using WaitingHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct WaitingTag>, ConnectionHook>;

/// One client: reads requests, has them answered, in order, until one of both is done. Lives on its core's thread.
class Connection final : public AllHook, public WaitingHook, public HandshakeHook {
 public:
  /// `counted`: the address table holds this connection.
  Connection(Core& core, UniqueFd socket, std::string address, bool counted);
  ~Connection();

  /// The connection's whole life.
  static Task<void> run(std::unique_ptr<Connection> self);

  /// Ends it when nothing of a request has arrived; else it ends with the answer in work.
  void close_if_idle();
  /// Ends it as soon as whoever works on it notices.
  void cut() { wire_.cut(); }
  [[nodiscard]] Clock::time_point waiting_since() const noexcept { return waiting_since_; }

 private:
  struct Exchange;
  struct Traffic {
    std::uint64_t in = 0, out = 0;
  };
  enum class Read { kHead, kRefused, kEnd };

  Task<void> serve();
  /// The TLS handshake, where one is due. kHead: go on.
  Task<Read> secure();
  Task<HandshakeRecord::Outcome> shake_hands(std::string& failure);
  /// Reads up to the next complete head into head_, or says why there is none (refusal_).
  Task<Read> read_head();
  Task<bool> exchange();
  Task<Response> respond_to(Exchange& exchange, const RequestHead& head);
  Task<Response> handle(const Route& route, Exchange& exchange);
  Task<void> refuse();
  /// False: the connection must end.
  Task<bool> send(Exchange& exchange, Response response);
  Task<void> linger();
  /// Has the answer put on record before it goes out; one that can't be is replaced by the reason.
  void announce(Exchange& exchange, Response& response);
  void log(const Exchange& exchange, const std::string& detail);
  /// Adds what passed since the last call to the core's counters, and says how much that was.
  Traffic account();
  [[nodiscard]] std::string request_id_of(const Headers& headers);

  Core& core_;
  const ServerLimits& limits_;
  const std::string address_;
  const bool counted_;
  const bool trusted_;
  Wire wire_;
  InputBuffer input_;
  HeadScanner scanner_;
  RequestHead head_;
  Refusal refusal_;
  std::shared_ptr<const tls::ClientCertificate> client_certificate_;
  Clock::time_point waiting_since_;
  Traffic accounted_;
  bool waiting_ = false;
  bool lingering_ = false;     ///< all was said; only what the client still sends is read over
  bool first_ = true;          ///< no request was complete yet
  unsigned without_wait_ = 0;  ///< requests served since others had their turn
};

}  // namespace gantry::http

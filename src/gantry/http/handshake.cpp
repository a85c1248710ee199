// The part of a connection's life before its first request: the TLS handshake.

#include <algorithm>
#include <utility>

#include "gantry/http/connection.hpp"

namespace gantry::http {

Task<Connection::Read> Connection::secure() {
  const auto& identity = core_.edge.settings.identity;
  if (!identity || address_ == "unix") co_return Read::kHead;
  auto channel = identity->accept(wire_.socket());
  if (!channel) co_return Read::kEnd;
  wire_.secure(std::move(channel));

  waiting_since_ = Clock::now();
  waiting_ = true;
  core_.begin_waiting(*this);
  core_.begin_handshake(*this);
  HandshakeRecord record;
  record.outcome = co_await shake_hands(record.detail);
  core_.end_handshake(*this);
  waiting_ = false;
  core_.end_waiting(*this);

  using Outcome = HandshakeRecord::Outcome;
  const bool done = record.outcome == Outcome::kDone || record.outcome == Outcome::kResumed;
  const bool plain_http = wire_.channel()->spoke_plain_http();
  if (core_.edge.hooks.handshake && wire_.channel()->arrived() > 0) {
    record.remote_address = address_;
    core_.edge.hooks.handshake(record);
  }
  if (done) {
    client_certificate_ = wire_.channel()->client_certificate();
    co_return Read::kHead;
  }
  wire_.secure(nullptr);
  if (plain_http) {
    refusal_ = {400, "this port speaks TLS: the URL begins with https://"};
    co_return Read::kRefused;
  }
  // A close while the client's bytes are unread would take the alert that tells it why.
  if (record.outcome == Outcome::kFailed) co_await linger();
  co_return Read::kEnd;
}

Task<HandshakeRecord::Outcome> Connection::shake_hands(std::string& failure) {
  using Outcome = HandshakeRecord::Outcome;
  using Step = tls::Channel::Step;
  const Deadline deadline = waiting_since_ + limits_.handshake_deadline;
  Step step = Step::kWantsRead;  // the client begins
  for (;;) {
    Wire::Ready ready = Wire::Ready::kYes;
    if (step == Step::kWantsWrite) {
      ready = co_await wire_.wait_writable(deadline);
    } else {
      ready = co_await wire_.wait_readable(deadline);
    }
    if (ready == Wire::Ready::kLate) {
      failure = "the handshake did not end in time";
      co_return Outcome::kLate;
    }
    if (ready == Wire::Ready::kYes) co_await core_.handshake_turns.next();
    if (wire_.is_cut() || ready == Wire::Ready::kCut) {
      failure = "given up: too many handshakes or connections, or the server stops";
      co_return Outcome::kLate;
    }
    step = wire_.channel()->handshake();
    if (step == Step::kDone) co_return wire_.channel()->resumed() ? Outcome::kResumed : Outcome::kDone;
    if (step == Step::kEnded || step == Step::kFailed) {
      failure = wire_.channel()->failure();
      co_return Outcome::kFailed;
    }
  }
}

}  // namespace gantry::http

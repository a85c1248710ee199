#pragma once

#include <deque>

#include "gantry/base/task.hpp"

namespace gantry::http {

/// Handshakes one by one, with everything else that is ready between two of them: each costs a private key's operation (up
/// to a millisecond with RSA), and a crowd that connects at once must not hold up the requests of those who are in.
/// Used on one io thread alone.
class HandshakeTurns {
 public:
  explicit HandshakeTurns(IoExecutor executor) : executor_(executor) {}
  HandshakeTurns(const HandshakeTurns&) = delete;
  HandshakeTurns& operator=(const HandshakeTurns&) = delete;

  /// Returns when it is the caller's turn, first come, first served. The turn lasts until the caller waits again.
  [[nodiscard]] Task<void> next();

 private:
  void give();

  IoExecutor executor_;
  std::deque<OneShot<bool>> waiting_;
  bool giving_ = false;
};

}  // namespace gantry::http

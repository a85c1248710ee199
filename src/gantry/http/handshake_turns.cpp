#include "gantry/http/handshake_turns.hpp"

#include <boost/asio/post.hpp>

namespace gantry::http {

Task<void> HandshakeTurns::next() {
  OneShot<bool> mine;
  waiting_.push_back(mine);
  if (!giving_) {
    giving_ = true;
    boost::asio::post(executor_, [this] { give(); });
  }
  co_await mine.take();
}

void HandshakeTurns::give() {
  waiting_.front().set(true);
  waiting_.pop_front();
  giving_ = !waiting_.empty();
  // Behind all that is ready now.
  if (giving_) boost::asio::post(executor_, [this] { give(); });
}

}  // namespace gantry::http

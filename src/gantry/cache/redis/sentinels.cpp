#include "gantry/cache/redis/sentinels.hpp"

#include <charconv>
#include <span>
#include <utility>

#include "gantry/cache/redis/connection.hpp"

namespace gantry::cache {

RedisSettings at_address(RedisSettings settings, const RedisAddress& address) {
  settings.host = address.host;
  settings.port = address.port;
  return settings;
}

Result<RedisAddress> Sentinels::primary(SSL_CTX* tls, Deadline deadline) {
  const std::size_t count = settings_.sentinels.size(), first = first_;
  Error last = Error::unavailable("no sentinels are named");
  for (std::size_t i = 0; i < count; ++i) {
    const RedisAddress& sentinel = settings_.sentinels[(first + i) % count];
    const auto now = Clock::now();
    // One more share than there are sentinels to ask: the last is for the connection to the primary.
    auto told = ask(sentinel, tls, now + (deadline - now) / static_cast<int>(count - i + 1));
    if (told) {
      first_ = first + i;
      return told;
    }
    last = Error(told.error().kind(),
                 "sentinel " + sentinel.host + ":" + std::to_string(sentinel.port) + ": " + told.error().detail());
  }
  return last;
}

Result<RedisAddress> Sentinels::ask(const RedisAddress& sentinel, SSL_CTX* tls, Deadline deadline) const {
  RedisSettings of_sentinel = at_address(settings_, sentinel);
  of_sentinel.user = settings_.sentinel_user;
  of_sentinel.password = settings_.sentinel_password;
  of_sentinel.database = 0;
  GANTRY_LET(const auto connection, Connection::open(of_sentinel, tls, deadline));
  const Command command{"SENTINEL", "get-master-addr-by-name", settings_.service};
  GANTRY_LET(const auto replies, connection->run(std::span(&command, 1), deadline));
  const Reply& reply = replies[0];
  if (reply.kind == Reply::Kind::kError) return refused(reply.text);
  if (reply.kind == Reply::Kind::kNothing)
    return Error::unavailable("it knows no service " + settings_.service + " (look at cache.url)");
  RedisAddress primary;
  if (reply.list.size() == 2) {
    const std::string& port = reply.list[1];
    primary.host = reply.list[0];
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), primary.port);
    if (error == std::errc() && end == port.data() + port.size() && !primary.host.empty() && primary.port != 0)
      return primary;
  }
  return Error::unavailable("its answer is no address");
}

}  // namespace gantry::cache

#include "gantry/cache/redis/redis_cache.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "gantry/cache/redis/circuit_breaker.hpp"
#include "gantry/cache/redis/connection.hpp"
#include "gantry/cache/redis/sentinels.hpp"

namespace gantry::cache {
namespace {

/// Who has to connect first, with TLS and passwords, gets more.
constexpr int kConnectTimes = 5;
/// A text that is longer was not put there by us.
constexpr std::size_t kTextMost = 4U << 20;

// KEYS[1]; version, text, life in ms, "1" for a tombstone. What is no text, or no versioned one, is replaced.
constexpr const char* kPut = R"lua(
local there = redis.pcall('GET', KEYS[1])
if type(there) == 'table' then
  redis.call('DEL', KEYS[1])
  there = false
end
local version = there and string.match(there, '^{"version":(%d+)[,}]')
if version and (#version > 20 or (#version == 20 and version > '18446744073709551615')) then version = nil end
if version then
  local mine = ARGV[1]
  if #version > #mine or (#version == #mine and version > mine) or (version == mine and ARGV[4] == '1') then return 0 end
end
local set = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if not set.err then return 1 end
if not string.find(set.err, 'OOM', 1, true) then return set end
if ARGV[4] ~= '1' then return 0 end
redis.call('DEL', KEYS[1])
return 1
)lua";
// KEYS[1]; token, life in ms.
constexpr const char* kRenew = R"lua(
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
)lua";
constexpr const char* kRelease = R"lua(
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
)lua";

// Cursor, prefixes. Gives the next cursor, a space, and how many were removed.
constexpr const char* kRemovePrefixes = R"lua(
local step = redis.call('SCAN', ARGV[1], 'COUNT', 200)
local removed = 0
for _, key in ipairs(step[2]) do
  for i = 2, #ARGV do
    if string.sub(key, 1, #ARGV[i]) == ARGV[i] then
      removed = removed + redis.call('UNLINK', key)
      break
    end
  end
end
return step[1] .. ' ' .. removed
)lua";

/// A primary that became a replica: what it has may be read, but the primary is another one now.
bool is_replicas(const Reply& reply) {
  return reply.kind == Reply::Kind::kError && reply.text.find("READONLY") != std::string::npos;
}

std::string in_ms(std::chrono::milliseconds life) { return std::to_string(std::max<std::int64_t>(life.count(), 1)); }

bool is_wrong_type(const Reply& reply) {
  return reply.kind == Reply::Kind::kError && reply.text.starts_with("WRONGTYPE");
}

}  // namespace

class RedisCache::Impl {
 public:
  Impl(RedisSettings given, TlsContext tls) : settings_(std::move(given)), tls_(std::move(tls)), sentinels_(settings_) {}

  /// One round trip, within its time. An error reply is given as an error, but for those about a value's type.
  Result<std::vector<Reply>> call(const RequestContext& ctx, const std::vector<Command>& commands) {
    if (!breaker_.lets_through()) {
      const std::scoped_lock lock(mutex_);
      ++counters_.skipped;
      return Error::unavailable("the cache did not answer lately, and is left alone for a moment");
    }
    auto replies = try_call(ctx, commands);
    if (replies) {
      for (const Reply& reply : *replies) {
        if (reply.kind == Reply::Kind::kError && !is_wrong_type(reply) && !reply.text.starts_with("OOM")) {
          replies = refused(reply.text);
          break;
        }
      }
    }
    if (replies) {
      breaker_.succeeded();
    } else {
      breaker_.failed();
      const std::scoped_lock lock(mutex_);
      ++counters_.failures;
    }
    return replies;
  }

  /// A call of one command.
  Result<Reply> call(const RequestContext& ctx, Command command) {
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    GANTRY_LET(auto replies, call(ctx, commands));
    return std::move(replies[0]);
  }

  template <class Change>
  void count(const Change& change) {
    const std::scoped_lock lock(mutex_);
    change(counters_);
  }
  [[nodiscard]] Counters counters() const {
    const std::scoped_lock lock(mutex_);
    Counters now = counters_;
    now.available = breaker_.is_closed();
    return now;
  }

 private:
  Result<std::vector<Reply>> try_call(const RequestContext& ctx, const std::vector<Command>& commands) {
    const auto began = Clock::now();
    const Deadline deadline = std::min(ctx.deadline, began + settings_.operation_time);
    const Deadline with_connect = std::min(ctx.deadline, began + kConnectTimes * settings_.operation_time);
    for (;;) {
      GANTRY_LET(std::unique_ptr<Connection> connection, take(deadline));
      const bool is_used = connection != nullptr;
      if (!is_used) {
        auto opened = connect(with_connect);
        if (!opened) {
          give_back(nullptr);
          return opened.error();
        }
        connection = *std::move(opened);
      }
      auto replies = connection->run(commands, is_used ? deadline : with_connect);
      count([&](Counters& counters) {
        counters.bytes_in += connection->bytes_in();
        counters.bytes_out += connection->bytes_out();
      });
      // One that was idle may have been ended long ago: nothing was answered, so a new one is worth a try.
      const bool was_stale =
          !replies && is_used && !connection->has_answered() && replies.error().kind() == ErrorKind::kUnavailable;
      const bool has_moved = replies && std::any_of(replies->begin(), replies->end(), is_replicas);
      give_back(replies && !has_moved ? std::move(connection) : nullptr);
      // The others lead to where this one led.
      if (!replies || has_moved) drop_idle();
      if (has_moved) sentinels_.distrust();
      if (!was_stale) return replies;
    }
  }

  Result<std::unique_ptr<Connection>> connect(Deadline deadline) {
    if (settings_.sentinels.empty()) return Connection::open(settings_, tls_.get(), deadline);
    GANTRY_LET(const RedisAddress primary, sentinels_.primary(tls_.get(), deadline));
    return Connection::open(at_address(settings_, primary), tls_.get(), deadline);
  }

  /// One that is idle; null: the caller is to open one. kTimeout: all are in use.
  Result<std::unique_ptr<Connection>> take(Deadline deadline) {
    std::unique_lock lock(mutex_);
    const auto is_free = [this] { return !idle_.empty() || taken_ < settings_.connections; };
    if (!free_.wait_until(lock, deadline, is_free)) return Error::timeout("all connections to the cache are in use");
    ++taken_;
    while (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->is_quiet()) return connection;
    }
    return std::unique_ptr<Connection>();
  }

  void give_back(std::unique_ptr<Connection> connection) {
    {
      const std::scoped_lock lock(mutex_);
      --taken_;
      if (connection) idle_.push_back(std::move(connection));
    }
    free_.notify_one();
  }

  void drop_idle() {
    std::vector<std::unique_ptr<Connection>> dropped;
    const std::scoped_lock lock(mutex_);
    dropped.swap(idle_);
  }

  const RedisSettings settings_;
  const TlsContext tls_;
  Sentinels sentinels_;
  CircuitBreaker breaker_;
  mutable std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t taken_ = 0;
  Counters counters_;
};

Result<std::unique_ptr<RedisCache>> RedisCache::open(RedisSettings settings) {
  const bool has_address =
      settings.sentinels.empty() ? !settings.host.empty() && settings.port != 0 : !settings.service.empty();
  if (!has_address) return Error::invalid("the cache has no address");
  if (settings.operation_time.count() <= 0 || settings.connections == 0)
    return Error::invalid("the cache needs time for an operation, and a connection");
  TlsContext tls;
  if (settings.tls) {
    GANTRY_LET(tls, make_tls_context(settings));
    // OpenSSL writes without MSG_NOSIGNAL: a server that went away must not end the process.
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
  }
  return std::unique_ptr<RedisCache>(new RedisCache(std::make_unique<Impl>(std::move(settings), std::move(tls))));
}

RedisCache::RedisCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RedisCache::~RedisCache() = default;

Result<std::vector<std::optional<SharedCache::Entry>>> RedisCache::get(const RequestContext& ctx,
                                                                       std::span<const std::string> keys) {
  std::vector<std::optional<Entry>> entries(keys.size());
  if (keys.empty()) return entries;
  std::vector<Command> commands;
  for (const std::string& key : keys) commands.push_back({"GET", key});
  GANTRY_LET(auto replies, impl_->call(ctx, commands));
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (replies[i].kind != Reply::Kind::kText || replies[i].text.size() > kTextMost) continue;
    const auto version = version_of_text(replies[i].text);
    if (!version) continue;
    entries[i] = Entry{keys[i], *version, std::move(replies[i].text), {}};
    ++hits;
  }
  impl_->count([&](Counters& counters) {
    counters.hits += hits;
    counters.misses += keys.size() - hits;
  });
  return entries;
}

Result<std::vector<bool>> RedisCache::put(const RequestContext& ctx, std::span<const Entry> entries) {
  std::vector<bool> kept;
  if (entries.empty()) return kept;
  std::vector<Command> commands;
  for (const Entry& entry : entries) {
    commands.push_back({"EVAL", kPut, "1", entry.key, std::to_string(entry.version), entry.text, in_ms(entry.life),
                        is_tombstone(entry.text) ? "1" : "0"});
  }
  GANTRY_LET(const auto replies, impl_->call(ctx, commands));
  std::uint64_t fills = 0;
  for (const Reply& reply : replies) {
    kept.push_back(reply.kind == Reply::Kind::kNumber && reply.number == 1);
    fills += kept.back() ? 1 : 0;
  }
  impl_->count([&](Counters& counters) {
    counters.fills += fills;
    counters.fills_refused += entries.size() - fills;
  });
  return kept;
}

Result<bool> RedisCache::acquire(const RequestContext& ctx, const std::string& key, std::string_view token,
                                 std::chrono::milliseconds life) {
  GANTRY_LET(const Reply reply, impl_->call(ctx, {"SET", key, std::string(token), "NX", "PX", in_ms(life)}));
  return reply.kind == Reply::Kind::kText;
}

Result<bool> RedisCache::renew(const RequestContext& ctx, const std::string& key, std::string_view token,
                               std::chrono::milliseconds life) {
  GANTRY_LET(const Reply reply, impl_->call(ctx, {"EVAL", kRenew, "1", key, std::string(token), in_ms(life)}));
  return reply.number == 1;
}

Result<bool> RedisCache::release(const RequestContext& ctx, const std::string& key, std::string_view token) {
  GANTRY_LET(const Reply reply, impl_->call(ctx, {"EVAL", kRelease, "1", key, std::string(token)}));
  return reply.number == 1;
}

Result<std::optional<std::string>> RedisCache::holder(const RequestContext& ctx, const std::string& key) {
  return get_text(ctx, key);
}

Result<std::optional<std::string>> RedisCache::get_text(const RequestContext& ctx, const std::string& key) {
  GANTRY_LET(Reply reply, impl_->call(ctx, {"GET", key}));
  if (reply.kind != Reply::Kind::kText) return std::optional<std::string>();
  return std::optional(std::move(reply.text));
}

Result<void> RedisCache::put_text(const RequestContext& ctx, const std::string& key, std::string_view text,
                                  std::chrono::milliseconds life) {
  GANTRY_LET(const Reply reply, impl_->call(ctx, {"SET", key, std::string(text), "PX", in_ms(life)}));
  if (reply.kind == Reply::Kind::kError) return refused(reply.text);
  return {};
}

Result<std::uint64_t> RedisCache::remove_prefixes(const RequestContext& ctx, std::span<const std::string> prefixes) {
  Command command{"EVAL", kRemovePrefixes, "0", "0"};
  command.insert(command.end(), prefixes.begin(), prefixes.end());
  std::string& cursor = command[3];
  std::uint64_t removed = 0;
  do {
    GANTRY_LET(const Reply reply, impl_->call(ctx, command));
    if (reply.kind == Reply::Kind::kError) return refused(reply.text);
    const auto space = reply.text.find(' ');
    if (reply.kind != Reply::Kind::kText || space == std::string::npos) {
      return Error::internal("the cache gave another answer than a cursor and a count");
    }
    cursor = reply.text.substr(0, space);
    removed += std::strtoull(reply.text.c_str() + space, nullptr, 10);
  } while (cursor != "0");
  return removed;
}

SharedCache::Counters RedisCache::counters() const { return impl_->counters(); }

Result<void> RedisCache::check(const RequestContext& ctx) {
  GANTRY_LET(const Reply reply, impl_->call(ctx, {"PING"}));
  if (reply.kind == Reply::Kind::kError) return refused(reply.text);
  return {};
}

}  // namespace gantry::cache

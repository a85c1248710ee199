#include "gantry/cache/redis/connection.hpp"

#include <utility>

namespace gantry::cache {
namespace {

using RawReply = Handle<void, &freeReplyObject>;

/// The longest list that we ask for is an address: host and port. What claims to be a longer one would take memory at once.
constexpr int kListMost = 2;

void* short_list(const redisReadTask* task, int elements) {
  const auto& hiredis = *static_cast<const redisReplyObjectFunctions*>(task->privdata);
  return elements > kListMost ? nullptr : hiredis.createArray(task, elements);
}

bool is_text(const redisReply& reply) { return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS; }

struct FreeText {
  void operator()(char* text) const noexcept { redisFreeCommand(text); }
};

Result<std::string> as_text(std::span<const Command> commands) {
  std::string all;
  for (const Command& command : commands) {
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const std::string& word : command) {
      words.push_back(word.data());
      sizes.push_back(word.size());
    }
    char* raw = nullptr;
    const int size = redisFormatCommandArgv(&raw, static_cast<int>(words.size()), words.data(), sizes.data());
    const std::unique_ptr<char, FreeText> text(raw);
    if (size < 0) return Error::internal("no memory for a command");
    all.append(text.get(), static_cast<std::size_t>(size));
  }
  return all;
}

}  // namespace

Error refused(const std::string& reply) {
  std::string what = "the cache refuses: " + reply.substr(0, 200);
  if (reply.starts_with("NOAUTH") || reply.starts_with("WRONGPASS") || reply.starts_with("NOPERM") ||
      reply.starts_with("ERR Client sent AUTH") || reply.starts_with("ERR AUTH")) {
    what += " (look at user and password in cache.url, and at what the user may do)";
  } else if (reply.starts_with("MOVED") || reply.starts_with("CLUSTERDOWN") || reply.starts_with("CROSSSLOT")) {
    what += " (cache.url names a node of a cluster; one that is not clustered is needed)";
  }
  return Error::unavailable(std::move(what));
}

Connection::Connection(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), reader_(redisReaderCreate()), buffer_(16384) {
  functions_ = *reader_->fn;
  functions_.createArray = &short_list;
  reader_->privdata = reader_->fn;
  reader_->fn = &functions_;
}

Result<std::unique_ptr<Connection>> Connection::open(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline) {
  GANTRY_LET(auto transport, Transport::connect(settings, tls, deadline));
  std::unique_ptr<Connection> connection(new Connection(std::move(transport)));
  std::vector<Command> commands;
  if (!settings.user.empty()) {
    commands.push_back({"AUTH", settings.user, settings.password});
  } else if (!settings.password.empty()) {
    commands.push_back({"AUTH", settings.password});
  }
  if (settings.database != 0) commands.push_back({"SELECT", std::to_string(settings.database)});
  // Without it nothing would say that a password is missing.
  commands.push_back({"PING"});
  GANTRY_LET(const auto replies, connection->run(commands, deadline));
  for (const Reply& reply : replies) {
    if (reply.kind == Reply::Kind::kError) return refused(reply.text);
  }
  return connection;
}

Result<std::vector<Reply>> Connection::run(std::span<const Command> commands, Deadline deadline) {
  answered_ = false;
  bytes_in_ = 0;
  GANTRY_LET(const std::string text, as_text(commands));
  bytes_out_ = text.size();
  GANTRY_TRY(transport_->write(text, deadline));
  std::vector<Reply> replies;
  std::size_t bytes_left = kRepliesBytesMost;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    GANTRY_LET(auto reply, next(deadline, bytes_left));
    replies.push_back(std::move(reply));
  }
  return replies;
}

Result<Reply> Connection::next(Deadline deadline, std::size_t& bytes_left) {
  for (;;) {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
      return Error::unavailable(std::string("the cache's answer is none: ") + reader_->errstr);
    }
    if (raw != nullptr) {
      const RawReply owner(raw);
      const auto& parsed = *static_cast<const redisReply*>(raw);
      Reply reply;
      switch (parsed.type) {
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS: reply.kind = Reply::Kind::kText; break;
        case REDIS_REPLY_ERROR: reply.kind = Reply::Kind::kError; break;
        case REDIS_REPLY_INTEGER: reply.kind = Reply::Kind::kNumber; break;
        case REDIS_REPLY_ARRAY:
          reply.kind = Reply::Kind::kList;
          for (std::size_t i = 0; i < parsed.elements; ++i) {
            const redisReply& element = *parsed.element[i];
            reply.list.push_back(is_text(element) ? std::string(element.str, element.len) : std::string());
          }
          return reply;
        default: return reply;
      }
      if (reply.kind == Reply::Kind::kNumber) {
        reply.number = parsed.integer;
      } else {
        reply.text.assign(parsed.str, parsed.len);
      }
      return reply;
    }
    GANTRY_LET(const std::size_t count, transport_->read(buffer_, deadline));
    answered_ = true;
    bytes_in_ += count;
    if (count > bytes_left) return Error::unavailable("the cache's answer is longer than anything that we put there");
    bytes_left -= count;
    redisReaderFeed(reader_.get(), buffer_.data(), count);
  }
}

}  // namespace gantry::cache

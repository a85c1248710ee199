#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

#include "gantry/cache/redis/transport.hpp"

namespace gantry::cache {

/// A command's words.
using Command = std::vector<std::string>;

struct Reply {
  enum class Kind { kNothing, kText, kNumber, kError, kList };
  Kind kind = Kind::kNothing;
  std::string text;  ///< of kText and kError
  std::int64_t number = 0;
  std::vector<std::string> list;  ///< "" for what is no text
};

/// A connection to a Redis that knows who we are. One thread at a time.
class Connection {
 public:
  /// More bytes of replies to one call end the connection.
  static constexpr std::size_t kRepliesBytesMost = 8U << 20;

  /// Connects, says who we are, and chooses the database. kUnavailable: what an operator can do is in the detail.
  static Result<std::unique_ptr<Connection>> open(const RedisSettings& settings, SSL_CTX* tls, Deadline deadline);

  /// Sends the commands at once and gives their replies in order. After an error the connection is of no use any more.
  /// A reply that is an error is a reply.
  Result<std::vector<Reply>> run(std::span<const Command> commands, Deadline deadline);

  /// Has anything come since the last call began?
  [[nodiscard]] bool has_answered() const noexcept { return answered_; }
  [[nodiscard]] bool is_quiet() const { return transport_->is_quiet(); }
  [[nodiscard]] std::uint64_t bytes_in() const noexcept { return bytes_in_; }
  [[nodiscard]] std::uint64_t bytes_out() const noexcept { return bytes_out_; }

 private:
  explicit Connection(std::unique_ptr<Transport> transport);
  Result<Reply> next(Deadline deadline, std::size_t& bytes_left);

  std::unique_ptr<Transport> transport_;
  redisReplyObjectFunctions functions_{};
  Handle<redisReader, &redisReaderFree> reader_;
  std::vector<char> buffer_;
  bool answered_ = false;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;  ///< of the last call
};

/// An error reply as our error: what it is, and what to do about it.
[[nodiscard]] Error refused(const std::string& reply);

}  // namespace gantry::cache

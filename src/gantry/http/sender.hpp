#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/worker_pool.hpp"
#include "gantry/http/answer.hpp"
#include "gantry/http/tenant_turns.hpp"
#include "gantry/http/wire.hpp"

namespace gantry::http {

/// Sends one answer. `step()` goes as far as it can without waiting, so an answer that fits the socket's buffer needs
/// no coroutine of its own; `run()` does the waiting for the others.
class Sender {
 public:
  /// Takes the answer's plan. All outlive the sender; `place` says whose answer it is.
  Sender(Wire& wire, WorkerPool& disk, const TenantTurns::Place& place, Answer& answer);

  enum class Step { kDone, kBlocked, kNeedsDisk, kYield, kGone, kBroken };
  Step step();

  enum class Outcome {
    kComplete,
    kGone,      ///< the client went away, read too slowly, or the deadline passed
    kBroken,    ///< a source failed after bytes were sent: the connection must be reset
    kNotBegun,  ///< a source failed and nothing was sent: another answer may go out instead
  };
  /// Goes on after `first` up to the end.
  Task<Outcome> run(Step first, std::chrono::milliseconds write_stall, Deadline deadline);

  /// Why a source failed.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  /// What comes after the memory that is pending: nothing known, more at once, more after a disk's work, a file to
  /// send, bytes that a disk thread must make first, or the end.
  enum class Next { kNothing, kMore, kLater, kFile, kDisk, kEnd };
  /// What a disk thread works on; shared, so that it outlives whoever waits for it.
  struct Feed;

  Next gather();
  void push_chunk_size(std::uint64_t size);
  Step flush(bool more);
  Step send_file();
  Task<bool> fetch();
  [[nodiscard]] Step fail(std::string why);

  Wire& wire_;
  WorkerPool& disk_;
  const TenantTurns::Place& place_;
  const Answer& answer_;
  std::vector<SendPiece> pieces_;
  std::size_t at_ = 0;                     ///< the piece in work
  std::vector<std::string_view> pending_;  ///< memory to send before anything else
  std::size_t pending_at_ = 0;
  std::array<std::array<char, 24>, 4> chunk_sizes_{};
  std::size_t chunk_sizes_used_ = 0;
  std::shared_ptr<Feed> feed_;
  std::vector<std::shared_ptr<Feed>> held_;  ///< ended feeds whose bytes are pending
  bool fed_ = false;                         ///< feed_ holds bytes, or its end, that gather() has not taken
  Next next_ = Next::kNothing;
  bool head_taken_ = false, terminated_ = false, started_ = false, in_file_ = false;
  std::uint64_t warm_until_ = 0;  ///< offset in the current file up to which pages are cached
  std::size_t turn_bytes_ = 0;    ///< sent since others had their turn
  std::string failure_;
};

}  // namespace gantry::http

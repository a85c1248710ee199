#pragma once

// All deadlines of one io thread behind one operating system timer. A timer per socket operation costs 4 us a request;
// setting a deadline here is the write of a field, since most are replaced before they are due.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "gantry/base/context.hpp"
#include "gantry/base/task.hpp"

namespace gantry::http {

/// Used on one io thread alone. Deadlines fire up to one tick late, never early.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{50};

  class Entry : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   protected:
    virtual ~Entry() = default;

   private:
    friend class TimerWheel;
    /// The deadline passed; it is disarmed. May arm again; must not destroy entries.
    virtual void on_deadline() = 0;

    Deadline deadline_{};
    std::int64_t tick_ = 0;  ///< the slot it waits in, when linked
    bool armed_ = false;
  };

  explicit TimerWheel(IoExecutor executor) : epoch_(Clock::now()), timer_(executor) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Replaces the entry's deadline. Deadline::max() disarms.
  void arm(Entry& entry, Deadline deadline);
  /// The entry stays in its slot until that comes by, which costs nothing now.
  static void disarm(Entry& entry) noexcept { entry.armed_ = false; }
  /// Ends the waiting, so that the io_context runs out of work. Nothing fires after it.
  void stop();

 private:
  using Slot = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;
  static constexpr std::int64_t kSlots = 512;

  [[nodiscard]] std::int64_t tick_after(Deadline deadline) const;
  void link(Entry& entry);
  void sleep_until(std::int64_t tick);
  void wake();

  const Clock::time_point epoch_;
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, IoExecutor> timer_;
  std::array<Slot, kSlots> slots_;
  std::int64_t now_tick_ = 0;   ///< all slots up to here were visited
  std::int64_t wake_tick_ = 0;  ///< when the timer is set for; 0: it is not
  std::uint64_t generation_ = 0;
  bool stopped_ = false;
};

}  // namespace gantry::http

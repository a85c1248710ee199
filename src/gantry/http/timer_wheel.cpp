#include "gantry/http/timer_wheel.hpp"

#include <algorithm>

namespace gantry::http {

std::int64_t TimerWheel::tick_after(Deadline deadline) const {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - epoch_);
  return std::max<std::int64_t>(since / kTick + 1, now_tick_ + 1);
}

void TimerWheel::arm(Entry& entry, Deadline deadline) {
  if (stopped_ || deadline == Deadline::max()) {
    entry.armed_ = false;
    return;
  }
  entry.deadline_ = deadline;
  entry.armed_ = true;
  // In a slot that comes by in time it will be looked at again there; only an earlier deadline must move.
  if (entry.is_linked()) {
    if (entry.tick_ <= tick_after(deadline)) return;
    entry.unlink();
  }
  link(entry);
}

void TimerWheel::link(Entry& entry) {
  if (wake_tick_ == 0) {
    // The wheel stood still; ticks that passed meanwhile had nothing to visit.
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - epoch_);
    now_tick_ = std::max<std::int64_t>(now_tick_, since / kTick);
  }
  entry.tick_ = std::min(tick_after(entry.deadline_), now_tick_ + kSlots - 1);
  slots_[static_cast<std::size_t>(entry.tick_ % kSlots)].push_back(entry);
  if (wake_tick_ == 0 || entry.tick_ < wake_tick_) sleep_until(entry.tick_);
}

void TimerWheel::sleep_until(std::int64_t tick) {
  wake_tick_ = tick;
  timer_.expires_at(epoch_ + tick * kTick);
  timer_.async_wait([this, generation = ++generation_](const boost::system::error_code&) {
    if (generation == generation_ && !stopped_) wake();
  });
}

void TimerWheel::wake() {
  const auto now = Clock::now();
  const std::int64_t until = (now - epoch_) / kTick;
  const std::int64_t visits = std::min(until - now_tick_, kSlots);
  const std::int64_t first = until - visits + 1;
  now_tick_ = std::max(now_tick_, until);
  for (std::int64_t tick = first; tick <= until; ++tick) {
    Slot due;
    due.swap(slots_[static_cast<std::size_t>(tick % kSlots)]);
    while (!due.empty()) {
      Entry& entry = due.front();
      due.pop_front();
      if (!entry.armed_) continue;
      if (entry.deadline_ <= now) {
        entry.armed_ = false;
        entry.on_deadline();
      } else {
        entry.tick_ = std::min(tick_after(entry.deadline_), now_tick_ + kSlots - 1);
        slots_[static_cast<std::size_t>(entry.tick_ % kSlots)].push_back(entry);
      }
    }
  }
  for (std::int64_t tick = now_tick_ + 1; tick < now_tick_ + kSlots; ++tick) {
    if (slots_[static_cast<std::size_t>(tick % kSlots)].empty()) continue;
    sleep_until(tick);
    return;
  }
  wake_tick_ = 0;
}

void TimerWheel::stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace gantry::http

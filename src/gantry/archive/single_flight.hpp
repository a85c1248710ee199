#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gantry/base/task.hpp"

namespace gantry::archive {

/// One piece of work for all who ask for the same while it runs (DESIGN §8). Whoever leads does it and calls finish();
/// the others await what it gave. Thread-safe.
template <class Value>
class SingleFlight {
 public:
  struct Ticket {
    OneShot<Value> shot;
    bool leads = false;
  };

  Ticket join(const std::string& key) {
    Ticket ticket;
    const std::scoped_lock lock(mutex_);
    auto [flight, is_new] = flights_.try_emplace(key);
    flight->second.push_back(ticket.shot);
    ticket.leads = is_new;
    return ticket;
  }

  /// Who joins from here on begins anew.
  void finish(const std::string& key, const Value& value) {
    std::vector<OneShot<Value>> waiting;
    {
      const std::scoped_lock lock(mutex_);
      const auto flight = flights_.find(key);
      waiting = std::move(flight->second);
      flights_.erase(flight);
    }
    for (const auto& shot : waiting) shot.set(value);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<OneShot<Value>>> flights_;
};

}  // namespace gantry::archive

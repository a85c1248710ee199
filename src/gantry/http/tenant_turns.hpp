#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "gantry/base/context.hpp"
#include "gantry/base/task.hpp"

namespace gantry::http {

/// Turns on one io thread, so that a tenant with many busy connections doesn't make another wait for all of them. While one
/// tenant alone asks here, there is nothing to share and nothing is waited for. Else each step (a handler's begin, a slice of
/// an answer) takes a turn: tenants one after the other, a step each, with what else is ready in between. "Else" is as long
/// as requests of two are in work, and kMemory after two asked: most answers are made and sent in one go, so that those of a
/// crowd would follow each other without ever being in work together. Used on one io thread alone.
class TenantTurns {
 public:
  explicit TenantTurns(IoExecutor executor) : executor_(executor) {}
  TenantTurns(const TenantTurns&) = delete;
  TenantTurns& operator=(const TenantTurns&) = delete;

 private:
  struct Tenant {
    std::size_t requests = 0;  ///< in work
    std::deque<OneShot<bool>> waiting;
    bool in_turn = false;
  };
  using Tenants = std::unordered_map<std::string, Tenant>;

 public:
  /// One request in work; it ends with this object. Empty: of nobody, and never waits.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), tenant_(other.tenant_) {}
    Place& operator=(Place&& other) noexcept;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { leave(); }

    /// Whose it is; "" for nobody.
    [[nodiscard]] std::string_view tenant() const noexcept {
      return turns_ == nullptr ? std::string_view() : std::string_view(tenant_->first);
    }
    /// True when others are in work, too, and next() would wait.
    [[nodiscard]] bool is_shared() const noexcept { return turns_ != nullptr && turns_->is_shared(); }
    /// Returns when it is this tenant's turn, and this request's within it. Only while is_shared().
    [[nodiscard]] Task<void> next() const { return turns_->wait(*tenant_); }

   private:
    friend class TenantTurns;
    Place(TenantTurns& turns, Tenants::value_type& tenant) : turns_(&turns), tenant_(&tenant) {}
    void leave() noexcept;

    TenantTurns* turns_ = nullptr;
    Tenants::value_type* tenant_ = nullptr;
  };

  static constexpr std::chrono::milliseconds kMemory{100};

  /// A request of `tenant`; of nobody when that is "".
  [[nodiscard]] Place enter(std::string_view tenant, Clock::time_point now = Clock::now());

  [[nodiscard]] bool is_shared() const noexcept {
    return busy_ > 1 || (shared_until_ != Clock::time_point() && Clock::now() < shared_until_);
  }

 private:
  Task<void> wait(Tenants::value_type& tenant);
  void give();

  IoExecutor executor_;
  Tenants tenants_;       ///< those with requests in work, and some that had them lately
  std::size_t busy_ = 0;  ///< those with requests in work
  std::deque<Tenants::value_type*> order_;
  std::string last_;  ///< who asked last
  Clock::time_point shared_until_;
  bool giving_ = false;
};

}  // namespace gantry::http

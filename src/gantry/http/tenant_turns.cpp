#include "gantry/http/tenant_turns.hpp"

#include <boost/asio/post.hpp>

namespace gantry::http {

namespace {
/// Entries that stay when nothing of theirs is in work, so that most requests find theirs.
constexpr std::size_t kKept = 64;
}  // namespace

TenantTurns::Place TenantTurns::enter(std::string_view tenant, Clock::time_point now) {
  if (tenant.empty()) return {};
  if (tenant != last_) {
    if (!last_.empty()) shared_until_ = now + kMemory;
    last_ = tenant;
  }
  auto& entry = *tenants_.try_emplace(std::string(tenant)).first;
  if (entry.second.requests++ == 0) ++busy_;
  return {*this, entry};
}

void TenantTurns::Place::leave() noexcept {
  if (turns_ == nullptr) return;
  // Who leaves does not wait, and those who wait have not left: an entry goes only when nothing of it is in order_.
  if (--tenant_->second.requests == 0) {
    --turns_->busy_;
    if (turns_->tenants_.size() > kKept) turns_->tenants_.erase(tenant_->first);
  }
  turns_ = nullptr;
}

TenantTurns::Place& TenantTurns::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    leave();
    turns_ = std::exchange(other.turns_, nullptr);
    tenant_ = other.tenant_;
  }
  return *this;
}

Task<void> TenantTurns::wait(Tenants::value_type& entry) {
  OneShot<bool> mine;
  entry.second.waiting.push_back(mine);
  if (!std::exchange(entry.second.in_turn, true)) order_.push_back(&entry);
  if (!std::exchange(giving_, true)) {
    boost::asio::post(executor_, [this] { give(); });
  }
  co_await mine.take();
}

void TenantTurns::give() {
  auto& entry = *order_.front();
  order_.pop_front();
  auto& waiting = entry.second.waiting;
  waiting.front().set(true);
  waiting.pop_front();
  entry.second.in_turn = !waiting.empty();
  if (entry.second.in_turn) order_.push_back(&entry);
  giving_ = !order_.empty();
  // Behind the one whose turn it is, and all else that is ready now.
  if (giving_) boost::asio::post(executor_, [this] { give(); });
}

}  // namespace gantry::http

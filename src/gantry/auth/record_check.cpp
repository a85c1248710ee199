#include "gantry/auth/record_check.hpp"

#include "gantry/auth/record_body.hpp"

namespace gantry::auth {
namespace {

unsigned digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }

}  // namespace

std::optional<Sha256> hash_in_record(const index::Record& record) {
  const auto body = RecordBody::parse(record.body);
  const std::string hex = body ? body->text("hash") : "";
  Sha256 hash{};
  if (hex.size() != 2 * hash.size() || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < hash.size(); ++i) {
    hash[i] = static_cast<std::uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  }
  return hash;
}

RecordCheck::Recalled RecordCheck::recall(std::string_view token, Clock::time_point now) {
  const auto id = id_in_token(prefix_, token);
  if (!id) return {true, std::nullopt, false};
  const Sha256 hash = hash_of_token(token);
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(std::string(*id));
  if (found == entries_.end() || now - found->second.read_at >= kConfirmedFor) return {};
  Entry& entry = found->second;
  // Nobody is to read the index for the sake of wrong secrets.
  if (!entry.record || !is_same_hash(entry.hash, hash)) return {true, std::nullopt, false};
  const bool ageing = now - entry.read_at >= kConfirmedFor / 2 && now - entry.refreshed_at >= kConfirmedFor / 2;
  if (ageing) entry.refreshed_at = now;
  return {true, entry.record, ageing};
}

Result<std::optional<index::Record>> RecordCheck::look_up(const RequestContext& ctx, std::string_view token) {
  const auto id = id_in_token(prefix_, token);
  if (!id) return std::optional<index::Record>();
  Entry entry;
  entry.read_at = entry.refreshed_at = Clock::now();
  GANTRY_LET(entry.record, store_.get_record(ctx, kind_, *id));
  const auto kept = entry.record ? hash_in_record(*entry.record) : std::nullopt;
  entry.hash = kept.value_or(Sha256{});
  const bool opens = is_same_hash(entry.hash, hash_of_token(token)) && kept;
  if (!kept) entry.record.reset();
  auto record = opens ? entry.record : std::nullopt;
  remember(*id, std::move(entry));
  return record;
}

void RecordCheck::remember(std::string_view id, Entry entry) {
  const std::scoped_lock lock(mutex_);
  if (entries_.size() >= kRemembered && !entries_.contains(std::string(id))) {
    const auto now = entry.read_at;
    std::erase_if(entries_, [now](const auto& old) { return now - old.second.read_at >= kConfirmedFor; });
    if (entries_.size() >= kRemembered) entries_.erase(entries_.begin());
  }
  Entry& place = entries_[std::string(id)];
  // Of two readings the later one counts, whichever came back first.
  if (place.read_at <= entry.read_at) place = std::move(entry);
}

void RecordCheck::forget(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  entries_.erase(std::string(id));
}

std::size_t RecordCheck::remembered() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

}  // namespace gantry::auth

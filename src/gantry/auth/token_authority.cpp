#include "gantry/auth/token_authority.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace gantry::auth {

TokenAuthority::TokenAuthority(std::vector<Issuer> issuers, std::size_t cache_entries, Now now)
    : issuers_(std::move(issuers)), cache_(cache_entries), now_(std::move(now)) {}

Task<Verdict> TokenAuthority::identify(std::string_view token) {
  if (token.size() > kTokenBytesMost) {
    co_return counted(invalid_token("the token has more than " + std::to_string(kTokenBytesMost) + " bytes"));
  }
  const Sha256 digest = sha256(std::as_bytes(std::span(token.data(), token.size())));
  if (const auto known = cache_.find(digest, now_())) {
    // Keys that the issuer withdrew verify nothing any more, also what they verified before.
    const auto keys = issuers_[known->issuer].keys->current();
    if (keys.set && keys.generation == known->generation) {
      remembered_.fetch_add(1, std::memory_order_relaxed);
      co_return known->identity;
    }
  }
  auto verdict = co_await judge(token, digest);
  co_return counted(std::move(verdict));
}

Task<Verdict> TokenAuthority::judge(std::string_view compact, const Sha256& digest) {
  auto parsed = parse_token(compact);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) co_return std::move(*refusal);
  const Token& token = std::get<Token>(parsed);
  const auto name = token.claims.text("iss");
  const auto issuer = std::find_if(issuers_.begin(), issuers_.end(),
                                   [&](const Issuer& one) { return name && one.policies.front().issuer == *name; });
  if (issuer == issuers_.end()) co_return unknown_issuer(token);
  auto checked = check_claims(issuer->policies, token, now_());
  if (auto* refusal = std::get_if<Refusal>(&checked)) co_return std::move(*refusal);

  KeySource& source = *issuer->keys;
  auto keys = source.current();
  KeySet::Match match;
  if (keys.set) match = keys.set->find(token);
  if (match.found == KeySet::Found::kNone) {
    co_await source.renewed();
    keys = source.current();
    if (!keys.set) {
      co_return Refusal{503, "temporarily_unavailable", "the keys of the token's issuer can't be had at the moment"};
    }
    match = keys.set->find(token);
  }
  switch (match.found) {
    case KeySet::Found::kFits: break;
    case KeySet::Found::kNone:
      co_return invalid_token("the token is signed with a key that its issuer does not publish" +
                              (token.key_id ? ": kid " + printable(*token.key_id) : std::string()));
    case KeySet::Found::kOther:
      co_return invalid_token(std::string("the token's key is not one for ") + to_string(token.algorithm));
    case KeySet::Found::kSeveral:
      co_return invalid_token("the token names no key (kid), and its issuer has several");
  }
  if (!keys.set->verifies(match, token)) co_return invalid_token("the token's signature is wrong");
  verified_.fetch_add(1, std::memory_order_relaxed);
  auto verdict = identity_of(std::get<0>(checked), token);
  if (const auto* identity = std::get_if<Identity>(&verdict)) {
    const auto index = static_cast<std::size_t>(issuer - issuers_.begin());
    cache_.keep(digest, std::make_shared<TokenCache::Entry>(TokenCache::Entry{*identity, index, keys.generation}));
  }
  co_return verdict;
}

Refusal TokenAuthority::unknown_issuer(const Token& token) const {
  std::string names;
  for (const auto& issuer : issuers_) names += (names.empty() ? "" : ", ") + issuer.policies.front().issuer;
  const auto name = token.claims.text("iss");
  return invalid_token("the token is of " + (name ? "issuer " + printable(*name) : std::string("no issuer")) +
                       ", this server takes those of " + names);
}

Verdict TokenAuthority::counted(Verdict verdict) {
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
    (refusal->status == 503 ? unavailable_ : refused_).fetch_add(1, std::memory_order_relaxed);
  }
  return verdict;
}

TokenAuthority::Counters TokenAuthority::counters() const {
  return {remembered_.load(), verified_.load(), refused_.load(), unavailable_.load()};
}

}  // namespace gantry::auth

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/auth/key_source.hpp"
#include "gantry/auth/policy.hpp"
#include "gantry/auth/token_cache.hpp"

namespace gantry::auth {

/// Judges bearer tokens: the checks of DESIGN §9, in order, the cheap ones first, so that a token which can't be right
/// causes no question to a provider. Called on io threads, from all of them.
class TokenAuthority {
 public:
  struct Issuer {
    std::vector<TokenPolicy> policies;  ///< all of one issuer; at least one
    std::unique_ptr<KeySource> keys;
  };
  using Now = std::function<std::chrono::system_clock::time_point()>;

  /// `cache_entries`: verified tokens that are remembered.
  TokenAuthority(std::vector<Issuer> issuers, std::size_t cache_entries, Now now = &std::chrono::system_clock::now);

  /// Who the token speaks for, or why it is refused. `token` outlives the task. Remembered tokens and those whose key is
  /// at hand are judged on the caller's thread.
  Task<Verdict> identify(std::string_view token);

  struct Counters {
    std::uint64_t remembered = 0;  ///< found in the cache
    std::uint64_t verified = 0;    ///< signatures checked that were right
    std::uint64_t refused = 0;
    std::uint64_t unavailable = 0;  ///< could not be judged: no keys
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] const std::vector<Issuer>& issuers() const noexcept { return issuers_; }
  [[nodiscard]] std::size_t cached() const { return cache_.size(); }

 private:
  Task<Verdict> judge(std::string_view compact, const Sha256& digest);
  Verdict counted(Verdict verdict);
  [[nodiscard]] Refusal unknown_issuer(const Token& token) const;

  const std::vector<Issuer> issuers_;
  TokenCache cache_;
  const Now now_;
  std::atomic<std::uint64_t> remembered_{0}, verified_{0}, refused_{0}, unavailable_{0};
};

}  // namespace gantry::auth

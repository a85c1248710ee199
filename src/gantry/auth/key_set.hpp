#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/auth/token.hpp"
#include "gantry/base/result.hpp"

namespace gantry::auth {

/// Bits of an RSA key: fewer can be broken, more cost each check too much.
inline constexpr std::size_t kRsaBitsLeast = 2048, kRsaBitsMost = 8192;
/// Keys of one issuer at most.
inline constexpr std::size_t kKeysMost = 100;

/// The public keys of an issuer (RFC 7517). Immutable; usable by all threads at once.
class KeySet {
 public:
  /// Keys that can't check a token are left out and named in skipped(): for encryption, symmetric, too small, of unknown
  /// kinds, with their private half. kInvalid: no JSON Web Key Set, too many keys, or none that is left.
  static Result<std::shared_ptr<const KeySet>> parse(std::string_view json);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  enum class Found {
    kFits,     ///< one key
    kNone,     ///< no key of that `kid`: the issuer may have published a new one
    kOther,    ///< a key of that `kid`, but of another kind or for another algorithm
    kSeveral,  ///< the token names none, and several would fit
  };
  struct Match {
    Found found = Found::kNone;
    std::size_t key = 0;
  };
  /// The key that the token says it is signed with, if it is one for the token's algorithm.
  [[nodiscard]] Match find(const Token& token) const;
  /// True when the token's signature is that key's.
  [[nodiscard]] bool verifies(const Match& match, const Token& token) const;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] const std::vector<std::string>& skipped() const noexcept { return skipped_; }

 private:
  struct Key;
  KeySet();
  std::vector<Key> keys_;
  std::vector<std::string> skipped_;
};

}  // namespace gantry::auth

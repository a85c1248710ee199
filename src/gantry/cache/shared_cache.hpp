#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"

namespace gantry::cache {

/// What nodes tell each other to save work (DESIGN §8): hints, never the truth. Whoever reads one compares its version
/// with the index. Blocking; callable from any worker thread; each call is one round trip and takes at most the
/// provider's time limit, or until ctx.deadline. kUnavailable, kTimeout: it can't be asked now.
class SharedCache {
 public:
  virtual ~SharedCache() = default;

  /// A text that begins with {"version":N (see versioned_text()).
  struct Entry {
    std::string key;
    std::uint64_t version = 0;
    std::string text;
    std::chrono::milliseconds life{};  ///< from a put on
  };
  /// What is under the keys, in order; nullopt: nothing, or what is no versioned text (wrong type, damaged, too large).
  virtual Result<std::vector<std::optional<Entry>>> get(const RequestContext& ctx,
                                                        std::span<const std::string> keys) = 0;
  /// Compare-and-set: each entry is kept unless one of a greater version is there. Per entry: was it kept? False, too,
  /// when there is no room. An entry with no more than its version is a tombstone, which says that what is older is
  /// nothing: one of the same version stays, and without room the key is removed.
  virtual Result<std::vector<bool>> put(const RequestContext& ctx, std::span<const Entry> entries) = 0;

  /// Takes what exists as long as its owner renews it. False: somebody has it.
  virtual Result<bool> acquire(const RequestContext& ctx, const std::string& key, std::string_view token,
                               std::chrono::milliseconds life) = 0;
  /// False: it is not the token's (any more).
  virtual Result<bool> renew(const RequestContext& ctx, const std::string& key, std::string_view token,
                             std::chrono::milliseconds life) = 0;
  virtual Result<bool> release(const RequestContext& ctx, const std::string& key, std::string_view token) = 0;
  virtual Result<std::optional<std::string>> holder(const RequestContext& ctx, const std::string& key) = 0;

  /// Plain texts (the keys of an identity provider).
  virtual Result<std::optional<std::string>> get_text(const RequestContext& ctx, const std::string& key) = 0;
  virtual Result<void> put_text(const RequestContext& ctx, const std::string& key, std::string_view text,
                                std::chrono::milliseconds life) = 0;

  /// Removes every key that begins with one of `prefixes`, and says how many there were. Walks all keys in small steps,
  /// each within the provider's time limit: for operators, not for requests. What others put meanwhile may stay.
  virtual Result<std::uint64_t> remove_prefixes(const RequestContext& ctx, std::span<const std::string> prefixes) = 0;

  struct Counters {
    std::uint64_t hits = 0, misses = 0;          ///< keys asked for
    std::uint64_t fills = 0, fills_refused = 0;  ///< entries put
    std::uint64_t failures = 0;                  ///< calls that failed
    std::uint64_t skipped = 0;                   ///< calls that were not tried, as the last ones had failed
    std::uint64_t bytes_in = 0, bytes_out = 0;
    bool available = true;  ///< as far as the last calls tell
  };
  [[nodiscard]] virtual Counters counters() const = 0;
  /// Does it answer?
  virtual Result<void> check(const RequestContext& ctx) = 0;
};

/// {"version":7}, or {"version":7,MEMBERS}.
[[nodiscard]] std::string versioned_text(std::uint64_t version, std::string_view members = {});
[[nodiscard]] inline bool is_tombstone(std::string_view text) { return text.find(',') == std::string_view::npos; }
/// nullopt: it does not begin as one.
[[nodiscard]] std::optional<std::uint64_t> version_of_text(std::string_view text);

}  // namespace gantry::cache

#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gantry/auth/secret_token.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/record_store.hpp"

namespace gantry::auth {

/// Checks tokens of one kind against their records, and remembers for kConfirmedFor what it read: after a record was
/// removed, on whatever node, its token opens nothing for longer than that. Thread-safe. Bounded: kRemembered entries,
/// each of at most a record's size.
class RecordCheck {
 public:
  static constexpr std::chrono::milliseconds kConfirmedFor{1000};
  static constexpr std::size_t kRemembered = 4096;

  /// `store` outlives it.
  RecordCheck(index::RecordStore& store, index::RecordKind kind, std::string_view prefix)
      : store_(store), kind_(kind), prefix_(prefix) {}

  struct Recalled {
    bool known = false;                   ///< false: look_up() is to be asked
    std::optional<index::Record> record;  ///< none: the token opens nothing
    bool ageing = false;                  ///< soon to be forgotten: one caller, this one, should ask look_up() beside
  };
  /// From memory: for io threads. A text that is no token of this kind is known to open nothing.
  [[nodiscard]] Recalled recall(std::string_view token, Clock::time_point now = Clock::now());
  /// The record of a token, read now; nullopt when there is none or the secret is another. Blocking. kUnavailable,
  /// kTimeout: nobody knows. Whether it has expired is the caller's to see.
  Result<std::optional<index::Record>> look_up(const RequestContext& ctx, std::string_view token);
  /// The record was changed or removed here.
  void forget(std::string_view id);

  [[nodiscard]] std::size_t remembered() const;

 private:
  struct Entry {
    std::optional<index::Record> record;  ///< none: there was none
    Sha256 hash{};                        ///< as the record says
    Clock::time_point read_at;            ///< before the reading began
    Clock::time_point refreshed_at;       ///< when somebody last was told that it is ageing
  };
  void remember(std::string_view id, Entry entry);

  index::RecordStore& store_;
  const index::RecordKind kind_;
  const std::string prefix_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

/// The hash that a record's body keeps, the digits of `"hash"`; nullopt when there is none.
[[nodiscard]] std::optional<Sha256> hash_in_record(const index::Record& record);

}  // namespace gantry::auth

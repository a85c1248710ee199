#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/auth/identity.hpp"
#include "gantry/auth/record_check.hpp"
#include "gantry/base/context.hpp"
#include "gantry/base/permission.hpp"
#include "gantry/base/result.hpp"

namespace gantry::auth {

/// A key for a machine, as lists show it.
struct ApiKey {
  std::string id;
  std::string name;  ///< what its owner calls it
  TenantId tenant;
  PermissionSet permissions;
  index::Timestamp created;
  std::optional<index::Timestamp> expires;
  std::optional<index::Timestamp> last_used;  ///< to about an hour
};

/// Makes, checks and takes away API keys. Of a key its SHA-256 is kept, nothing else. Thread-safe; blocking, but for
/// recall().
class ApiKeys {
 public:
  static constexpr std::size_t kNameMost = 100;  ///< bytes
  static constexpr std::chrono::hours kUseNotedEvery{1};

  using Now = std::function<index::Timestamp()>;
  /// `store` outlives it. `now` is the wall clock.
  explicit ApiKeys(index::RecordStore& store, Now now = default_now());

  struct New {
    std::string name;
    TenantId tenant;
    PermissionSet permissions;
    std::optional<std::chrono::seconds> lifetime;  ///< none: until it is revoked
  };
  struct Made {
    ApiKey key;
    std::string text;  ///< the only time that anybody sees it
  };
  /// kInvalid: no name, no permission, no such tenant id or lifetime.
  Result<Made> create(const RequestContext& ctx, const New& asked);
  /// Ascending by id; those that have expired, too.
  Result<std::vector<ApiKey>> list(const RequestContext& ctx, const std::optional<TenantId>& tenant);
  /// False: there is no such key. Effective here at once, and on other nodes within RecordCheck::kConfirmedFor.
  Result<bool> revoke(const RequestContext& ctx, std::string_view id);

  struct Recalled {
    std::optional<Verdict> verdict;  ///< none: ask verify()
    bool ageing = false;             ///< this caller should ask verify() beside
  };
  /// What is in memory about a key, for io threads.
  [[nodiscard]] Recalled recall(std::string_view key);
  /// Reads the key, and notes now and then that it was used.
  Verdict verify(const RequestContext& ctx, std::string_view key);

  [[nodiscard]] static Now default_now() { return [] { return time_now(); }; }

 private:
  [[nodiscard]] static index::Timestamp time_now();
  [[nodiscard]] Verdict judge(std::string_view key, const std::optional<index::Record>& record) const;
  void note_use(const RequestContext& ctx, index::Record record);

  index::RecordStore& store_;
  const Now now_;
  RecordCheck check_;
};

/// "read", "write", "delete", "admin", "operate"; nullopt for other words.
[[nodiscard]] std::optional<Permission> permission_named(std::string_view word) noexcept;
[[nodiscard]] std::vector<std::string> names_of(PermissionSet permissions);

}  // namespace gantry::auth

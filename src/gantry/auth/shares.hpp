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
#include "gantry/base/result.hpp"

namespace gantry::auth {

/// A link that opens one study for reading, as lists show it.
struct Share {
  std::string id;
  TenantId tenant;
  StudyUid study;
  index::Timestamp created;
  index::Timestamp expires;
};

/// Makes, checks and takes away share links. Of a link's token its SHA-256 is kept, nothing else. Thread-safe;
/// blocking, but for recall().
class Shares {
 public:
  static constexpr std::chrono::seconds kLifetimeLeast{60};
  static constexpr std::chrono::seconds kLifetimeMost{366 * 24 * 3600};

  using Now = std::function<index::Timestamp()>;
  /// `store` outlives it. `now` is the wall clock.
  explicit Shares(index::RecordStore& store, Now now = default_now());

  struct Made {
    Share share;
    std::string token;  ///< the only time that anybody sees it
  };
  /// Of a study of ctx.tenant; that it is there is the caller's to see. kInvalid: the UID, the tenant, the lifetime.
  Result<Made> create(const RequestContext& ctx, const StudyUid& study, std::chrono::seconds lifetime);
  /// Ascending by id; those that have expired, too.
  Result<std::vector<Share>> list(const RequestContext& ctx, const std::optional<TenantId>& tenant);
  /// False: there is no such share. Effective here at once, and on other nodes within RecordCheck::kConfirmedFor.
  Result<bool> revoke(const RequestContext& ctx, std::string_view id);

  struct Recalled {
    std::optional<Verdict> verdict;  ///< none: ask verify()
    bool ageing = false;             ///< this caller should ask verify() beside
  };
  /// What is in memory about a token, for io threads. Of an unknown, a revoked and an expired one the same is told.
  [[nodiscard]] Recalled recall(std::string_view token);
  /// Reads the share.
  Verdict verify(const RequestContext& ctx, std::string_view token);

  [[nodiscard]] static Now default_now();

 private:
  [[nodiscard]] Verdict judge(const std::optional<index::Record>& record) const;

  index::RecordStore& store_;
  const Now now_;
  RecordCheck check_;
};

}  // namespace gantry::auth

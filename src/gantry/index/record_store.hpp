#pragma once

// Small records beside the archive's rows: API keys, share links. What they mean is their owner's (auth/).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {

enum class RecordKind : int { kApiKey = 1, kShare = 2 };

struct Record {
  RecordKind kind = RecordKind::kApiKey;
  std::string id;  ///< unique in its kind, whatever the tenant: 1 to 64 letters, digits, '-'
  TenantId tenant;
  std::uint64_t version = 0;         ///< 0: not kept yet; grows by one with each change
  Timestamp created;                 ///< by its maker's clock
  std::optional<Timestamp> expires;  ///< none: never
  std::string body;                  ///< UTF-8, at most kRecordBytesMost

  bool operator==(const Record&) const = default;
};
inline constexpr std::size_t kRecordBytesMost = 64U << 10;

struct RecordQuery {
  RecordKind kind = RecordKind::kApiKey;
  std::optional<TenantId> tenant;  ///< none: all
  std::string after;               ///< those with a greater id
  std::size_t limit = 100;
};

/// Blocking; callable from any worker thread; honours ctx.deadline. Every index is one (InstanceIndex::records()). All
/// calls but remove_tenant_records() see all tenants, as an id must be looked up before its tenant is known: callers
/// judge by Record::tenant. Changes are durable on return. Errors: kUnavailable, kTimeout, kInternal.
class RecordStore {
 public:
  virtual ~RecordStore() = default;

  /// With version 0 keeps a new record, else replaces the one that has this version; gives the version that it has now.
  /// kConflict: its id is taken, or it has another version, or is not there (any more): a record that was removed does
  /// not come back. kInvalid: the record can't be kept. An answer that was lost (kUnavailable) may be asked for again:
  /// the same new record once more is no conflict.
  virtual Result<std::uint64_t> put_record(const RequestContext& ctx, const Record& record) = 0;
  virtual Result<std::optional<Record>> get_record(const RequestContext& ctx, RecordKind kind, std::string_view id) = 0;
  /// Ascending by id, byte by byte.
  virtual Result<std::vector<Record>> list_records(const RequestContext& ctx, const RecordQuery& query) = 0;
  /// False: it was not there.
  virtual Result<bool> remove_record(const RequestContext& ctx, RecordKind kind, std::string_view id) = 0;
  /// Removes up to `limit` records of all kinds that expire at `until` or before; says how many.
  virtual Result<std::size_t> remove_expired_records(const RequestContext& ctx, Timestamp until, std::size_t limit) = 0;
  /// Removes up to `limit` records of ctx.tenant; says how many. Fewer than `limit`: there are no more.
  virtual Result<std::size_t> remove_tenant_records(const RequestContext& ctx, std::size_t limit) = 0;
};

/// kInvalid: no provider keeps such a record.
[[nodiscard]] Result<void> check_record(const Record& record);
[[nodiscard]] bool is_record_id(std::string_view id) noexcept;

}  // namespace gantry::index

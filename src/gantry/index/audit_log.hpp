#pragma once

// `gantry_audit`: who changed what (DESIGN §9, PS3.15 A.5). The rows of a tenant are numbered without gaps and chained by
// hash; the tenant's own row knows the last number and hash. A change's row is written in the transaction of the change,
// under the tenant's lock, by commit() and remove(); here they are read, and what is no change of images is added.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/records.hpp"

namespace gantry::index {

namespace audit_action {
inline constexpr const char* kStored = "stored";
inline constexpr const char* kReplaced = "replaced";
inline constexpr const char* kDeleted = "deleted";
}  // namespace audit_action

struct AuditEntry {
  std::string action;  ///< audit_action::…, or an administrator's, such as "tenant.disabled"; up to 64 characters
  Actor actor;
  StudyUid study;
  SeriesUid series;           ///< empty when a whole study was deleted, and where there is none
  SopUid sop;                 ///< the same
  std::uint64_t version = 0;  ///< of the change in dicom_change; 0: it is none
  std::string detail;         ///< what else there is to say; no patient text
  bool operator==(const AuditEntry&) const = default;
};

struct AuditRow {
  std::uint64_t number = 0;  ///< from 1
  Timestamp time;            ///< the database's clock
  AuditEntry entry;
  std::string hash;  ///< audit_hash()
  bool operator==(const AuditRow&) const = default;
};

/// 64 hex digits over the hash of the row before ("" for the first) and all that `row` says but its own hash.
[[nodiscard]] std::string audit_hash(std::string_view before, const AuditRow& row);

/// The last row of a tenant, as its own row in dicom_tenant knows it.
struct AuditHead {
  std::uint64_t number = 0;  ///< 0: there is none
  std::string hash;
};

/// All that is given must hold.
struct AuditQuery {
  std::uint64_t after = 0;  ///< numbers above this one
  std::optional<Timestamp> since, until;  ///< from, and before
  std::string principal;
  std::string action;
  StudyUid study;
  std::size_t limit = 1000;
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;
  /// Adds a row to ctx.tenant's in a transaction of its own, durable on return, and gives its number. kNotFound: there is
  /// no such tenant; kUnavailable: it may be there or not.
  virtual Result<std::uint64_t> add_audit(const RequestContext& ctx, const AuditEntry& entry) = 0;
  /// Rows of ctx.tenant, ascending. A study's are found by an index, times by a walk from `after`.
  virtual Result<std::vector<AuditRow>> audit_rows(const RequestContext& ctx, const AuditQuery& query) = 0;
  /// kNotFound: there is no such tenant.
  virtual Result<AuditHead> audit_head(const RequestContext& ctx) = 0;
};

struct AuditFinding {
  std::uint64_t number = 0;  ///< of the row; 0: none
  std::string what;          ///< a sentence
};
struct AuditCheck {
  std::uint64_t rows = 0;
  AuditHead last;
  std::vector<AuditFinding> findings;  ///< at most 1,000
};
/// Follows the chain of ctx.tenant's rows from the first to the last and on to the tenant's own row. Changes meanwhile do
/// no harm.
[[nodiscard]] Result<AuditCheck> check_audit(AuditLog& log, const RequestContext& ctx);

}  // namespace gantry::index

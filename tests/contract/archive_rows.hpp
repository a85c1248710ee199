#pragma once

// Archives of any size as rows of the index, made from a seed: for plans and measurements at scale. What is in the rows
// is what commits of the same instances would have written, but for the clock; stored attributes are left out.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gantry/index/instance_index.hpp"
#include "gantry/index/sql/commit_rows.hpp"
#include "gantry/index/sql/value.hpp"
#include "gantry/index/table_store.hpp"

namespace gantry::index::contract {

/// Studies numbered from 0 in the order in which they arrived over 15 years, with one to three series and about ten
/// instances each, spread over four tenants. A patient has about three studies, whatever the size. A pure function of
/// its two numbers.
class Archive {
 public:
  explicit Archive(std::uint64_t studies, std::uint64_t seed = 1) : studies_(studies), seed_(seed) {}

  [[nodiscard]] std::uint64_t studies() const noexcept { return studies_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  /// Who they are, the largest first.
  [[nodiscard]] static std::span<const TenantId> tenants();
  [[nodiscard]] std::size_t tenant_of(std::uint64_t study) const;
  [[nodiscard]] static StudyUid uid_of(std::uint64_t study);
  /// What a store would hand to commit(), in one batch. No attributes_zstd.
  [[nodiscard]] std::vector<InstanceRecord> instances_of(std::uint64_t study) const;
  [[nodiscard]] Timestamp arrival_of(std::uint64_t study) const;

 private:
  std::uint64_t studies_, seed_;
};

/// An Archive as rows of all tables but the terms, which TableStore adds. Studies are taken in order.
class ArchiveRows {
 public:
  explicit ArchiveRows(const Archive& archive) : archive_(archive), totals_(Archive::tenants().size()) {}

  struct Rows {
    sql::CellRows studies, series, instances, jsons, changes, queue;
  };
  /// Adds the rows of the next study. About 3 % of its series are due for JSON; the others have theirs.
  void take(Rows& rows);
  /// Counts the next study without making its rows.
  void skip();
  [[nodiscard]] std::uint64_t taken() const noexcept { return next_; }
  /// dicom_tenant as it is after the studies taken so far.
  [[nodiscard]] sql::CellRows tenants() const;

 private:
  void count(const std::vector<InstanceRecord>& instances, std::size_t tenant);

  const Archive& archive_;
  std::vector<TenantTotals> totals_;
  std::uint64_t next_ = 0;
};

/// Writes the archive, a thousand studies at a time, and notes how far it came: called again after a failure, it goes on
/// from there. Tells the number of studies written so far. kInvalid when another archive was begun there.
Result<void> fill(TableStore& store, const Archive& archive, const std::function<void(std::uint64_t)>& told = {});

}  // namespace gantry::index::contract

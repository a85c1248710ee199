#pragma once

// Moving an archive from one database to another.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/index/table_store.hpp"

namespace gantry::index {

struct CopyProgress {
  enum class Phase { kCopying, kVerifying } phase = Phase::kCopying;
  std::string_view table;        ///< the one at hand
  std::uint64_t rows = 0;  ///< of all tables so far, with those of the runs before
  std::uint64_t instances = 0;       ///< of these, those of dicom_image_meta
  std::uint64_t instances_most = 0;  ///< how many the source's tenants say that they have
};

struct CopyReport {
  std::uint64_t rows = 0, instances = 0, studies = 0, tenants = 0;
  bool resumed = false;
};

/// Copies all rows of `from` into `to`, which is empty or the unfinished target of the same copy, and then reads all of
/// `to` and compares. What was done is noted in the target after each page, so a copy that was cut off goes on where it
/// was; until all is copied and compared the target says that it is unfinished. `source` names `from`, without secrets:
/// a copy is only gone on with from the same. `told` hears of every page, and gives false to stop (kUnavailable).
///
/// kConflict: the target holds something else, or the source is itself unfinished, or changed since the copy began:
/// whoever writes to it is to be stopped first. kInternal: the comparison found a difference. kUnavailable, kTimeout:
/// may be gone on with.
Result<CopyReport> copy_index(TableStore& from, const std::string& source, TableStore& to,
                              const std::function<bool(const CopyProgress&)>& told, std::size_t page_rows = 2000);

/// The source of the copy that `store` is the unfinished target of; "" when it is none. Such an index is not to be
/// served.
Result<std::string> unfinished_copy_of(const RequestContext& ctx, TableStore& store);

}  // namespace gantry::index

#pragma once

// The rows of an index as they are, past the port's rules: to copy an archive from one database to another, and to fill
// one for measurements.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gantry/base/context.hpp"
#include "gantry/base/result.hpp"
#include "gantry/index/sql/table.hpp"
#include "gantry/index/sql/value.hpp"

namespace gantry::index {

/// All tenants' rows, table by table, with all columns in the table's order (sql/tables.hpp). Whoever writes through it
/// is the only writer meanwhile, and answers for what belongs together.
class TableStore {
 public:
  virtual ~TableStore() = default;

  struct Page {
    sql::CellRows rows;
    std::string next;  ///< where the page after this one begins; "" when this was the last
  };
  /// Rows in an order of the store's own, from `from` on ("" is the beginning): at most `rows_most`, and no more once
  /// they have `bytes_most`. kUnavailable, kTimeout.
  virtual Result<Page> read_page(const RequestContext& ctx, const sql::Table& table, const std::string& from,
                                 std::size_t rows_most, std::size_t bytes_most) = 0;
  /// Upserts rows, no two of which have one key, all or nothing where the database can, durable on return, with the
  /// rows of dicom_term that follow from them. Terms of a row that is replaced are not taken away: for new rows, and
  /// for the same ones again after a failure.
  virtual Result<void> put_rows(const RequestContext& ctx, const sql::Table& table, const sql::CellRows& rows) = 0;
};

}  // namespace gantry::index

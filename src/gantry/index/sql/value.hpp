#pragma once

// What goes into statements: single values, lists, and rows in the order of a table's columns.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "gantry/index/records.hpp"
#include "gantry/index/sql/table.hpp"

namespace gantry::index::sql {

/// A column's value. Integers and times (microseconds since 1970, UTC) are numbers; texts and blobs are strings.
using Cell = std::variant<std::int64_t, std::string>;
using CellRow = std::vector<Cell>;
using CellRows = std::vector<CellRow>;

/// One column of many rows, as a single array parameter. The rows outlive the statement.
struct CellColumn {
  ColumnType type;
  const CellRows* rows;
  std::size_t column;
};

/// A parameter of a statement. A list of strings is one parameter, too.
using Value = std::variant<std::int64_t, std::string, Timestamp, std::vector<std::string>, CellColumn>;

inline std::int64_t micros(Timestamp time) { return time.time_since_epoch().count(); }
inline Timestamp timestamp(std::int64_t micros) { return Timestamp(std::chrono::microseconds(micros)); }

template <class Bytes>
std::string bytes_of(const Bytes& digest) {
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}
inline Sha256 sha256_of(std::string_view bytes) {
  Sha256 digest{};
  for (std::size_t i = 0; i < digest.size() && i < bytes.size(); ++i) digest[i] = static_cast<std::uint8_t>(bytes[i]);
  return digest;
}

}  // namespace gantry::index::sql

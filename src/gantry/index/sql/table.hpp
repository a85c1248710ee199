#pragma once

// Tables as plain descriptions, from which the text for each SQL dialect is made. See tables.hpp for ours.

#include <span>
#include <string_view>

namespace gantry::index::sql {

enum class ColumnType {
  kUid,      ///< up to 64 characters of ASCII
  kText,     ///< text in UTF-8, compared byte by byte
  kKey,      ///< text up to 1,024 characters that indexes hold
  kInteger,  ///< 64 bits, signed
  kTime,     ///< UTC to the microsecond
  kBlob,
};

struct Column {
  std::string_view name;
  ColumnType type;
  unsigned since = 1;  ///< the migration that adds it
};

struct Index {
  std::string_view name;
  std::string_view columns;  ///< with directions, e.g. "tenant_id, study_date_key DESC"
  bool unique = false;
  std::string_view where = {};  ///< of a partial index
  unsigned since = 1;
};

struct Table {
  std::string_view name;
  std::string_view key;  ///< with directions, where they matter
  bool clustered;        ///< rows live in the key's tree: for narrow rows
  std::span<const Column> columns;
  std::span<const Index> indexes;
  unsigned since = 1;
};

}  // namespace gantry::index::sql

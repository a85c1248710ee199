#pragma once

// A TOML file as a flat list of what it sets, each with its line.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gantry/base/result.hpp"

namespace gantry::config {

/// A value as it was written; `OtherValue` names a kind that no setting takes ("table", "date").
struct OtherValue {
  std::string kind;
};
using FileValue = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>, OtherValue>;

struct FileEntry {
  std::string section;  ///< empty for a key that stands in no table; "a.b" for [[a.b]]
  std::string key;
  FileValue value;
  std::uint32_t line = 0;
  /// Of an array of tables, [[SECTION]], which table: from 1 on. 0: a plain table.
  std::size_t item = 0;
};

/// kInvalid for a syntax error: "line 3: …".
[[nodiscard]] Result<std::vector<FileEntry>> parse_toml(std::string_view text);

}  // namespace gantry::config

#pragma once

// The files of a spool folder: `audit-YYYYMMDD-SSSSSSSS.jsonl`, where S counts all files that there ever were. Their
// names sort in the order of their lines. Beside them `head.json` says how far the spool is known to go.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/audit/line.hpp"
#include "gantry/base/result.hpp"

namespace gantry::audit {

struct SpoolFile {
  std::filesystem::path path;
  std::uint64_t serial = 0;
  std::string day;  ///< "20261130", of its first line, in UTC
  std::uint64_t bytes = 0;
};
/// "audit-20261130-00000007.jsonl".
[[nodiscard]] std::string spool_file_name(std::string_view day, std::uint64_t serial);
/// Ascending by serial. None: also when there is no such folder. kUnavailable, kInternal.
[[nodiscard]] Result<std::vector<SpoolFile>> spool_files(const std::filesystem::path& folder);

/// The last line that is known to be on the disk, as `head.json` keeps it.
struct SpoolHead {
  std::uint64_t n = 0;
  Sha256 hash{};
};
[[nodiscard]] std::filesystem::path head_path(const std::filesystem::path& folder);
/// nullopt: there is none. kInvalid: it can't be understood.
[[nodiscard]] Result<std::optional<SpoolHead>> read_head(const std::filesystem::path& folder);
[[nodiscard]] std::string head_text(const SpoolHead& head);

/// A file's bytes in memory (mapped), as they were when it was opened.
class SpoolText {
 public:
  /// kNotFound, kUnavailable, kInternal.
  static Result<SpoolText> open(const std::filesystem::path& path);
  ~SpoolText();
  SpoolText(SpoolText&& other) noexcept;
  SpoolText& operator=(SpoolText&&) = delete;
  SpoolText(const SpoolText&) = delete;
  SpoolText& operator=(const SpoolText&) = delete;
  [[nodiscard]] std::string_view text() const noexcept { return {data_, size_}; }

 private:
  SpoolText(const char* data, std::size_t size) : data_(data), size_(size) {}
  const char* data_;
  std::size_t size_;
};

/// Calls `visit(line without newline, its offset)` for each complete line from `offset` on, until it gives false. Gives
/// the offset behind the last complete line that was visited.
std::size_t for_lines(std::string_view text, std::size_t offset,
                      const std::function<bool(std::string_view line, std::size_t at)>& visit);

}  // namespace gantry::audit

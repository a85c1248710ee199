#pragma once

// A ZIP archive as a stream (APPNOTE 6.3): entries are stored, not deflated, as images hardly shrink. ZIP64 where sizes
// or offsets ask for it. Sizes and sums stand in front of each entry, so that readers that don't seek can read it, too.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"

namespace gantry::dicomweb::wado {

struct ZipEntry {
  std::string name;  ///< ASCII, '/' between folders
  /// Opens the bytes; called twice, first to sum them. Both times they are the same.
  std::function<Result<std::shared_ptr<ByteStream>>()> open;
  /// May be empty: opens other bytes where the first can't be read to their end.
  std::function<Result<std::shared_ptr<ByteStream>>()> open_otherwise;
};

/// What an archive of so many entries takes in memory while it is sent is about 200 bytes each.
inline constexpr std::size_t kZipEntriesMost = 65'535;

/// Gives the next entry; nullopt at the end. Fails with kTooLarge behind kZipEntriesMost entries.
[[nodiscard]] std::shared_ptr<ByteStream> zip_stream(std::function<Result<std::optional<ZipEntry>>()> next);

/// How many bytes zip_stream() makes of entries with these names' lengths and sizes.
[[nodiscard]] std::uint64_t zip_length(std::span<const std::pair<std::size_t, std::uint64_t>> entries);

}  // namespace gantry::dicomweb::wado

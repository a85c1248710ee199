#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gantry/base/result.hpp"

namespace gantry::archive {

/// Most bytes of one instance's JSON: more than any indexer limit lets in, so that what was stored is always readable.
inline constexpr std::size_t kAttributesBytesMost = 64U << 20;

/// The column `attributes` (DESIGN §2): an instance's DICOM JSON as one zstd frame with its size and a checksum. One
/// instance's JSON is at most kAttributesBytesMost, which the indexer sees to. Any thread; contexts are kept per
/// thread.
[[nodiscard]] std::string compress_attributes(std::string_view json);

/// Back again. kInternal for what compress_attributes did not make: damaged, cut off, longer than it says, or of more
/// than kAttributesBytesMost. Any thread.
[[nodiscard]] Result<std::string> decompress_attributes(std::string_view compressed);

}  // namespace gantry::archive

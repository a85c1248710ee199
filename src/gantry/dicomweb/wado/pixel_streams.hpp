#pragma once

// Bytes of an object that don't go out as they lie there: inflated, with words swapped, or shifted by bits. All in
// bounded memory.

#include <cstdint>
#include <memory>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/http/message.hpp"

namespace gantry::dicomweb::wado {

/// The inflated data set of a deflated object, for readers that go forwards: a read behind the last one inflates again
/// from the beginning. Thread-safe.
[[nodiscard]] std::shared_ptr<const RandomAccess> inflated_access(std::shared_ptr<const RandomAccess> object,
                                                                  std::uint64_t dataset_offset);

/// Ranges of `source`, one behind the other.
[[nodiscard]] std::shared_ptr<ByteStream> range_stream(std::shared_ptr<const RandomAccess> source,
                                                       std::vector<dicom::ByteRange> ranges);

/// `length` bytes of `source` with the bytes of each word (2, 4 or 8) reversed. `source` gives whole words.
[[nodiscard]] std::shared_ptr<ByteStream> swapped(std::shared_ptr<ByteStream> source, unsigned word_bytes,
                                                  std::uint64_t length);

/// `bits` bits of `source` from bit `shift` of its first byte (bit 0 is the lowest, PS3.5 §8.1.1), the last byte filled
/// with zeros.
[[nodiscard]] std::shared_ptr<ByteStream> shifted(std::shared_ptr<ByteStream> source, unsigned shift,
                                                  std::uint64_t bits);

/// `source` with its first 128 bytes, the preamble, as zeros.
[[nodiscard]] std::shared_ptr<ByteStream> without_preamble(std::shared_ptr<ByteStream> source);

}  // namespace gantry::dicomweb::wado

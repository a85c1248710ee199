#pragma once

// The prepared metadata of a series (DESIGN §7): one immutable object that holds the DICOM JSON of its instances,
// joined by commas, as it is, deflated, and by zstd. An answer is put together from ranges of such objects, so it is
// parsed by nobody and compressed once.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/result.hpp"
#include "gantry/storage/object_store.hpp"

namespace gantry::archive {

struct SeriesDocument {
  /// The plain bytes lie at `offset`, their deflated form at `deflated_offset`. Deflated chunks of a series follow on
  /// each other: blocks of RFC 1951 none of which is the last, on byte boundaries, that look back no further than the
  /// series' begin. What lies at `zstd_offset` of all chunks is one frame (RFC 8878) that holds the whole array with its
  /// brackets: it stands for a series alone, as many clients read no second frame.
  struct Chunk {
    std::uint64_t offset = 0, deflated_offset = 0, zstd_offset = 0;
    std::uint32_t plain = 0, deflated = 0, zstd = 0;  ///< bytes; zstd: 0 in all or in none
    bool operator==(const Chunk&) const = default;
  };
  std::shared_ptr<const OpenFile> file;
  std::uint64_t version = 0;    ///< of the series that was rendered
  std::uint32_t instances = 0;  ///< in the document
  std::uint32_t damaged = 0;    ///< left out, as their stored attributes could not be read
  std::uint32_t crc32 = 0;      ///< of the plain bytes (RFC 1952)
  std::vector<Chunk> chunks;
  /// A '[' lies before the first plain byte and a ']' behind the last: the document is an array as it lies there.
  bool is_array = false;
  bool built = false;  ///< on demand, in a file without a name
  /// All deflated bytes, when they are few: what is asked for most is then sent without a system call of its own.
  std::string deflated;
  /// The same of the zstd frame; null: there is none, or it is long.
  std::shared_ptr<const std::string> zstd;

  [[nodiscard]] std::uint64_t plain_size() const;
  [[nodiscard]] std::uint64_t deflated_size() const;
  [[nodiscard]] std::uint64_t zstd_size() const;
  [[nodiscard]] bool has_zstd() const { return !chunks.empty() && chunks.front().zstd > 0; }
};

/// Writes a document while its instances come; memory is a chunk and its compressed forms. Blocking; one thread at a
/// time.
class SeriesDocumentWriter {
 public:
  /// Plain bytes of a chunk, roughly.
  static constexpr std::size_t kChunkBytes = 4U << 20;

  /// What is built while somebody waits has no zstd form.
  enum class Zstd { kNo, kYes };
  /// `object` outlives the writer.
  explicit SeriesDocumentWriter(storage::StagedObject& object, Zstd zstd, std::size_t chunk_bytes = kChunkBytes);
  ~SeriesDocumentWriter();
  SeriesDocumentWriter(const SeriesDocumentWriter&) = delete;
  SeriesDocumentWriter& operator=(const SeriesDocumentWriter&) = delete;

  /// The JSON object of the next instance.
  Result<void> add(std::string_view json);
  /// An instance that can't be read.
  void leave_out();
  [[nodiscard]] std::uint32_t instances() const;
  [[nodiscard]] std::uint32_t damaged() const;
  /// Nothing may be called after it.
  Result<void> finish(std::uint64_t version);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Compressed bytes beyond this stay in the file.
inline constexpr std::size_t kCompressedInMemoryMost = 16U << 10;

/// kInternal when `file` is no whole document.
[[nodiscard]] Result<SeriesDocument> read_series_document(std::shared_ptr<const OpenFile> file);

}  // namespace gantry::archive

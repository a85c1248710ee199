#include "gantry/archive/series_document.hpp"

#include <array>
#include <cstring>
#include <numeric>
#include <span>

#include <zlib.h>

namespace gantry::archive {
namespace {

// The object ends in a table of its chunks (plain and deflated bytes of each, 4 and 4) and a trailer of fixed size.
// Numbers are little-endian. Before the first chunk lies a '[', behind the plain bytes of the last a ']'; documents of
// the first version have neither, which shows in where their table lies.
//   0  magic            8   version          16  instances   20  damaged
//   24 chunks           28  CRC-32 of plain  32  CRC-32 of table and of the trailer up to here
constexpr std::string_view kMagic = "GANTRYSJ";
constexpr std::size_t kTrailerBytes = 36, kChecked = 32, kEntryBytes = 8;
/// A table beyond this is none of ours: 4 MB each make 4 TB.
constexpr std::uint32_t kChunksMost = 1U << 20;
constexpr int kLevel = 6;
constexpr std::size_t kDeflateStep = 64U << 10;

template <class Number>
void put(std::string& to, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) to += static_cast<char>(number >> (8 * i) & 0xFF);
}

template <class Number>
Number get(std::string_view from, std::size_t at) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number |= static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(from[at + i])) << (8 * i));
  }
  return number;
}

std::uint32_t crc_of(std::uint32_t before, std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

/// One raw deflate stream that is flushed and never ended.
class Deflater {
 public:
  Deflater() {
    constexpr int kRaw = -15, kMemory = 8;
    // Fails for want of memory alone: these are constants.
    if (deflateInit2(&stream_, kLevel, Z_DEFLATED, kRaw, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string flushed(const std::string& plain) {
    std::string made;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream_.avail_in = static_cast<uInt>(plain.size());
    do {
      const std::size_t size = made.size();
      made.resize(size + kDeflateStep);
      stream_.next_out = reinterpret_cast<Bytef*>(made.data() + size);
      stream_.avail_out = kDeflateStep;
      deflate(&stream_, Z_SYNC_FLUSH);  // Z_BUF_ERROR: nothing was left to say
      made.resize(made.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return made;
  }

 private:
  z_stream stream_{};
};

Result<std::string> read_text(const OpenFile& file, std::uint64_t offset, std::size_t size) {
  std::string text(size, '\0');
  GANTRY_LET(const std::size_t got, file.read_at(offset, std::as_writable_bytes(std::span(text))));
  if (got != size) return Error::internal("a prepared document of a series ended while it was read");
  return text;
}

}  // namespace

std::uint64_t SeriesDocument::plain_size() const {
  return std::accumulate(chunks.begin(), chunks.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Chunk& chunk) { return sum + chunk.plain; });
}

std::uint64_t SeriesDocument::deflated_size() const {
  return std::accumulate(chunks.begin(), chunks.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Chunk& chunk) { return sum + chunk.deflated; });
}

class SeriesDocumentWriter::Impl {
 public:
  Impl(storage::StagedObject& object, std::size_t chunk_bytes) : object_(object), chunk_bytes_(chunk_bytes) {}

  Result<void> add(std::string_view json) {
    if (plain_.size() >= chunk_bytes_) GANTRY_TRY(write_chunk({}));
    if (instances > 0) plain_ += ',';
    ++instances;
    plain_ += json;
    return {};
  }

  Result<void> finish(std::uint64_t version) {
    if (!plain_.empty()) GANTRY_TRY(write_chunk("]"));
    std::string end = table_;
    end += kMagic;
    put(end, version);
    put(end, instances);
    put(end, damaged);
    put(end, static_cast<std::uint32_t>(table_.size() / kEntryBytes));
    put(end, crc_);
    put(end, crc_of(0, end));
    return write(end);
  }

  std::uint32_t instances = 0, damaged = 0;

 private:
  Result<void> write(std::string_view text) { return object_.write(std::as_bytes(std::span(text))); }

  Result<void> write_chunk(std::string_view end) {
    crc_ = crc_of(crc_, plain_);
    const std::string deflated = deflater_.flushed(plain_);
    if (table_.empty()) GANTRY_TRY(write("["));
    GANTRY_TRY(write(plain_));
    GANTRY_TRY(write(end));
    GANTRY_TRY(write(deflated));
    put(table_, static_cast<std::uint32_t>(plain_.size()));
    put(table_, static_cast<std::uint32_t>(deflated.size()));
    plain_.clear();
    return {};
  }

  storage::StagedObject& object_;
  const std::size_t chunk_bytes_;
  Deflater deflater_;
  std::string plain_, table_;
  std::uint32_t crc_ = 0;
};

SeriesDocumentWriter::SeriesDocumentWriter(storage::StagedObject& object, std::size_t chunk_bytes)
    : impl_(std::make_unique<Impl>(object, chunk_bytes)) {}
SeriesDocumentWriter::~SeriesDocumentWriter() = default;
Result<void> SeriesDocumentWriter::add(std::string_view json) { return impl_->add(json); }
void SeriesDocumentWriter::leave_out() { ++impl_->damaged; }
std::uint32_t SeriesDocumentWriter::instances() const { return impl_->instances; }
std::uint32_t SeriesDocumentWriter::damaged() const { return impl_->damaged; }
Result<void> SeriesDocumentWriter::finish(std::uint64_t version) { return impl_->finish(version); }

Result<SeriesDocument> read_series_document(std::shared_ptr<const OpenFile> file) {
  const auto broken = [] { return Error::internal("the object is no whole document of a series"); };
  const std::uint64_t size = file->size();
  if (size < kTrailerBytes) return broken();
  GANTRY_LET(const std::string trailer, read_text(*file, size - kTrailerBytes, kTrailerBytes));
  const auto count = get<std::uint32_t>(trailer, 24);
  if (!trailer.starts_with(kMagic) || count > kChunksMost || size - kTrailerBytes < count * kEntryBytes)
    return broken();
  const std::uint64_t table_at = size - kTrailerBytes - count * kEntryBytes;
  GANTRY_LET(const std::string table, read_text(*file, table_at, count * kEntryBytes));
  const std::uint32_t crc = crc_of(crc_of(0, table), std::string_view(trailer).substr(0, kChecked));
  if (crc != get<std::uint32_t>(trailer, kChecked)) return broken();
  SeriesDocument document;
  document.version = get<std::uint64_t>(trailer, 8);
  document.instances = get<std::uint32_t>(trailer, 16);
  document.damaged = get<std::uint32_t>(trailer, 20);
  document.crc32 = get<std::uint32_t>(trailer, 28);
  std::uint64_t offset = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto plain = get<std::uint32_t>(table, i * kEntryBytes),
               deflated = get<std::uint32_t>(table, i * kEntryBytes + 4);
    document.chunks.push_back({offset, offset + plain, plain, deflated});
    offset += std::uint64_t{plain} + deflated;
  }
  constexpr std::uint64_t kBrackets = 2;
  document.is_array = count > 0 && offset + kBrackets == table_at;
  if (offset != table_at && !document.is_array) return broken();
  if (document.is_array) {
    for (SeriesDocument::Chunk& chunk : document.chunks) ++chunk.offset, ++chunk.deflated_offset;
    ++document.chunks.back().deflated_offset;
  }
  if (document.deflated_size() <= kDeflatedInMemoryMost) {
    for (const SeriesDocument::Chunk& chunk : document.chunks) {
      GANTRY_LET(const std::string part, read_text(*file, chunk.deflated_offset, chunk.deflated));
      document.deflated += part;
    }
  }
  document.file = std::move(file);
  return document;
}

}  // namespace gantry::archive

#include "gantry/archive/series_document.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include "gantry/base/handle.hpp"

namespace gantry::archive {
namespace {

// The object ends in a table of its chunks (plain, deflated and zstd bytes of each, 4 each) and a trailer of fixed size.
// Numbers are little-endian. Before the first chunk lies a '[', behind the plain bytes of the last a ']'. Older documents
// have another magic and no zstd; the first ones no brackets either, which shows in where their table lies.
//   0  magic            8   version          16  instances   20  damaged
//   24 chunks           28  CRC-32 of plain  32  CRC-32 of table and of the trailer up to here
constexpr std::string_view kMagic = "GANTRYSZ", kMagicWithoutZstd = "GANTRYSJ";
constexpr std::size_t kTrailerBytes = 36, kChecked = 32, kEntryBytes = 12, kEntryBytesWithoutZstd = 8;
/// A table beyond this is none of ours: 4 MB each make 4 TB.
constexpr std::uint32_t kChunksMost = 1U << 20;
constexpr int kLevel = 6;
/// About as quick as deflate at its level. The window is what browsers take at most (RFC 9659), and a chunk.
constexpr int kZstdLevel = 6, kZstdWindowLog = 22;
constexpr std::size_t kDeflateStep = 64U << 10;
/// Read first of a document.
constexpr std::size_t kTailBytes = 16U << 10;

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

/// One zstd frame in pieces.
class ZstdFrame {
 public:
  ZstdFrame() : context_(ZSTD_createCCtx()) {
    if (!context_) throw std::bad_alloc();
    set(ZSTD_c_compressionLevel, kZstdLevel);
    set(ZSTD_c_windowLog, kZstdWindowLog);
  }

  /// All of `plain`, so far that it can be read from what was given until now.
  void add(std::string_view plain, std::string& to) { compress(plain, ZSTD_e_flush, to); }
  void end(std::string_view plain, std::string& to) { compress(plain, ZSTD_e_end, to); }

 private:
  // Constants within their bounds, and memory: nothing else can go wrong.
  static std::size_t must(std::size_t code) {
    if (ZSTD_isError(code) != 0) throw std::bad_alloc();
    return code;
  }
  void set(ZSTD_cParameter parameter, int value) { must(ZSTD_CCtx_setParameter(context_.get(), parameter, value)); }
  void compress(std::string_view plain, ZSTD_EndDirective directive, std::string& to) {
    ZSTD_inBuffer from{plain.data(), plain.size(), 0};
    for (std::size_t left = 1; left > 0;) {
      const std::size_t size = to.size();
      to.resize(size + ZSTD_CStreamOutSize());
      ZSTD_outBuffer made{to.data() + size, to.size() - size, 0};
      left = must(ZSTD_compressStream2(context_.get(), &made, &from, directive));
      to.resize(size + made.pos);
    }
  }

  Handle<ZSTD_CCtx, &ZSTD_freeCCtx> context_;
};

/// Reads a file's end at once, as most documents' compressed forms and tables lie there together.
class Tail {
 public:
  static Result<Tail> read(const OpenFile& file, std::size_t most) {
    Tail tail(file);
    tail.begin_ = file.size() - std::min<std::uint64_t>(most, file.size());
    tail.bytes_.resize(static_cast<std::size_t>(file.size() - tail.begin_));
    GANTRY_TRY(tail.read_at(tail.begin_, tail.bytes_.data(), tail.bytes_.size()));
    return tail;
  }
  /// The same, wherever it lies.
  Result<void> append(std::uint64_t offset, std::size_t size, std::string& to) const {
    if (offset >= begin_) {
      to.append(bytes_, static_cast<std::size_t>(offset - begin_), size);
      return {};
    }
    const std::size_t before = to.size();
    to.resize(before + size);
    return read_at(offset, to.data() + before, size);
  }

 private:
  explicit Tail(const OpenFile& file) : file_(&file) {}
  Result<void> read_at(std::uint64_t offset, char* into, std::size_t size) const {
    GANTRY_LET(const std::size_t got, file_->read_at(offset, std::as_writable_bytes(std::span(into, size))));
    if (got != size) return Error::internal("a prepared document of a series ended while it was read");
    return {};
  }

  const OpenFile* file_;
  std::uint64_t begin_ = 0;
  std::string bytes_;
};

}  // namespace

namespace {

std::uint64_t sum_of(const SeriesDocument& document, std::uint32_t SeriesDocument::Chunk::*bytes) {
  std::uint64_t sum = 0;
  for (const auto& chunk : document.chunks) sum += chunk.*bytes;
  return sum;
}

}  // namespace

std::uint64_t SeriesDocument::plain_size() const { return sum_of(*this, &Chunk::plain); }
std::uint64_t SeriesDocument::deflated_size() const { return sum_of(*this, &Chunk::deflated); }
std::uint64_t SeriesDocument::zstd_size() const { return sum_of(*this, &Chunk::zstd); }

class SeriesDocumentWriter::Impl {
 public:
  Impl(storage::StagedObject& object, Zstd zstd, std::size_t chunk_bytes) : object_(object), chunk_bytes_(chunk_bytes) {
    if (zstd == Zstd::kYes) zstd_.emplace();
  }

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
    std::string framed;
    if (zstd_) {
      if (table_.empty()) zstd_->add("[", framed);
      zstd_->add(plain_, framed);
      if (!end.empty()) zstd_->end(end, framed);
    }
    if (table_.empty()) GANTRY_TRY(write("["));
    GANTRY_TRY(write(plain_));
    GANTRY_TRY(write(end));
    GANTRY_TRY(write(deflated));
    GANTRY_TRY(write(framed));
    put(table_, static_cast<std::uint32_t>(plain_.size()));
    put(table_, static_cast<std::uint32_t>(deflated.size()));
    put(table_, static_cast<std::uint32_t>(framed.size()));
    plain_.clear();
    return {};
  }

  storage::StagedObject& object_;
  const std::size_t chunk_bytes_;
  Deflater deflater_;
  std::optional<ZstdFrame> zstd_;
  std::string plain_, table_;
  std::uint32_t crc_ = 0;
};

SeriesDocumentWriter::SeriesDocumentWriter(storage::StagedObject& object, Zstd zstd, std::size_t chunk_bytes)
    : impl_(std::make_unique<Impl>(object, zstd, chunk_bytes)) {}
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
  GANTRY_LET(const Tail tail, Tail::read(*file, kTailBytes));
  std::string trailer;
  GANTRY_TRY(tail.append(size - kTrailerBytes, kTrailerBytes, trailer));
  const bool with_zstd = trailer.starts_with(kMagic);
  const std::size_t entry_bytes = with_zstd ? kEntryBytes : kEntryBytesWithoutZstd;
  const auto count = get<std::uint32_t>(trailer, 24);
  if (!with_zstd && !trailer.starts_with(kMagicWithoutZstd)) return broken();
  if (count > kChunksMost || size - kTrailerBytes < count * entry_bytes) return broken();
  const std::uint64_t table_at = size - kTrailerBytes - count * entry_bytes;
  std::string table;
  GANTRY_TRY(tail.append(table_at, count * entry_bytes, table));
  const std::uint32_t crc = crc_of(crc_of(0, table), std::string_view(trailer).substr(0, kChecked));
  if (crc != get<std::uint32_t>(trailer, kChecked)) return broken();
  SeriesDocument document;
  document.version = get<std::uint64_t>(trailer, 8);
  document.instances = get<std::uint32_t>(trailer, 16);
  document.damaged = get<std::uint32_t>(trailer, 20);
  document.crc32 = get<std::uint32_t>(trailer, 28);
  std::uint64_t offset = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    SeriesDocument::Chunk chunk;
    chunk.plain = get<std::uint32_t>(table, i * entry_bytes);
    chunk.deflated = get<std::uint32_t>(table, i * entry_bytes + 4);
    if (with_zstd) chunk.zstd = get<std::uint32_t>(table, i * entry_bytes + 8);
    chunk.offset = offset;
    chunk.deflated_offset = chunk.offset + chunk.plain;
    chunk.zstd_offset = chunk.deflated_offset + chunk.deflated;
    offset = chunk.zstd_offset + chunk.zstd;
    document.chunks.push_back(chunk);
  }
  constexpr std::uint64_t kBrackets = 2;
  document.is_array = count > 0 && offset + kBrackets == table_at;
  if (offset != table_at && !document.is_array) return broken();
  if (document.is_array) {
    for (SeriesDocument::Chunk& chunk : document.chunks) ++chunk.offset, ++chunk.deflated_offset, ++chunk.zstd_offset;
    ++document.chunks.back().deflated_offset;
    ++document.chunks.back().zstd_offset;
  }
  if (document.deflated_size() <= kCompressedInMemoryMost) {
    for (const auto& chunk : document.chunks)
      GANTRY_TRY(tail.append(chunk.deflated_offset, chunk.deflated, document.deflated));
  }
  if (document.has_zstd() && document.zstd_size() <= kCompressedInMemoryMost) {
    std::string frame;
    for (const auto& chunk : document.chunks) GANTRY_TRY(tail.append(chunk.zstd_offset, chunk.zstd, frame));
    document.zstd = std::make_shared<const std::string>(std::move(frame));
  }
  document.file = std::move(file);
  return document;
}

}  // namespace gantry::archive

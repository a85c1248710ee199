#include "gantry/dicomweb/wado/zip_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <zlib.h>

namespace gantry::dicomweb::wado {
namespace {

constexpr std::uint64_t kLarge = 0xFFFFFFFF;  ///< what no longer fits, and what then stands in the field
constexpr std::uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56 + 20;

/// Little endian numbers, one behind the other.
class Record {
 public:
  Record& u16(std::uint64_t value) { return number(value, 2); }
  Record& u32(std::uint64_t value) { return number(value, 4); }
  Record& u64(std::uint64_t value) { return number(value, 8); }
  Record& text(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  Record& number(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
    return *this;
  }
  std::string bytes_;
};

struct Written {
  std::string name;
  std::uint64_t size = 0, offset = 0;
  std::uint32_t crc = 0;
};

std::uint64_t capped(std::uint64_t value) { return std::min(value, kLarge); }

/// Sizes and offsets that did not fit, in the order that APPNOTE 4.5.3 says.
std::uint64_t local_extra(std::uint64_t size) { return size >= kLarge ? 4 + 16 : 0; }
std::uint64_t central_extra(std::uint64_t size, std::uint64_t offset) {
  const std::uint64_t bytes = (size >= kLarge ? 16 : 0) + (offset >= kLarge ? 8 : 0);
  return bytes > 0 ? 4 + bytes : 0;
}

/// What headers have in common: version, flags (names are UTF-8), method, the first day that DOS knows, sum, sizes,
/// name's length.
void add_facts(Record& record, const Written& entry) {
  const bool large = entry.size >= kLarge || entry.offset >= kLarge;
  record.u16(large ? 45 : 20).u16(1 << 11).u16(0).u16(0).u16(1 << 5 | 1).u32(entry.crc);
  record.u32(capped(entry.size)).u32(capped(entry.size)).u16(entry.name.size());
}

std::string local_header(const Written& entry) {
  Record record;
  record.u32(0x04034B50);
  add_facts(record, entry);
  record.u16(local_extra(entry.size)).text(entry.name);
  if (entry.size >= kLarge) record.u16(1).u16(16).u64(entry.size).u64(entry.size);
  return record.take();
}

std::string central_header(const Written& entry) {
  Record record;
  record.u32(0x02014B50).u16(3 << 8 | 45);
  add_facts(record, entry);
  const auto extra = central_extra(entry.size, entry.offset);
  // No comment, first disk, no attributes but a file's that everybody may read.
  record.u16(extra).u16(0).u16(0).u16(0).u32(0x81A4ULL << 16).u32(capped(entry.offset)).text(entry.name);
  if (extra > 0) record.u16(1).u16(extra - 4);
  if (entry.size >= kLarge) record.u64(entry.size).u64(entry.size);
  if (entry.offset >= kLarge) record.u64(entry.offset);
  return record.take();
}

std::string end_of(std::uint64_t entries, std::uint64_t directory_size, std::uint64_t directory_offset) {
  Record record;
  if (directory_size >= kLarge || directory_offset >= kLarge) {
    record.u32(0x06064B50).u64(44).u16(3 << 8 | 45).u16(45).u32(0).u32(0).u64(entries).u64(entries);
    record.u64(directory_size).u64(directory_offset);
    record.u32(0x07064B50).u32(0).u64(directory_offset + directory_size).u32(1);
  }
  record.u32(0x06054B50).u16(0).u16(0).u16(entries).u16(entries);
  record.u32(capped(directory_size)).u32(capped(directory_offset)).u16(0);
  return record.take();
}

class ZipStream final : public ByteStream {
 public:
  explicit ZipStream(std::function<Result<std::optional<ZipEntry>>()> next) : next_(std::move(next)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    for (;;) {
      if (sent_ < text_.size()) {
        const std::size_t count = std::min(into.size(), text_.size() - sent_);
        std::memcpy(into.data(), text_.data() + sent_, count);
        sent_ += count;
        offset_ += count;
        return count;
      }
      if (body_ != nullptr) {
        GANTRY_LET(const std::size_t count, body_->read(into));
        left_ -= std::min<std::uint64_t>(left_, count);
        offset_ += count;
        if (count > 0) return count;
        if (left_ > 0) return Error::internal("an entry ended before its sum said so");
        body_ = nullptr;
      }
      if (ended_) return std::size_t{0};
      GANTRY_TRY(go_on());
    }
  }

 private:
  Result<void> go_on() {
    sent_ = 0;
    text_.clear();
    if (listing_) {
      list_next();
      return {};
    }
    GANTRY_LET(auto entry, next_());
    if (!entry) {
      listing_ = true;
      directory_ = offset_;
      list_next();
      return {};
    }
    if (written_.size() == kZipEntriesMost) return Error::too_large("a ZIP archive of so many entries is not made");
    Written made;
    made.name = std::move(entry->name);
    made.offset = offset_;
    auto summed = sum(*entry, made);
    if (!summed && entry->open_otherwise) {
      entry->open = std::move(entry->open_otherwise);
      summed = sum(*entry, made);
    }
    GANTRY_TRY(std::move(summed));
    GANTRY_LET(body_, entry->open());
    left_ = made.size;
    text_ = local_header(made);
    written_.push_back(std::move(made));
    return {};
  }

  void list_next() {
    if (listed_ < written_.size()) {
      text_ = central_header(written_[listed_++]);
      return;
    }
    text_ = end_of(written_.size(), offset_ - directory_, directory_);
    ended_ = true;
  }

  static Result<void> sum(const ZipEntry& entry, Written& made) {
    made.size = 0;
    GANTRY_LET(const auto bytes, entry.open());
    std::vector<std::byte> buffer(256 << 10);
    uLong crc = crc32_z(0, nullptr, 0);
    for (;;) {
      GANTRY_LET(const std::size_t count, bytes->read(buffer));
      if (count == 0) break;
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(buffer.data()), count);
      made.size += count;
    }
    made.crc = static_cast<std::uint32_t>(crc);
    return {};
  }

  std::function<Result<std::optional<ZipEntry>>()> next_;
  std::vector<Written> written_;
  std::string text_;
  std::size_t sent_ = 0, listed_ = 0;
  std::uint64_t offset_ = 0, directory_ = 0, left_ = 0;
  std::shared_ptr<ByteStream> body_;
  bool listing_ = false, ended_ = false;
};

}  // namespace

std::shared_ptr<ByteStream> zip_stream(std::function<Result<std::optional<ZipEntry>>()> next) {
  return std::make_shared<ZipStream>(std::move(next));
}

std::uint64_t zip_length(std::span<const std::pair<std::size_t, std::uint64_t>> entries) {
  std::uint64_t offset = 0, directory = 0;
  for (const auto& [name, size] : entries) {
    directory += kCentralBytes + name + central_extra(size, offset);
    offset += kLocalBytes + name + local_extra(size) + size;
  }
  const bool large = offset >= kLarge || directory >= kLarge;
  return offset + directory + kEndBytes + (large ? kEnd64Bytes : 0);
}

}  // namespace gantry::dicomweb::wado

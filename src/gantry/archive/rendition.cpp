#include "gantry/archive/rendition.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/syntaxes.hpp"
#include "gantry/storage/object_key.hpp"

namespace gantry::archive {
namespace {

// Names of objects are made of these numbers: they never change their meaning.
constexpr unsigned kProgressive = 7;
constexpr std::array<std::pair<unsigned, std::string_view>, 7> kForms{{{1, dicom::kExplicitLittleEndian},
                                                                       {2, pixels::kRle},
                                                                       {3, pixels::kJpegBaseline},
                                                                       {4, pixels::kJpegLs},
                                                                       {5, pixels::kJpeg2000Lossless},
                                                                       {6, pixels::kHtj2kLossless},
                                                                       {kProgressive, pixels::kHtj2kRpcl}}};

// Behind the Part 10 file lies its encoded layout, then, little-endian:
//   0  magic    8  bytes of the Part 10 file    16  bytes of the layout
// The magic's last digit is raised when what is written changes: older renditions then count as damaged, and are made anew.
constexpr std::string_view kMagic = "GANTRYR1";
constexpr std::size_t kTrailerBytes = 24;
constexpr std::uint64_t kLayoutMost = 64ULL << 20;

void put(std::string& to, std::uint64_t number) {
  for (unsigned i = 0; i < 8; ++i) to += static_cast<char>(number >> (8 * i) & 0xFF);
}

std::uint64_t get(std::string_view from, std::size_t at) {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < 8; ++i) {
    number |= std::uint64_t{static_cast<unsigned char>(from[at + i])} << (8 * i);
  }
  return number;
}

Result<std::string> read_text(const OpenFile& file, std::uint64_t offset, std::size_t count) {
  std::string text(count, '\0');
  GANTRY_LET(const std::size_t got, file.read_at(offset, std::as_writable_bytes(std::span(text))));
  if (got != count) return Error::internal("a rendition ends early");
  return text;
}

}  // namespace

std::optional<ObjectKey> rendition_key(const ObjectKey& original, std::string_view transfer_syntax) {
  for (const auto& [number, syntax] : kForms) {
    if (syntax == transfer_syntax) return storage::rendition_key(original, number);
  }
  return std::nullopt;
}

std::vector<ObjectKey> rendition_keys(const ObjectKey& original) {
  std::vector<ObjectKey> keys;
  for (const auto& form : kForms) keys.push_back(storage::rendition_key(original, form.first));
  return keys;
}

bool is_progressive(const ObjectKey& rendition) noexcept { return storage::rendition_of(rendition) == kProgressive; }

Result<void> RenditionWriter::add(std::span<const std::byte> part10) {
  GANTRY_TRY(indexer_.feed(part10));
  return object_->write(part10);
}

Result<std::unique_ptr<storage::StagedObject>> RenditionWriter::finish() {
  GANTRY_LET(const auto indexed, indexer_.finish());
  std::string end = dicom::encode_layout(indexed.layout);
  const std::uint64_t layout_bytes = end.size();
  end += kMagic;
  put(end, indexed.size);
  put(end, layout_bytes);
  GANTRY_TRY(object_->write(std::as_bytes(std::span(end))));
  return std::move(object_);
}

Result<RenditionPtr> read_rendition(std::shared_ptr<const OpenFile> file) {
  const std::uint64_t all = file->size();
  if (all < kTrailerBytes) return Error::internal("a rendition is too short");
  GANTRY_LET(const std::string trailer, read_text(*file, all - kTrailerBytes, kTrailerBytes));
  const std::uint64_t size = get(trailer, 8), layout_bytes = get(trailer, 16);
  if (!trailer.starts_with(kMagic) || layout_bytes > kLayoutMost || size > all ||
      size + layout_bytes + kTrailerBytes != all) {
    return Error::internal("an object is no rendition of this version");
  }
  GANTRY_LET(const std::string encoded, read_text(*file, size, static_cast<std::size_t>(layout_bytes)));
  GANTRY_LET(auto layout, dicom::decode_layout(encoded));
  auto made = std::make_shared<Rendition>();
  made->file = std::move(file);
  made->size = size;
  made->layout = std::make_shared<const dicom::Layout>(std::move(layout));
  return RenditionPtr(std::move(made));
}

}  // namespace gantry::archive

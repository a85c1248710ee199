// Metadata and bulk data apart: whatever comes is refused with words, or becomes a file that the indexer reads without
// a complaint about its encoding.

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicomweb/stow/codestream.hpp"
#include "gantry/dicomweb/stow/metadata_instance.hpp"

namespace {

using namespace gantry;
using namespace gantry::dicomweb::stow;

void require(bool holds) {
  if (!holds) std::abort();
}

class Bytes final : public RandomAccess {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    require(offset + into.size() <= bytes_.size());  // ranges are of what is there
    const auto text = bytes_.substr(offset, into.size());
    std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), into.begin());
    return text.size();
  }
  [[nodiscard]] std::string_view at(const dicom::ByteRange& range) const {
    require(range.offset + range.length <= bytes_.size());
    return bytes_.substr(range.offset, range.length);
  }

 private:
  std::string_view bytes_;
};

void store(MetadataSet set, std::string_view bulk) {
  const Bytes bytes(bulk);
  const BulkParts parts{
      {"a", {{"application/octet-stream", "", {0, bulk.size()}}}},
      {"b", {{"image/jpeg", "", {0, bulk.size() / 2}}, {"image/jpeg", "", {bulk.size() / 2, bulk.size() / 3}}}},
      {"c", {{"video/mp4", "", {0, bulk.size()}}}}};
  std::uint64_t left = 2 * bulk.size();
  const auto made = make_instance(std::move(set), parts, &bytes, left);
  if (!made) {
    require(!made.error().detail().empty());
    return;
  }
  std::string file;
  for (const auto& piece : made->pieces) {
    file += std::holds_alternative<std::string>(piece) ? std::string_view(std::get<std::string>(piece))
                                                       : bytes.at(std::get<dicom::ByteRange>(piece));
  }
  dicom::InstanceIndexer indexer;
  const auto fed = indexer.feed(std::as_bytes(std::span(file)));
  const auto indexed = fed ? indexer.finish() : Result<dicom::IndexedInstance>(fed.error());
  if (!indexed) require(indexed.error().detail().find("truncated") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const char form = text[0];
  // The metadata, then a NUL, then the parts.
  text.remove_prefix(1);
  const auto cut = std::min(text.find('\0'), text.size());
  const auto metadata = text.substr(0, cut);
  const auto bulk = text.substr(std::min(cut + 1, text.size()));
  if (form % 3 == 2) {
    const auto image = read_codestream(text);
    if (image) require(image->offset <= text.size() && !image->transfer_syntax.empty());
    return 0;
  }
  if (form % 3 == 1) {
    auto set = parse_xml(metadata);
    if (set) store(*std::move(set), bulk);
    return 0;
  }
  const auto objects = split_json(metadata);
  if (!objects) return 0;
  for (const auto object : *objects) {
    auto set = parse_json(object);
    if (set) store(*std::move(set), bulk);
  }
  return 0;
}

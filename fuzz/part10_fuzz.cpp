// Part 10 files: whatever the bytes and however they are cut, the indexer says the same, its JSON is JSON with
// ascending keys, and its layout stays inside the file.

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include <simdjson.h>

#include "gantry/dicom/instance_indexer.hpp"

namespace {

using namespace gantry;
using namespace gantry::dicom;

void require(bool holds) {
  if (!holds) std::abort();
}

IndexerLimits limits() {
  IndexerLimits small;
  small.elements = 20'000;
  small.value_bytes = 32 * 1024;
  small.inline_text_bytes = 4 * 1024;
  small.json_bytes = 1 << 20;
  small.inflated_bytes = 4 << 20;
  return small;
}

Result<IndexedInstance> index_whole(std::span<const std::byte> bytes) {
  InstanceIndexer indexer(limits());
  GANTRY_TRY(indexer.feed(bytes));
  return indexer.finish();
}

Result<IndexedInstance> index_in_pieces(std::span<const std::byte> bytes) {
  InstanceIndexer indexer(limits());
  std::uint32_t state = static_cast<std::uint32_t>(bytes.size()) * 2654435761U + 1;
  while (!bytes.empty()) {
    state = state * 1664525U + 1013904223U;
    const std::size_t size = std::min<std::size_t>(bytes.size(), (state >> 28) == 0 ? 4096 : 1 + (state >> 8) % 40);
    GANTRY_TRY(indexer.feed(bytes.first(size)));
    bytes = bytes.subspan(size);
  }
  return indexer.finish();
}

void check_object(simdjson::dom::element element) {
  simdjson::dom::object object;
  require(element.get(object) == simdjson::SUCCESS);
  std::string_view before;
  for (const auto [key, value] : object) {
    require(key.size() == 8 && before < key);
    before = key;
    std::string_view vr;
    require(value["vr"].get(vr) == simdjson::SUCCESS && vr.size() == 2);
    simdjson::dom::array items;
    if (vr != "SQ" || value["Value"].get(items) != simdjson::SUCCESS) continue;
    for (const auto item : items) check_object(item);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto whole = index_whole(bytes);
  const auto pieces = index_in_pieces(bytes);
  require(whole.ok() == pieces.ok());
  if (!whole) {
    require(whole.error().kind() == pieces.error().kind());
    return 0;
  }
  require(whole->json == pieces->json && whole->dataset_sha256 == pieces->dataset_sha256);
  require(encode_layout(whole->layout) == encode_layout(pieces->layout));

  static simdjson::dom::parser parser;
  simdjson::dom::element element;
  require(parser.parse(simdjson::padded_string(whole->json)).get(element) == simdjson::SUCCESS);
  check_object(element);

  const Layout& layout = whole->layout;
  require(decode_layout(encode_layout(layout)).ok());
  const std::uint64_t end = layout.inflated ? UINT64_MAX : size;
  for (const BulkItem& item : layout.bulk)
    require(item.range.offset <= end && item.range.length <= end - item.range.offset);
  for (const std::uint32_t number : {1U, layout.pixels.frames / 2, layout.pixels.frames}) {
    if (number == 0 || number > layout.pixels.frames) continue;
    const auto frame = layout.frame(number);
    require(frame.ok());
    for (const ByteRange& range : frame->ranges) require(range.offset <= end && range.length <= end - range.offset);
  }
  return 0;
}

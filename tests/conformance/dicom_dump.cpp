// Shows what Gantry's DICOM module makes of files, for comparison with other implementations.
//
//   dicom_dump [--explicit FOLDER] < list of paths, one a line > a line of JSON for each
//
// {"file", "accepted": false, "kind", "reason"}, or
// {"file", "accepted": true, "instance": DICOM JSON, "study", "series", "sop", "qido": {…}, "layout": {…}, "warnings":
// […],
//  "explicit": path of the object re-encoded to Explicit VR Little Endian in FOLDER, or "explicit_error"}

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "gantry/base/bytes.hpp"
#include "gantry/base/json_text.hpp"
#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/json_writer.hpp"

namespace {

using namespace gantry;

constexpr std::size_t kPieceBytes = 64 * 1024;

class Memory final : public RandomAccess {
 public:
  explicit Memory(std::vector<char> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return bytes_.size(); }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::size_t count = offset >= bytes_.size() ? 0 : std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::copy_n(reinterpret_cast<const std::byte*>(bytes_.data()) + (count == 0 ? 0 : offset), count, into.data());
    return count;
  }

 private:
  std::vector<char> bytes_;
};

/// One JSON object, key by key.
class Line {
 public:
  Line& raw(std::string_view key, std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    gantry::append_json_string(text_, key);
    text_ += ':';
    text_ += json;
    return *this;
  }
  Line& text(std::string_view key, std::string_view value) {
    std::string quoted;
    gantry::append_json_string(quoted, value);
    return raw(key, quoted);
  }
  Line& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  [[nodiscard]] std::string done() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

std::string range_json(const dicom::ByteRange& range) {
  return "[" + std::to_string(range.offset) + "," + std::to_string(range.length) + "]";
}

template <class Range, class Function>
std::string list_json(const Range& range, Function&& function) {
  std::string json = "[";
  for (const auto& each : range) json += (json.size() > 1 ? "," : "") + function(each);
  return json + "]";
}

std::string quoted(const std::string& text) {
  std::string json;
  gantry::append_json_string(json, text);
  return json;
}

std::string frames_json(const dicom::Layout& layout) {
  std::string json = "[";
  for (std::uint32_t number = 1; number <= layout.pixels.frames; ++number) {
    const auto frame = layout.frame(number);
    json += number > 1 ? "," : "";
    if (!frame) {
      json += quoted(frame.error().detail());
      continue;
    }
    json += Line()
                .raw("ranges", list_json(frame->ranges, range_json))
                .number("bit_shift", frame->bit_shift)
                .number("bits", frame->bits)
                .done();
  }
  return json + "]";
}

std::string layout_json(const dicom::Layout& layout) {
  static constexpr const char* kKinds[] = {"none", "native", "encapsulated", "unusable"};
  const auto bulk = list_json(layout.bulk, [](const dicom::BulkItem& item) {
    return Line().text("path", item.path).text("vr", item.vr).raw("range", range_json(item.range)).done();
  });
  return Line()
      .text("transfer_syntax", layout.transfer_syntax)
      .number("dataset_offset", layout.dataset_offset)
      .raw("inflated", layout.inflated ? "true" : "false")
      .raw("big_endian", layout.big_endian ? "true" : "false")
      .text("pixels", kKinds[static_cast<int>(layout.pixels.kind)])
      .text("problem", layout.pixels.problem)
      .number("word_bytes", layout.pixels.word_bytes)
      .raw("value", range_json(layout.pixels.value))
      .raw("frames", frames_json(layout))
      .raw("bulk", bulk)
      .done();
}

std::string qido_json(const dicom::QidoAttributes& a) {
  return Line()
      .text("patient_id", a.patient_id)
      .text("patient_name", a.patient_name)
      .text("patient_sex", a.patient_sex)
      .text("patient_birth_date", a.patient_birth_date)
      .text("study_date", a.study_date)
      .text("study_time", a.study_time)
      .text("accession_number", a.accession_number)
      .text("study_id", a.study_id)
      .text("study_description", a.study_description)
      .text("referring_physician_name", a.referring_physician_name)
      .text("modality", a.modality)
      .text("series_number", a.series_number)
      .text("series_description", a.series_description)
      .text("body_part_examined", a.body_part_examined)
      .text("instance_number", a.instance_number)
      .text("number_of_frames", a.number_of_frames)
      .text("rows", a.rows)
      .text("columns", a.columns)
      .text("bits_allocated", a.bits_allocated)
      .done();
}

/// Writes the re-encoded object; the Error when it can't be, or breaks off.
Result<void> write_explicit(std::shared_ptr<const RandomAccess> object, const std::filesystem::path& target) {
  GANTRY_LET(const auto stream, dicom::to_explicit_little_endian(std::move(object)));
  std::ofstream out(target, std::ios::binary);
  std::array<std::byte, 10'000> piece;
  for (;;) {
    GANTRY_LET(const std::size_t count, stream->read(piece));
    if (count == 0) break;
    out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(count));
  }
  out.close();
  if (!out) return Error::unavailable("can't write " + target.string());
  return {};
}

Result<dicom::IndexedInstance> index(const std::vector<char>& bytes) {
  dicom::InstanceIndexer indexer;
  const auto all = std::as_bytes(std::span(bytes));
  for (std::size_t at = 0; at < all.size(); at += kPieceBytes) {
    GANTRY_TRY(indexer.feed(all.subspan(at, std::min(kPieceBytes, all.size() - at))));
  }
  return indexer.finish();
}

std::string dump(const std::string& path, const std::filesystem::path& explicit_folder, std::size_t number) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  Line line;
  line.text("file", path);
  const auto indexed = index(bytes);
  if (!indexed) {
    return line.raw("accepted", "false")
        .text("kind", to_string(indexed.error().kind()))
        .text("reason", indexed.error().detail())
        .done();
  }
  line.raw("accepted", "true")
      .raw("instance", indexed->json)
      .text("study", indexed->study.str())
      .text("series", indexed->series.str())
      .text("sop", indexed->sop.str())
      .raw("qido", qido_json(indexed->attributes))
      .raw("layout", layout_json(indexed->layout))
      .raw("warnings", list_json(indexed->warnings, quoted));
  if (!explicit_folder.empty()) {
    const auto target = explicit_folder / (std::to_string(number) + ".dcm");
    const auto written = write_explicit(std::make_shared<Memory>(std::move(bytes)), target);
    written ? line.text("explicit", target.string()) : line.text("explicit_error", written.error().detail());
  }
  return line.done();
}

}  // namespace

int main(int argc, char** argv) {
  std::filesystem::path explicit_folder;
  if (argc == 3 && std::string_view(argv[1]) == "--explicit") {
    explicit_folder = argv[2];
  } else if (argc != 1) {
    std::cerr << "usage: dicom_dump [--explicit FOLDER] < paths\n";
    return 2;
  }
  std::size_t number = 0;
  for (std::string path; std::getline(std::cin, path);) std::cout << dump(path, explicit_folder, ++number) << '\n';
  return std::cout.flush() ? 0 : 1;
}

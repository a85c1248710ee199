#include "gantry/dicomweb/wado/prepared_body.hpp"

#include <span>
#include <string>
#include <string_view>

#include <zlib.h>

#include "gantry/archive/search_row_json.hpp"

namespace gantry::dicomweb::wado {
namespace {

using archive::PreparedMetadata;
using archive::SeriesDocument;
using std::string_view_literals::operator""sv;

/// Calls `text` with the brackets and commas and `document` with the documents between them.
template <class Text, class Document>
void walk(const PreparedMetadata& prepared, const Text& text, const Document& document) {
  text('[', false);
  bool first = true;
  for (const SeriesDocument& each : prepared.series) {
    if (each.instances == 0) continue;
    if (!first) text(',', false);
    document(each);
    first = false;
  }
  text(']', true);
}

/// Joins short texts, so that they are sent together.
class Plan {
 public:
  void text(std::string_view bytes) { text_ += bytes; }
  void range(const SeriesDocument& document, std::uint64_t offset, std::uint64_t length) {
    flush();
    body_.add(http::FileRange{document.file, offset, length});
  }
  /// Nothing but texts so far?
  [[nodiscard]] bool is_text() const { return body_.segments.empty(); }
  std::string take_text() { return std::move(text_); }
  http::BodyPlan finish() {
    flush();
    return std::move(body_);
  }

 private:
  void flush() {
    if (!text_.empty()) body_.add(std::exchange(text_, {}));
  }
  http::BodyPlan body_;
  std::string text_;
};

std::string little_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

}  // namespace

http::BodyPlan prepared_array(const PreparedMetadata& prepared) {
  Plan plan;
  if (prepared.series.size() == 1 && prepared.series[0].is_array) {
    // With its own brackets: mostly one range, one system call.
    const SeriesDocument& document = prepared.series[0];
    for (std::size_t i = 0; i < document.chunks.size(); ++i) {
      const std::uint64_t before = i == 0 ? 1 : 0, behind = i + 1 == document.chunks.size() ? 1 : 0;
      const auto& chunk = document.chunks[i];
      plan.range(document, chunk.offset - before, before + chunk.plain + behind);
    }
    return plan.finish();
  }
  walk(
      prepared,
      [&](char bracket, bool) {
        plan.text({&bracket, 1});
      },
      [&](const SeriesDocument& document) {
        for (const auto& chunk : document.chunks) plan.range(document, chunk.offset, chunk.plain);
      });
  return plan.finish();
}

http::BodyPlan prepared_gzip(const PreparedMetadata& prepared) {
  if (auto known = prepared.gzip.load()) {
    http::BodyPlan body;
    body.add(std::move(known));
    return body;
  }
  Plan plan;
  plan.text("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"sv);  // deflate, no name, no time, no system
  uLong crc = crc32_z(0, nullptr, 0);
  std::uint64_t size = 0;
  walk(
      prepared,
      [&](char bracket, bool last) {
        // A stored block of one byte (RFC 1951 §3.2.4); everything before it ends on a byte.
        plan.text(last ? "\x01\x01\x00\xfe\xff"sv : "\x00\x01\x00\xfe\xff"sv);
        plan.text({&bracket, 1});
        crc = crc32_z(crc, reinterpret_cast<const Bytef*>(&bracket), 1);
        ++size;
      },
      [&](const SeriesDocument& document) {
        plan.text(document.deflated);
        if (document.deflated.empty()) {
          for (const auto& chunk : document.chunks) plan.range(document, chunk.deflated_offset, chunk.deflated);
        }
        const std::uint64_t plain = document.plain_size();
        crc = crc32_combine(crc, document.crc32, static_cast<z_off_t>(plain));
        size += plain;
      });
  plan.text(little_endian(static_cast<std::uint32_t>(crc)));
  plan.text(little_endian(static_cast<std::uint32_t>(size)));
  if (!plan.is_text()) return plan.finish();
  auto whole = std::make_shared<const std::string>(plan.take_text());
  prepared.gzip.store(whole);
  http::BodyPlan body;
  body.add(std::move(whole));
  return body;
}

http::BodyPlan prepared_zstd(const PreparedMetadata& prepared) {
  const SeriesDocument& document = prepared.series.front();
  http::BodyPlan body;
  if (document.zstd) {
    body.add(document.zstd);
    return body;
  }
  for (const auto& chunk : document.chunks) body.add(http::FileRange{document.file, chunk.zstd_offset, chunk.zstd});
  return body;
}

NextObject prepared_pieces(archive::PreparedPtr prepared, std::string root) {
  return [prepared = std::move(prepared), root = std::move(root), series = std::size_t{0}, chunk = std::size_t{0},
          any = false]() mutable -> Result<std::optional<std::string>> {
    while (series < prepared->series.size() && chunk == prepared->series[series].chunks.size()) ++series, chunk = 0;
    if (series == prepared->series.size()) return std::optional<std::string>();
    const SeriesDocument& document = prepared->series[series];
    const SeriesDocument::Chunk& range = document.chunks[chunk];
    std::string text(range.plain, '\0');
    GANTRY_LET(const std::size_t got, document.file->read_at(range.offset, std::as_writable_bytes(std::span(text))));
    if (got != text.size()) return Error::internal("a prepared document of a series ended while it was read");
    archive::replace_root(text, root);  // a chunk holds whole objects
    if (chunk++ == 0 && any) text.insert(0, 1, ',');
    any = true;
    return std::optional(std::move(text));
  };
}

}  // namespace gantry::dicomweb::wado

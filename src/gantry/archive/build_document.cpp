#include "gantry/archive/build_document.hpp"

#include <utility>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/row_cursor.hpp"

namespace gantry::archive {

Result<std::optional<SeriesDocument>> build_series_document(index::InstanceIndex& index, storage::ObjectStore& objects,
                                                            const RequestContext& ctx, const StudyUid& study,
                                                            const SeriesUid& series, std::uint64_t version) {
  index::SearchQuery query;
  query.level = index::Level::kInstance;
  query.study = study;
  query.series = series;
  query.with_attributes = true;
  const auto keep = [](index::SearchRow&& row) -> Result<std::optional<std::string>> {
    return std::optional(std::move(row.attributes_zstd));
  };
  const auto size_of = [](const std::string& compressed) { return compressed.size(); };
  RowCursor<std::string> rows(index, ctx, std::move(query), keep, size_of, {});
  GANTRY_LET(auto staged, objects.stage(ctx));
  SeriesDocumentWriter writer(*staged, SeriesDocumentWriter::Zstd::kNo);
  std::uint64_t plain = 0;
  for (;;) {
    GANTRY_LET(const auto compressed, rows.next());
    if (!compressed) break;
    const auto json = decompress_attributes(*compressed);
    if (!json) {
      writer.leave_out();
      continue;
    }
    plain += json->size();
    if (plain > kBuiltBytesMost) return std::optional<SeriesDocument>();
    GANTRY_TRY(writer.add(*json));
  }
  GANTRY_TRY(writer.finish(version));
  GANTRY_LET(auto file, objects.open_staged(ctx, std::move(staged)));
  GANTRY_LET(auto document, read_series_document(std::move(file)));
  return std::optional(std::move(document));
}

}  // namespace gantry::archive

#pragma once

// For tests of the read side: an archive in memory, filled through the real indexer.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "gantry/archive/attributes_codec.hpp"
#include "gantry/archive/query_service.hpp"
#include "gantry/archive/retrieve_service.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/dicom/part10_builder.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/index/memory/memory_index.hpp"
#include "gantry/storage/memory/memory_store.hpp"

namespace gantry::archive::testing {

namespace part10 = dicom::testing;

inline RequestContext context_for(std::string tenant = "clinic-a") {
  RequestContext context;
  context.tenant = TenantId(std::move(tenant));
  return context;
}

/// Attributes of a made-up instance. An empty one is not written at all.
struct Made {
  std::string study = "1.2.1", series = "1.2.1.1", sop = "1.2.1.1.1";
  std::string patient_name = "Test^Gantry", patient_id = "P-1", study_date = "20240131", study_time = "101500";
  std::string accession = "ACC1", study_description = "Kopf nativ", modality = "CT", series_number = "1",
              series_description = "axial", instance_number = "1", station = "SCANNER7";
  std::string transfer_syntax = std::string(dicom::kExplicitLittleEndian);
  part10::Encoding encoding;
  part10::DataSetBuilder tail{{}};  ///< elements of groups above 0020, in `encoding`
};

inline std::string part10_file(const Made& made) {
  part10::DataSetBuilder data(made.encoding);
  const auto text = [&](dicom::Tag tag, std::string_view vr, const std::string& value) {
    if (!value.empty()) data.text(tag, vr, value);
  };
  text({0x0008, 0x0005}, "CS", "ISO_IR 192");
  text({0x0008, 0x0016}, "UI", std::string(part10::kCtClass));
  text({0x0008, 0x0018}, "UI", made.sop);
  text({0x0008, 0x0020}, "DA", made.study_date);
  text({0x0008, 0x0030}, "TM", made.study_time);
  text({0x0008, 0x0050}, "SH", made.accession);
  text({0x0008, 0x0060}, "CS", made.modality);
  text({0x0008, 0x1010}, "SH", made.station);
  text({0x0008, 0x1030}, "LO", made.study_description);
  text({0x0008, 0x103E}, "LO", made.series_description);
  text({0x0010, 0x0010}, "PN", made.patient_name);
  text({0x0010, 0x0020}, "LO", made.patient_id);
  text({0x0020, 0x000D}, "UI", made.study);
  text({0x0020, 0x000E}, "UI", made.series);
  text({0x0020, 0x0011}, "IS", made.series_number);
  text({0x0020, 0x0013}, "IS", made.instance_number);
  data.raw(made.tail.bytes());
  const std::string body =
      made.transfer_syntax == dicom::kDeflatedExplicitLittleEndian ? part10::deflated(data.bytes()) : data.bytes();
  return part10::file_meta(made.transfer_syntax, part10::kCtClass, made.sop) + body;
}

/// Group 0028 and native Pixel Data.
inline part10::DataSetBuilder pixels(std::uint16_t rows, std::uint16_t columns, std::uint16_t bits,
                                     std::string_view frames, std::string_view value, part10::Encoding encoding = {}) {
  part10::DataSetBuilder data(encoding);
  data.us({0x0028, 0x0002}, 1)
      .text({0x0028, 0x0004}, "CS", "MONOCHROME2")
      .text({0x0028, 0x0008}, "IS", std::string(frames));
  data.us({0x0028, 0x0010}, rows).us({0x0028, 0x0011}, columns).us({0x0028, 0x0100}, bits);
  data.element({0x7FE0, 0x0010}, bits > 8 ? "OW" : "OB", value);
  return data;
}

/// Group 0028 and encapsulated Pixel Data of so many frames, without an offset table; by default a fragment is a frame.
inline part10::DataSetBuilder compressed(const std::vector<std::string>& fragments, std::size_t frames = 0) {
  part10::DataSetBuilder data;
  data.us({0x0028, 0x0002}, 1).text({0x0028, 0x0004}, "CS", "MONOCHROME2");
  data.text({0x0028, 0x0008}, "IS", std::to_string(frames == 0 ? fragments.size() : frames));
  data.us({0x0028, 0x0010}, 8).us({0x0028, 0x0011}, 8).us({0x0028, 0x0100}, 8);
  data.undefined({0x7FE0, 0x0010}, "OB").fragment("");
  for (const auto& fragment : fragments) data.fragment(fragment);
  data.end_sequence();
  return data;
}

class TestArchive {
 public:
  /// Indexes, keeps and commits a file as the store service does, and tells the listener.
  void store(const std::string& file, const std::string& tenant = "clinic-a",
             index::ConflictPolicy policy = index::ConflictPolicy::kReject) {
    const auto context = context_for(tenant);
    dicom::InstanceIndexer indexer;
    const auto fed = indexer.feed(std::as_bytes(std::span(file)));
    ASSERT_TRUE(fed) << fed.error().detail();
    auto indexed = indexer.finish();
    ASSERT_TRUE(indexed) << indexed.error().detail();
    index::InstanceRecord record;
    record.study = indexed->study;
    record.series = indexed->series;
    record.sop = indexed->sop;
    record.sop_class = indexed->sop_class;
    record.transfer_syntax = indexed->transfer_syntax;
    record.attributes = indexed->attributes;
    record.object_key =
        ObjectKey(tenant + "/" + uid_hash(indexed->study.view()) + "/" + uid_hash(indexed->series.view()) + "/" +
                  to_hex(indexed->file_sha256) + "-" + random_hex(16) + ".dcm");
    record.size = indexed->size;
    record.file_sha256 = indexed->file_sha256;
    record.dataset_sha256 = indexed->dataset_sha256;
    record.frame_index = dicom::encode_layout(indexed->layout);
    record.attributes_zstd = compress_attributes(indexed->json);
    if (damage_attributes) record.attributes_zstd.back() ^= 1;  // of its checksum
    record.persist_began = Clock::now();
    auto staged = objects.stage(context);
    ASSERT_TRUE(staged);
    ASSERT_TRUE((*staged)->write(std::as_bytes(std::span(file))));
    const auto persisted = objects.persist(context, *std::move(staged), record.object_key);
    ASSERT_TRUE(persisted) << persisted.error().detail();
    ASSERT_TRUE(index.ensure_tenant(context));
    const auto committed = index.commit(context, {&record, 1}, policy);
    ASSERT_TRUE(committed) << committed.error().detail();
    ASSERT_LE((*committed)[0].outcome, index::Committed::Outcome::kIgnored) << (*committed)[0].detail;
    retrieves.committed(context, record.study, record.series, record.sop);
  }
  void store(const Made& made, const std::string& tenant = "clinic-a") { store(part10_file(made), tenant); }

  void remove(const StudyUid& study, const std::optional<SeriesUid>& series, const std::optional<SopUid>& sop) {
    const auto context = context_for();
    const auto removed = index.remove(context, study, series, sop, std::chrono::seconds(0));
    ASSERT_TRUE(removed);
    ASSERT_GT(*removed, 0U);
    retrieves.committed(context, study, series.value_or(SeriesUid()), sop.value_or(SopUid()));
  }

  bool damage_attributes = false;  ///< of what is stored from now on
  std::chrono::seconds ahead{0};   ///< of the index's clock before the real one
  index::MemoryIndex index{[this] { return index::timestamp_now() + ahead; }};
  storage::MemoryStore objects;
  QueryService queries{index};
  RetrieveService retrieves{index, objects};
};

}  // namespace gantry::archive::testing

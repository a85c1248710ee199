#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/ids.hpp"
#include "gantry/base/result.hpp"
#include "gantry/base/sha256.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/dicom/tag.hpp"

namespace gantry::dicom {

/// Limits of DESIGN §13 on a data set.
struct IndexerLimits {
  unsigned nesting = 64;
  std::uint64_t elements = 1'000'000;
  std::size_t inline_bytes = 1024;            ///< larger binary values are named by BulkDataURI
  std::size_t inline_text_bytes = 64 * 1024;  ///< larger text and number values, too
  std::size_t value_bytes = 1 << 20;          ///< more of one value is never held in memory
  std::size_t json_bytes = 32 << 20;          ///< kTooLarge above
  std::uint64_t inflated_bytes = 4ULL << 30;
  unsigned inflate_ratio = 1000;
  bool unknown_transfer_syntaxes = false;  ///< true: kept as opaque objects
};

/// The attributes that searching and the index's columns need, in UTF-8, trimmed; "" when absent or empty.
/// Multi-valued ones are joined by '\'. Person names keep their component groups joined by '='.
/// Dates and times are as in the data set (not validated). `damaged` text is kept.
struct QidoAttributes {
  // patient
  std::string patient_id, patient_name, patient_sex, patient_birth_date, patient_birth_time, patient_age, patient_size,
      patient_weight;
  // study
  std::string study_date, study_time, accession_number, study_id, study_description, referring_physician_name,
      timezone_offset;
  // series
  std::string modality, series_number, series_date, series_time, series_description, body_part_examined, protocol_name,
      performed_procedure_step_start_date, performed_procedure_step_start_time;
  /// Request Attributes Sequence (0040,0275), an entry per item.
  std::string scheduled_procedure_step_ids, requested_procedure_ids;
  // instance
  std::string instance_number, number_of_frames, rows, columns, bits_allocated, content_date, content_time;
};

/// What one pass over a Part 10 file yields.
struct IndexedInstance {
  StudyUid study;
  SeriesUid series;
  SopUid sop;
  std::string sop_class;        ///< SOP Class UID
  std::string transfer_syntax;  ///< UID from the File Meta group
  QidoAttributes attributes;
  /// One DICOM JSON object (PS3.18 Annex F) with every attribute but bulk values, whose BulkDataURIs are rooted at
  /// /dicom-web/studies/{study}/series/{series}/instances/{sop}/bulkdata/{path}.
  std::string json;
  Layout layout;
  std::uint64_t size = 0;  ///< bytes of the file
  Sha256 file_sha256{};
  Sha256 dataset_sha256{};            ///< of the bytes after the File Meta group, as sent
  std::vector<Tag> missing;           ///< what its SOP class can't do without (see SopClassCheck)
  std::vector<std::string> warnings;  ///< damaged text, odd lengths …: kept, flagged (tags only, no patient text)
};

/// False for what is no composite instance and so can't be stored: DICOMDIR, worklist entries, query and print objects
/// … True for every other class, unknown and private ones included, and for "".
[[nodiscard]] bool storable_class(std::string_view sop_class) noexcept;
/// The kUnsupported that says so.
[[nodiscard]] Error refuse_class(std::string_view sop_class);

/// Indexes a Part 10 file (PS3.10 §7) in one pass while it arrives, hashing on the way. Never trusts a length, never
/// recurses, and holds a bounded amount whatever arrives. Not thread-safe; one per instance.
class InstanceIndexer {
 public:
  explicit InstanceIndexer(IndexerLimits limits = {});
  ~InstanceIndexer();
  InstanceIndexer(InstanceIndexer&&) noexcept;
  InstanceIndexer& operator=(InstanceIndexer&&) noexcept;

  /// The next bytes, cut anywhere. After an error every call gives that error again. Errors, with details that tell the
  /// sender what to do: kInvalid (no Part 10 file, broken or truncated data set, missing or invalid UIDs: 0xC000),
  /// kUnsupported (unknown transfer syntax: 0xC122; DICOMDIR or worklist, no storable instance: 0xC000 by
  /// `storable_class()`), kTooLarge (a limit).
  Result<void> feed(std::span<const std::byte> bytes);
  /// True as soon as all four UIDs are known (usually long before Pixel Data). They can be read from here on.
  [[nodiscard]] bool identified() const noexcept;
  [[nodiscard]] const StudyUid& study() const noexcept;
  [[nodiscard]] const SopUid& sop() const noexcept;
  [[nodiscard]] const std::string& sop_class() const noexcept;
  /// After the last byte. kInvalid when the file ends inside an element or lacks a UID. Call once.
  Result<IndexedInstance> finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::dicom

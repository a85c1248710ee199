#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/dicom/charset.hpp"
#include "gantry/dicom/instance_indexer.hpp"
#include "gantry/dicom/json_data_set.hpp"
#include "gantry/dicom/part10_reader.hpp"
#include "gantry/dicom/pixel_indexer.hpp"
#include "gantry/dicom/qido_collector.hpp"
#include "gantry/dicom/sop_class_check.hpp"

namespace gantry::dicom {

/// Turns what the reader tells into all that is kept of an instance: identity, QIDO attributes, DICOM JSON and layout.
class DataSetCollector final : public Part10Handler {
 public:
  explicit DataSetCollector(const IndexerLimits& limits);

  [[nodiscard]] bool identified() const noexcept;
  [[nodiscard]] const StudyUid& study() const noexcept { return study_; }
  [[nodiscard]] const SeriesUid& series() const noexcept { return series_; }
  [[nodiscard]] const SopUid& sop() const noexcept { return sop_; }
  /// Of the data set; before it is known, of the File Meta group.
  [[nodiscard]] const std::string& sop_class() const noexcept {
    return sop_class_.empty() ? meta_.sop_class : sop_class_;
  }

  /// After the reader's finish(): everything but size and hash of the file. kInvalid when a UID is missing, kTooLarge.
  Result<IndexedInstance> finish();

  Result<void> on_file_meta(const FileMeta& meta) override;
  void on_dataset_bytes(std::string_view bytes) override;
  Wish begin_value(const ElementHead& head) override;
  Result<void> on_value(const ElementHead& head, std::string_view bytes) override;
  Result<void> on_passed(const ElementHead& head) override;
  Result<void> begin_sequence(const ElementHead& head) override;
  Result<void> begin_item() override;
  Result<void> end_item() override;
  Result<void> end_sequence() override;
  Result<void> begin_fragments(const ElementHead& head) override;
  Result<void> on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) override;
  Result<void> on_fragment(const FragmentHead& fragment) override;
  Result<void> end_fragments(std::uint64_t end) override;
  void on_oddity(std::string text) override;

 private:
  /// What items inherit from the data set around them, unless they say otherwise.
  struct Scope {
    CharacterSet charset;
    bool plain_ascii = true;  ///< ASCII bytes without escapes mean ASCII
    bool signed_pixels = false;
    std::uint16_t lut_entries = 0;  ///< first value of the last LUT Descriptor
    Tag sequence;                   ///< that the item is of
    /// Short values, US or SS, of this data set that came before its Pixel Representation: written at its end.
    std::vector<std::pair<ElementHead, std::string>> undecided;
  };

  [[nodiscard]] bool at_top() const noexcept { return scopes_.size() == 1; }
  [[nodiscard]] Vr resolve(const ElementHead& head) const noexcept;
  void note_context(Tag tag, std::string_view bytes, bool big_endian);
  void split_text(Tag tag, Vr vr, std::string_view bytes);
  void split_numbers(Vr vr, std::string_view bytes, bool big_endian);
  Result<void> note_top_level(const ElementHead& head, Vr vr, std::string_view bytes);
  Result<void> note_uid(Tag tag, std::string_view uid);
  [[nodiscard]] bool must_wait(const ElementHead& head, std::string_view bytes) const noexcept;
  void write_undecided();
  void write_value(const ElementHead& head, Vr vr, std::string_view bytes);
  [[nodiscard]] Vr byte_order_of(const ElementHead& head, Vr vr) const noexcept;
  Result<void> write_bulk(const ElementHead& head, Vr vr);

  IndexerLimits limits_;
  FileMeta meta_;
  std::string sop_class_;
  StudyUid study_;
  SeriesUid series_;
  SopUid sop_;
  Sha256Stream dataset_hash_;
  JsonDataSet json_;
  QidoCollector qido_;
  PixelIndexer pixels_;
  SopClassCheck class_check_;
  std::vector<Scope> scopes_;
  std::vector<Tag> sequences_;
  bool worklist_ = false;                 ///< has a Scheduled Procedure Step Sequence, as worklist entries do
  unsigned ignored_depth_ = 0;            ///< inside a sequence that is left out
  std::vector<std::string_view> values_;  ///< of the current element: UTF-8, trimmed
  std::vector<Utf8Text> converted_;       ///< what `values_` looks at when text had to be converted
  std::string numbers_;                   ///< the same for numbers
  ElementHead fragmented_;                ///< the encapsulated value that is being read
  ByteRange first_fragment_;
  std::uint32_t fragment_count_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace gantry::dicom

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "gantry/dicom/explicit_encoder.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::pixels {

/// Elements of the data set's top level that are written instead of its own; an empty one is left out.
using Patches = std::map<dicom::Tag, std::string>;

/// An element in Explicit VR Little Endian, padded.
[[nodiscard]] std::string explicit_element(dicom::Tag tag, dicom::Vr vr, std::string_view value);

/// Writes Explicit VR Little Endian as ExplicitEncoder does, with patches in the order of tags.
class PatchingEncoder final : public dicom::DataSetHandler {
 public:
  PatchingEncoder(std::string& out, Patches patches) : out_(out), inner_(out), patches_(std::move(patches)) {}

  void begin_piece(std::uint64_t offset, std::string_view piece) noexcept { inner_.begin_piece(offset, piece); }
  void end_piece() { inner_.end_piece(); }
  /// Writes what patches are left. After the last piece.
  void finish();

  Wish begin_value(const dicom::ElementHead& head) override;
  Result<void> on_value(const dicom::ElementHead& head, std::string_view bytes) override;
  Result<void> on_passed(const dicom::ElementHead& head) override;
  Result<void> begin_sequence(const dicom::ElementHead& head) override;
  Result<void> begin_item() override;
  Result<void> end_item() override;
  Result<void> end_sequence() override;
  Result<void> begin_fragments(const dicom::ElementHead& head) override;
  Result<void> on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) override;
  Result<void> on_fragment(const dicom::FragmentHead& fragment) override;
  Result<void> end_fragments(std::uint64_t end) override;
  void on_oddity(std::string text) override;

 private:
  void write_until(dicom::Tag tag);

  std::string& out_;
  dicom::ExplicitEncoder inner_;
  Patches patches_;
  Patches written_;  ///< their tags: the data set's own are left out, wherever they stand
  unsigned depth_ = 0;
};

}  // namespace gantry::pixels

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/dicom/data_set_parser.hpp"
#include "gantry/dicom/vr_context.hpp"

namespace gantry::dicom {

/// Writes what a parser tells as Explicit VR Little Endian: sequences and items with undefined length, values of even
/// length. Values are never held: they are copied out of the piece that is being parsed.
class ExplicitEncoder final : public DataSetHandler {
 public:
  /// Appends to `out`, which its owner empties between pieces.
  explicit ExplicitEncoder(std::string& out);

  /// The piece that the parser is given next; it begins at `offset`, counted as the parser counts.
  void begin_piece(std::uint64_t offset, std::string_view piece) noexcept;
  /// The parser has returned.
  void end_piece();

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
  /// A value that is being copied piece by piece.
  struct Copy {
    std::uint64_t next = 0;
    std::uint64_t end = 0;
    std::size_t word_bytes = 1;  ///< above 1: words are swapped
    bool odd = false;            ///< a byte of padding follows
    char padding = '\0';
    std::string cut_word;  ///< bytes of a word that continues in the next piece
  };

  void begin_copy(std::uint64_t offset, std::uint64_t length, std::size_t word_bytes, char padding);
  void copy_available();
  void append_value(std::string_view bytes);
  void append_item(std::uint32_t length);
  void append_delimiter(Tag tag);

  std::string& out_;
  std::uint64_t piece_offset_ = 0;
  std::string_view piece_;
  Copy copy_;
  bool copying_ = false;
  std::vector<VrContext> contexts_;
};

/// What our File Meta groups say of who wrote them (PS3.10 §7.1).
inline constexpr std::string_view kImplementationClassUid = "2.25.337956140247928426840814834766427841680";
inline constexpr std::string_view kImplementationVersion = "GANTRY";

/// Appends an element's header in Explicit VR Little Endian. `length` may be kUndefinedLength.
void append_explicit_head(std::string& out, Tag tag, Vr vr, std::uint32_t length);

}  // namespace gantry::dicom

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/piece_cursor.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicom {

inline constexpr std::uint32_t kUndefinedLength = 0xFFFFFFFF;
inline constexpr Tag kItem{0xFFFE, 0xE000};
inline constexpr Tag kItemDelimiter{0xFFFE, 0xE00D};
inline constexpr Tag kSequenceDelimiter{0xFFFE, 0xE0DD};

/// What a data element's header says and where it lies.
struct ElementHead {
  Tag tag;
  Vr vr = Vr::kUN;        ///< of the file; of the dictionary in Implicit VR, and where the file says UN
  bool implicit = false;  ///< the VR is the dictionary's
  bool big_endian = false;
  std::uint32_t length = 0;  ///< kUndefinedLength: items follow until a delimiter
  std::uint64_t offset = 0;  ///< of the header
  std::uint64_t value_offset = 0;
};

/// One fragment of encapsulated Pixel Data. The first item, the Basic Offset Table, comes apart.
struct FragmentHead {
  std::uint64_t offset = 0;  ///< of the item's header
  std::uint32_t length = 0;  ///< of the fragment, which begins 8 bytes later
  std::string_view begin;    ///< its first bytes, at most 12: enough to recognise the start of a codestream
};

/// Receives a data set's parts in the order of the file. An Error ends the reading and comes out of feed().
class DataSetHandler {
 public:
  virtual ~DataSetHandler() = default;

  enum class Wish { kHold, kPass };
  /// Whether the value is wanted in memory, or only passed by. Not asked for sequences and encapsulated values. A value
  /// above the parser's own limit is passed by whatever the handler wishes.
  virtual Wish begin_value(const ElementHead& head) = 0;
  virtual Result<void> on_value(const ElementHead& head, std::string_view bytes) = 0;
  virtual Result<void> on_passed(const ElementHead& head) = 0;

  virtual Result<void> begin_sequence(const ElementHead& head) = 0;
  virtual Result<void> begin_item() = 0;
  virtual Result<void> end_item() = 0;
  virtual Result<void> end_sequence() = 0;

  /// An encapsulated value (PS3.5 A.4): `head` has undefined length.
  virtual Result<void> begin_fragments(const ElementHead& head) = 0;
  /// `bytes` is the table's content, empty also when it is too long to be held. `offset` is that of the item's header.
  virtual Result<void> on_offset_table(std::uint64_t offset, std::uint32_t length, std::string_view bytes) = 0;
  virtual Result<void> on_fragment(const FragmentHead& fragment) = 0;
  /// `end` is the offset behind the sequence delimiter.
  virtual Result<void> end_fragments(std::uint64_t end) = 0;

  /// Something odd that was tolerated; says what and where, never a value.
  virtual void on_oddity(std::string text) = 0;
};

struct ParserLimits {
  unsigned nesting = 64;               ///< how often a sequence may lie inside another
  std::uint64_t elements = 1'000'000;  ///< items and fragments count as elements
  std::size_t value_bytes = 1 << 20;
  /// Whether a UN of defined length that PS3.6 calls a sequence is read as one, when its value can be held and is one.
  bool unknown_sequences = true;
};

/// Parses a data set (PS3.5 §7) that arrives in pieces cut anywhere: an explicit stack, never recursion, and no memory
/// for a length that is only declared. Lengths that reach beyond what contains them are errors.
class DataSetParser {
 public:
  /// `first_offset` is the position of the data set's first byte, as the handler shall see it.
  DataSetParser(DataSetHandler& handler, const ParserLimits& limits, bool implicit, bool big_endian,
                std::uint64_t first_offset);

  /// kInvalid for a broken data set, kTooLarge for a limit. Not to be called again after an error.
  Result<void> feed(std::string_view piece);
  /// After the last byte; kInvalid when it is not the end of an element at the top level.
  Result<void> finish();

 private:
  enum class State : std::uint8_t { kHead, kValue, kSkip, kUnknownSequence, kOffsetTable, kFragment, kFragmentRest };
  enum class Kind : std::uint8_t { kDataSet, kItems, kFragments };
  struct Level {
    Kind kind = Kind::kDataSet;
    bool implicit = false;
    bool big_endian = false;
    bool first_item = true;    ///< of kFragments: the offset table is still to come
    Tag tag;                   ///< of the element, an item's is kItem
    std::uint64_t offset = 0;  ///< of its header
    std::uint64_t end = 0;     ///< by defined length; kNoEnd when a delimiter ends it
    std::uint64_t limit = 0;   ///< what contains it ends there; kNoEnd when unknown
  };
  enum class Step : std::uint8_t { kGoOn, kNeedMore };
  using Progress = Result<Step>;

  Progress step();
  Progress read_element();
  Progress read_item_head();
  Progress read_value();
  Progress read_unknown_sequence();
  Progress read_fragment();
  Result<void> begin_undefined(const ElementHead& head);
  Result<void> begin_items(const ElementHead& head, bool implicit, bool big_endian);
  Result<void> open(Level level);
  Result<void> close();
  Result<void> item_delimiter(std::uint64_t offset);
  Result<void> sequence_delimiter(std::uint64_t offset);
  Result<void> count_element();
  Result<void> value_done();
  [[nodiscard]] std::string where(Tag tag, std::uint64_t offset) const;

  DataSetHandler& handler_;
  const ParserLimits limits_;
  PieceCursor cursor_;
  std::vector<Level> levels_;
  State state_ = State::kHead;
  ElementHead head_;  ///< the element whose value is being read
  FragmentHead fragment_;
  std::uint64_t skip_left_ = 0;
  std::uint64_t elements_ = 0;
  unsigned depth_ = 0;  ///< open sequences
};

/// "(0010,0010) at offset 1234"
[[nodiscard]] std::string describe(Tag tag, std::uint64_t offset);

}  // namespace gantry::dicom

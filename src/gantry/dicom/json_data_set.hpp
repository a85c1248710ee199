#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gantry/base/result.hpp"
#include "gantry/dicom/layout.hpp"
#include "gantry/dicom/tag.hpp"
#include "gantry/dicom/vr.hpp"

namespace gantry::dicom {

/// Grows the DICOM JSON object of a data set (PS3.18 F.2) element by element, and the list of values that it names by
/// BulkDataURI. Elements may come in any order and twice: keys come out ascending, of equal ones the first stays.
class JsonDataSet {
 public:
  /// `bytes_max` bounds the JSON, URIs included.
  explicit JsonDataSet(std::size_t bytes_max);

  /// `"GGGGEEEE":{"vr":"XX"`; what follows up to end_element() belongs to it.
  void begin_element(Tag tag, Vr vr);
  void end_element();
  /// `,"Value":[` … `]`
  void begin_values();
  void end_values();
  /// `,"InlineBinary":"…"`
  void inline_binary(Vr vr, std::string_view bytes, bool big_endian);
  /// `,"BulkDataURI":"…"`; a listed item is kept in bulk().
  void bulk_uri(Vr vr, ByteRange range, bool listed);

  void begin_sequence(Tag tag);
  void begin_item();
  void end_item();
  void end_sequence();

  /// Where items of values are appended to.
  [[nodiscard]] std::string& out() noexcept { return out_; }
  /// kTooLarge when the JSON outgrew its limit.
  [[nodiscard]] Result<void> check() const;
  /// How many items the innermost open sequence has had, counting from its begin.
  [[nodiscard]] std::size_t depth() const noexcept { return levels_.size() - 1; }

  /// The whole object, with `uri_root` (".../bulkdata/") in front of every path. Call once, all sequences being closed.
  [[nodiscard]] Result<std::string> finish(std::string_view uri_root);
  /// After finish(): sorted by path.
  [[nodiscard]] std::vector<BulkItem> take_bulk() noexcept { return std::move(bulk_); }

 private:
  struct Entry {
    std::uint32_t tag = 0;
    std::uint32_t json_begin = 0;
    std::uint32_t bulk_begin = 0;
  };
  /// A data set: the root's or an item's. `items` and `has_values` are of the sequence that is open in it.
  struct Level {
    std::size_t first_entry = 0;
    bool ordered = true;
    std::size_t path_size = 0;
    std::uint32_t items = 0;
  };
  void close_level();
  void reorder(const Level& level);

  std::size_t bytes_max_;
  std::size_t uris_ = 0;
  std::string out_;
  std::string path_;            ///< "54000100/1/" inside that item
  std::vector<Entry> entries_;  ///< of all open levels, innermost last
  std::vector<Level> levels_;
  std::vector<BulkItem> bulk_;
};

}  // namespace gantry::dicom

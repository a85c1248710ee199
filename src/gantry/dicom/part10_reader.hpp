#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "gantry/base/result.hpp"
#include "gantry/dicom/data_set_parser.hpp"
#include "gantry/dicom/inflater.hpp"
#include "gantry/dicom/transfer_syntax.hpp"

namespace gantry::dicom {

/// What the File Meta group (PS3.10 §7.1) says, trimmed; "" when it doesn't.
struct FileMeta {
  std::string transfer_syntax;
  std::string sop_class;     ///< Media Storage SOP Class UID
  std::string sop_instance;  ///< Media Storage SOP Instance UID
  /// How the data set is encoded. An unknown transfer syntax that was allowed: Explicit VR LE, encapsulated.
  TransferSyntax encoding;
  bool known = true;                 ///< whether the transfer syntax is in our table
  std::uint64_t dataset_offset = 0;  ///< first byte after the group
};

class Part10Handler : public DataSetHandler {
 public:
  /// Before the first element of the data set.
  virtual Result<void> on_file_meta(const FileMeta& meta) = 0;
  /// The bytes after the File Meta group as they are in the file, before what they mean.
  virtual void on_dataset_bytes(std::string_view bytes) = 0;
};

struct Part10Limits {
  ParserLimits parser;
  Inflater::Limits inflate;
  bool unknown_transfer_syntaxes = false;
};

/// Reads a Part 10 file (PS3.10 §7) that arrives in pieces cut anywhere: preamble, File Meta group (always Explicit VR
/// Little Endian; its length is not relied on), then the data set, inflated where the transfer syntax says so. Offsets
/// are the file's, or those of the inflated data set.
class Part10Reader {
 public:
  Part10Reader(Part10Handler& handler, const Part10Limits& limits);

  /// kInvalid (no Part 10 file, broken data), kUnsupported (unknown transfer syntax), kTooLarge, and what the handler
  /// returns. Not to be called again after an error.
  Result<void> feed(std::span<const std::byte> bytes);
  /// After the last byte.
  Result<void> finish();

 private:
  enum class State : std::uint8_t { kPreamble, kMeta, kMetaValue, kMetaSkip, kDataSet };

  Result<bool> read_meta();  // true: go on, false: needs more bytes
  Result<bool> read_meta_head();
  void keep_meta(std::string_view value);
  Result<void> begin_data_set();
  Result<void> feed_data_set(std::string_view piece);

  Part10Handler& handler_;
  const Part10Limits limits_;
  PieceCursor cursor_;
  State state_ = State::kPreamble;
  FileMeta meta_;
  Tag tag_;
  std::uint32_t length_ = 0;
  std::uint64_t skip_left_ = 0;
  std::uint64_t meta_end_ = 0;  ///< as the group length says; 0: it doesn't
  std::optional<Inflater> inflater_;
  std::optional<DataSetParser> parser_;
};

/// Without the padding of a UI or text value: trailing NULs and spaces, leading spaces.
[[nodiscard]] std::string_view trim_padding(std::string_view text) noexcept;

}  // namespace gantry::dicom

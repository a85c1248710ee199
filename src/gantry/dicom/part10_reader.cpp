#include "gantry/dicom/part10_reader.hpp"

namespace gantry::dicom {

namespace {

constexpr std::size_t kPreambleBytes = 132;
constexpr std::size_t kMetaValueMax = 4096;
constexpr Tag kGroupLength{0x0002, 0x0000};
constexpr Tag kMediaSopClass{0x0002, 0x0002};
constexpr Tag kMediaSopInstance{0x0002, 0x0003};
constexpr Tag kTransferSyntax{0x0002, 0x0010};

std::uint32_t little(const char* bytes, unsigned count) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < count; ++i) value |= std::uint32_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
  return value;
}

bool is_wanted(Tag tag) noexcept {
  return tag == kGroupLength || tag == kMediaSopClass || tag == kMediaSopInstance || tag == kTransferSyntax;
}

Error no_part10() {
  return Error::invalid("not a DICOM Part 10 file: no 'DICM' after a preamble of 128 bytes (PS3.10 section 7.1)");
}

}  // namespace

std::string_view trim_padding(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

Part10Reader::Part10Reader(Part10Handler& handler, const Part10Limits& limits) : handler_(handler), limits_(limits) {}

Result<void> Part10Reader::feed(std::span<const std::byte> bytes) {
  const std::string_view piece(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (state_ == State::kDataSet) return feed_data_set(piece);
  cursor_.attach(piece);
  for (bool more = true; more && state_ != State::kDataSet;) {
    GANTRY_LET(more, read_meta());
  }
  if (state_ != State::kDataSet) return {};
  // What was looked at to find the end of the group belongs to the data set.
  const std::string seen = cursor_.release();
  const std::string_view rest = cursor_.rest();
  if (!seen.empty()) GANTRY_TRY(feed_data_set(seen));
  return feed_data_set(rest);
}

Result<bool> Part10Reader::read_meta() {
  switch (state_) {
    case State::kPreamble: {
      const char* bytes = cursor_.peek(kPreambleBytes);
      if (bytes == nullptr) return false;
      if (std::string_view(bytes + 128, 4) != "DICM") return no_part10();
      cursor_.consume(kPreambleBytes);
      state_ = State::kMeta;
      return true;
    }
    case State::kMeta: return read_meta_head();
    case State::kMetaValue: {
      const char* bytes = cursor_.peek(length_);
      if (bytes == nullptr) return false;
      keep_meta({bytes, length_});
      cursor_.consume(length_);
      state_ = State::kMeta;
      return true;
    }
    case State::kMetaSkip:
      skip_left_ -= cursor_.skip(skip_left_);
      if (skip_left_ > 0) return false;
      state_ = State::kMeta;
      return true;
    case State::kDataSet: break;
  }
  return false;
}

Result<bool> Part10Reader::read_meta_head() {
  const std::uint64_t at = cursor_.position();
  // The group ends where another group begins, whatever (0002,0000) says: it is often wrong or missing. Only a
  // compressed data set has no tag to look at.
  if (at == meta_end_ && meta_.transfer_syntax == kDeflatedExplicitLittleEndian) {
    GANTRY_TRY(begin_data_set());
    return true;
  }
  const char* bytes = cursor_.peek(8);
  if (bytes == nullptr) return false;
  tag_ = Tag(static_cast<std::uint16_t>(little(bytes, 2)), static_cast<std::uint16_t>(little(bytes + 2, 2)));
  if (tag_.group != 0x0002) {
    GANTRY_TRY(begin_data_set());
    return true;
  }
  const auto vr = parse_vr(bytes[4], bytes[5]);
  if (!vr) {
    return Error::invalid("the File Meta group is not in Explicit VR Little Endian at " + describe(tag_, at));
  }
  std::size_t size = 8;
  length_ = little(bytes + 6, 2);
  if (facts(*vr).long_length) {
    size = 12;
    bytes = cursor_.peek(size);
    if (bytes == nullptr) return false;
    length_ = little(bytes + 8, 4);
  }
  if (length_ == kUndefinedLength) {
    return Error::invalid("undefined length in the File Meta group at " + describe(tag_, at));
  }
  cursor_.consume(size);
  skip_left_ = length_;
  state_ = is_wanted(tag_) && length_ <= kMetaValueMax ? State::kMetaValue : State::kMetaSkip;
  return true;
}

void Part10Reader::keep_meta(std::string_view value) {
  if (tag_ == kGroupLength) {
    if (value.size() == 4) meta_end_ = cursor_.position() + 4 + little(value.data(), 4);
  } else if (tag_ == kMediaSopClass) {
    meta_.sop_class = trim_padding(value);
  } else if (tag_ == kMediaSopInstance) {
    meta_.sop_instance = trim_padding(value);
  } else {
    meta_.transfer_syntax = trim_padding(value);
  }
}

Result<void> Part10Reader::begin_data_set() {
  if (meta_.transfer_syntax.empty()) {
    return Error::invalid("no Transfer Syntax UID (0002,0010) in the File Meta group");
  }
  meta_.dataset_offset = cursor_.position();
  if (const TransferSyntax* syntax = find_transfer_syntax(meta_.transfer_syntax)) {
    meta_.encoding = *syntax;
  } else if (limits_.unknown_transfer_syntaxes) {
    meta_.known = false;
    meta_.encoding.encapsulated = true;
  } else {
    return Error::unsupported("unknown transfer syntax " + meta_.transfer_syntax);
  }
  GANTRY_TRY(handler_.on_file_meta(meta_));
  const TransferSyntax& encoding = meta_.encoding;
  if (encoding.deflated) inflater_.emplace(limits_.inflate);
  parser_.emplace(handler_, limits_.parser, !encoding.explicit_vr, encoding.big_endian,
                  encoding.deflated ? 0 : meta_.dataset_offset);
  state_ = State::kDataSet;
  return {};
}

Result<void> Part10Reader::feed_data_set(std::string_view piece) {
  handler_.on_dataset_bytes(piece);
  if (!inflater_) return parser_->feed(piece);
  inflater_->offer(piece);
  for (;;) {
    GANTRY_LET(const std::string_view inflated, inflater_->next());
    if (inflated.empty()) return {};
    GANTRY_TRY(parser_->feed(inflated));
  }
}

Result<void> Part10Reader::finish() {
  if (state_ == State::kPreamble) return no_part10();
  if (state_ == State::kMetaValue || state_ == State::kMetaSkip || (state_ == State::kMeta && cursor_.waiting() > 0)) {
    return Error::invalid("truncated: the file ends inside the File Meta group, in " +
                          describe(tag_, cursor_.position()));
  }
  if (state_ == State::kMeta) GANTRY_TRY(begin_data_set());
  if (inflater_) GANTRY_TRY(inflater_->finish());
  return parser_->finish();
}

}  // namespace gantry::dicom

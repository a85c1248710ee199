#include "gantry/dicom/explicit_le.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gantry/dicom/explicit_encoder.hpp"
#include "gantry/dicom/inflater.hpp"
#include "gantry/dicom/part10_reader.hpp"

namespace gantry::dicom {

namespace {

constexpr std::size_t kPieceBytes = 128 * 1024;
constexpr std::size_t kMetaMax = 64 * 1024;  // a File Meta group above this is reduced to what every reader needs
// What indexing accepted is re-encoded whatever limits an operator has set since: no memory depends on them.
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
// A sequence written as UN stays one: to see that it is whole it would have to be held, and UN is right as it is.
constexpr ParserLimits kEncoderLimits{
    .nesting = 100'000, .elements = kUnlimited, .value_bytes = 4096, .unknown_sequences = false};
constexpr Inflater::Limits kInflaterLimits{.bytes = kUnlimited, .ratio = std::numeric_limits<unsigned>::max()};

std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// What was whole when it was stored and can't be read now is our own fault, not the asker's.
Error broken(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kTimeout
             ? error
             : Error::internal("a stored object can't be re-encoded: " + error.detail());
}

/// The bytes of an object from an offset on.
class StoredBytes final : public ByteStream {
 public:
  StoredBytes(std::shared_ptr<const RandomAccess> object, std::uint64_t offset)
      : object_(std::move(object)), offset_(offset) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    GANTRY_LET(const std::size_t count, object_->read_at(offset_, into));
    offset_ += count;
    return count;
  }

 private:
  std::shared_ptr<const RandomAccess> object_;
  std::uint64_t offset_;
};

class InflatedBytes final : public ByteStream {
 public:
  InflatedBytes(std::shared_ptr<const RandomAccess> object, std::uint64_t offset)
      : source_(std::move(object), offset), inflater_(kInflaterLimits), input_(kPieceBytes) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    while (ready_.empty()) {
      if (offered_) {
        auto next = inflater_.next();
        if (!next) return broken(next.error());
        ready_ = *next;
        if (!ready_.empty()) break;
      }
      GANTRY_LET(const std::size_t count, source_.read(input_));
      if (count == 0) {
        if (auto ended = inflater_.finish(); !ended) return broken(ended.error());
        return std::size_t{0};
      }
      inflater_.offer(as_text(std::span(input_).first(count)));
      offered_ = true;
    }
    const std::size_t count = std::min(into.size(), ready_.size());
    std::copy_n(reinterpret_cast<const std::byte*>(ready_.data()), count, into.data());
    ready_.remove_prefix(count);
    return count;
  }

 private:
  StoredBytes source_;
  Inflater inflater_;
  std::vector<std::byte> input_;
  std::string_view ready_;
  bool offered_ = false;
};

/// Takes no interest in anything.
class QuietHandler : public Part10Handler {
 public:
  Result<void> on_file_meta(const FileMeta&) override { return {}; }
  void on_dataset_bytes(std::string_view) override {}
  Wish begin_value(const ElementHead&) override { return Wish::kPass; }
  Result<void> on_value(const ElementHead&, std::string_view) override { return {}; }
  Result<void> on_passed(const ElementHead&) override { return {}; }
  Result<void> begin_sequence(const ElementHead&) override { return {}; }
  Result<void> begin_item() override { return {}; }
  Result<void> end_item() override { return {}; }
  Result<void> end_sequence() override { return {}; }
  Result<void> begin_fragments(const ElementHead&) override { return {}; }
  Result<void> on_offset_table(std::uint64_t, std::uint32_t, std::string_view) override { return {}; }
  Result<void> on_fragment(const FragmentHead&) override { return {}; }
  Result<void> end_fragments(std::uint64_t) override { return {}; }
  void on_oddity(std::string) override {}
};

/// Reads the File Meta group and no further.
class MetaHandler final : public QuietHandler {
 public:
  std::optional<FileMeta> meta;

  Result<void> on_file_meta(const FileMeta& file_meta) override {
    meta = file_meta;
    return Error::internal("enough");  // ends the reading
  }
};

Result<FileMeta> read_file_meta(const RandomAccess& object) {
  MetaHandler handler;
  Part10Reader reader(handler, {});
  std::array<std::byte, 4096> piece;
  for (std::uint64_t offset = 0;;) {
    GANTRY_LET(const std::size_t count, object.read_at(offset, piece));
    auto fed = count == 0 ? reader.finish() : reader.feed(std::span(piece).first(count));
    if (handler.meta) return *std::move(handler.meta);
    if (!fed) return fed.error().kind() == ErrorKind::kUnsupported ? fed.error() : broken(fed.error());
    if (count == 0) return Error::internal("a stored object has no data set");
    offset += count;
  }
}

using MetaElement = std::pair<Tag, std::string>;

void add_meta(std::vector<MetaElement>& elements, Tag tag, Vr vr, std::string_view value, char padding) {
  std::string text;
  append_explicit_head(text, tag, vr, static_cast<std::uint32_t>(value.size() + (value.size() & 1)));
  text += value;
  if ((value.size() & 1) != 0) text.push_back(padding);
  elements.emplace_back(tag, std::move(text));
}

/// The elements of the source's group that stay true: not its length, transfer syntax and who wrote it.
class MetaCollector final : public QuietHandler {
 public:
  std::vector<MetaElement> elements;

  Wish begin_value(const ElementHead&) override { return Wish::kHold; }
  Result<void> on_value(const ElementHead& head, std::string_view bytes) override {
    const bool ours = head.tag.element == 0x0000 || (head.tag.element >= 0x0010 && head.tag.element <= 0x0013);
    if (!ours)
      add_meta(elements, head.tag, head.vr, bytes,
               facts(head.vr).kind == VrKind::kText && head.vr != Vr::kUI ? ' ' : '\0');
    return {};
  }
};

/// Preamble (zeros: what another format had there points to places that have moved), "DICM" and the File Meta group.
Result<std::string> make_head(const RandomAccess& object, const FileMeta& meta, std::string_view transfer_syntax) {
  std::vector<MetaElement> elements;
  constexpr std::uint64_t kGroupOffset = 132;
  if (meta.dataset_offset - kGroupOffset <= kMetaMax) {
    std::string group(static_cast<std::size_t>(meta.dataset_offset - kGroupOffset), '\0');
    GANTRY_LET(const std::size_t count, object.read_at(kGroupOffset, std::as_writable_bytes(std::span(group))));
    MetaCollector collector;
    DataSetParser parser(collector, {.value_bytes = kMetaMax}, false, false, 0);
    auto parsed = parser.feed(std::string_view(group).substr(0, count));
    if (parsed) parsed = parser.finish();
    if (!parsed) return broken(parsed.error());
    elements = std::move(collector.elements);
  } else {
    if (!meta.sop_class.empty()) add_meta(elements, {0x0002, 0x0002}, Vr::kUI, meta.sop_class, '\0');
    if (!meta.sop_instance.empty()) add_meta(elements, {0x0002, 0x0003}, Vr::kUI, meta.sop_instance, '\0');
  }
  const auto has_version = [](const MetaElement& element) { return element.first == Tag{0x0002, 0x0001}; };
  if (std::none_of(elements.begin(), elements.end(), has_version)) {
    add_meta(elements, {0x0002, 0x0001}, Vr::kOB, std::string_view("\0\1", 2), '\0');
  }
  add_meta(elements, {0x0002, 0x0010}, Vr::kUI, transfer_syntax, '\0');
  add_meta(elements, {0x0002, 0x0012}, Vr::kUI, kImplementationClassUid, '\0');
  add_meta(elements, {0x0002, 0x0013}, Vr::kSH, kImplementationVersion, ' ');
  std::stable_sort(elements.begin(), elements.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

  std::string group;
  for (const auto& element : elements) group += element.second;
  std::string head(128, '\0');
  head += "DICM";
  append_explicit_head(head, {0x0002, 0x0000}, Vr::kUL, 4);
  const auto length = static_cast<std::uint32_t>(group.size());
  for (unsigned shift = 0; shift < 32; shift += 8) head.push_back(static_cast<char>((length >> shift) & 0xFF));
  return head + group;
}

class ExplicitLittleEndian final : public ByteStream {
 public:
  ExplicitLittleEndian(std::string head, std::unique_ptr<ByteStream> source, const TransferSyntax& encoding)
      : out_(std::move(head)),
        source_(std::move(source)),
        encoder_(out_),
        parser_(encoder_, kEncoderLimits, !encoding.explicit_vr, encoding.big_endian, 0),
        piece_(kPieceBytes) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    while (given_ == out_.size()) {
      out_.clear();
      given_ = 0;
      if (ended_) return std::size_t{0};
      GANTRY_TRY(encode_piece());
    }
    const std::size_t count = std::min(into.size(), out_.size() - given_);
    std::copy_n(reinterpret_cast<const std::byte*>(out_.data()) + given_, count, into.data());
    given_ += count;
    return count;
  }

 private:
  Result<void> encode_piece() {
    GANTRY_LET(const std::size_t count, source_->read(piece_));
    if (count == 0) {
      ended_ = true;
      if (auto finished = parser_.finish(); !finished) return broken(finished.error());
      return {};
    }
    const std::string_view piece = as_text(std::span(piece_).first(count));
    encoder_.begin_piece(offset_, piece);
    if (auto fed = parser_.feed(piece); !fed) return broken(fed.error());
    encoder_.end_piece();
    offset_ += count;
    return {};
  }

  std::string out_;        ///< made, but not yet given
  std::size_t given_ = 0;  ///< of `out_`
  bool ended_ = false;
  std::uint64_t offset_ = 0;
  std::unique_ptr<ByteStream> source_;
  ExplicitEncoder encoder_;
  DataSetParser parser_;
  std::vector<std::byte> piece_;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> inflate_dataset(std::shared_ptr<const RandomAccess> object,
                                                    std::uint64_t dataset_offset) {
  return std::unique_ptr<ByteStream>(std::make_unique<InflatedBytes>(std::move(object), dataset_offset));
}

Result<std::string> transfer_syntax_of(const RandomAccess& object) {
  GANTRY_LET(FileMeta meta, read_file_meta(object));
  return std::move(meta.transfer_syntax);
}

Result<std::string> file_head(const RandomAccess& object, std::string_view transfer_syntax) {
  GANTRY_LET(const FileMeta meta, read_file_meta(object));
  return make_head(object, meta, transfer_syntax);
}

Result<std::unique_ptr<ByteStream>> to_explicit_little_endian(std::shared_ptr<const RandomAccess> object) {
  GANTRY_LET(const FileMeta meta, read_file_meta(*object));
  if (meta.encoding.encapsulated || meta.transfer_syntax.rfind("1.2.840.10008.1.2.4.", 0) == 0) {
    return Error::unsupported("objects in transfer syntax " + meta.transfer_syntax +
                              " can't be re-encoded to Explicit VR Little Endian without decoding");
  }
  GANTRY_LET(auto head, make_head(*object, meta, kExplicitLittleEndian));
  std::unique_ptr<ByteStream> source;
  if (meta.encoding.deflated) {
    source = std::make_unique<InflatedBytes>(std::move(object), meta.dataset_offset);
  } else {
    source = std::make_unique<StoredBytes>(std::move(object), meta.dataset_offset);
  }
  return std::unique_ptr<ByteStream>(
      std::make_unique<ExplicitLittleEndian>(std::move(head), std::move(source), meta.encoding));
}

}  // namespace gantry::dicom

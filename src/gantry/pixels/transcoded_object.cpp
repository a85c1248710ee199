#include "gantry/pixels/transcoded_object.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

#include "gantry/dicom/data_set_parser.hpp"
#include "gantry/dicom/explicit_le.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/pixels/patching_encoder.hpp"
#include "gantry/pixels/syntaxes.hpp"

namespace gantry::pixels {
namespace {

using dicom::Tag;
using dicom::Vr;

constexpr Tag kPixelData{0x7FE0, 0x0010};
constexpr std::size_t kPieceBytes = 128 << 10;
constexpr std::uint64_t kValueMost = 0xFFFFFFFE;
// What indexing accepted is written again whatever limits an operator has set since.
constexpr dicom::ParserLimits kLimits{.nesting = 100'000,
                                      .elements = std::numeric_limits<std::uint64_t>::max(),
                                      .value_bytes = 4096,
                                      .unknown_sequences = false};

Error broken(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable ? error
                                                 : Error::internal("a stored object can't be re-encoded: " + error.detail());
}

void append_u16(std::string& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value & 0xFF));
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
}

void append_item(std::string& out, Tag tag, std::uint32_t length) {
  append_u16(out, tag.group);
  append_u16(out, tag.element);
  append_u16(out, length);
  append_u16(out, length >> 16);
}

/// The bytes of a data set, inflated where needed, from one place to another.
class DataSetBytes {
 public:
  explicit DataSetBytes(StoredObject object) : object_(std::move(object)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) {
    if (!object_.layout->inflated) return object_.bytes->read_at(offset, into);
    if (stream_ == nullptr) {
      GANTRY_LET(stream_, dicom::inflate_dataset(object_.bytes, object_.layout->dataset_offset));
    }
    std::vector<std::byte> skipped(position_ < offset ? kPieceBytes : 0);
    while (position_ < offset) {
      const auto want = std::min<std::uint64_t>(skipped.size(), offset - position_);
      GANTRY_LET(const std::size_t count, stream_->read(std::span(skipped).first(static_cast<std::size_t>(want))));
      if (count == 0) return std::size_t{0};
      position_ += count;
    }
    GANTRY_LET(const std::size_t count, stream_->read(into));
    position_ += count;
    return count;
  }

 private:
  StoredObject object_;
  std::unique_ptr<ByteStream> stream_;
  std::uint64_t position_ = 0;
};

std::string joined(std::vector<std::string> values, const std::string& last) {
  std::string text;
  for (const auto& value : values) text += value + "\\";
  return text + last;
}

Patches patches_of(const ImageAttributes& image, const Frame& first) {
  const auto& set = *image.data_set;
  Patches patches;
  const auto put = [&](Tag tag, Vr vr, std::string_view value) { patches[tag] = explicit_element(tag, vr, value); };
  if (first.shape.photometric != set.text({0x0028, 0x0004})) put({0x0028, 0x0004}, Vr::kCS, first.shape.photometric);
  if (first.shape.samples > 1) put({0x0028, 0x0006}, Vr::kUS, std::string_view("\0\0", 2));
  if (image.frames > 1 || set.find({0x0028, 0x0008}) != nullptr) {
    put({0x0028, 0x0008}, Vr::kIS, std::to_string(image.frames));
  }
  if (first.shape.transfer_syntax == kJpegBaseline) {
    char ratio[32];
    std::snprintf(ratio, sizeof(ratio), "%.4g",
                  static_cast<double>(first.shape.values() * first.shape.sample_bytes()) /
                      static_cast<double>(std::max<std::size_t>(first.bytes.size(), 1)));
    put({0x0028, 0x2110}, Vr::kCS, "01");
    put({0x0028, 0x2112}, Vr::kDS, joined(set.texts({0x0028, 0x2112}), ratio));
    put({0x0028, 0x2114}, Vr::kCS, joined(set.texts({0x0028, 0x2114}), "ISO_10918_1"));
  }
  // Offsets of fragments that are others now.
  for (const std::uint16_t element : {0x0001, 0x0002, 0x0003}) patches[{0x7FE0, element}] = "";
  return patches;
}

class TranscodedStream final : public ByteStream {
 public:
  TranscodedStream(StoredObject object, std::string head, std::uint32_t frames, std::shared_ptr<const Frame> first,
                   Patches patches, FrameMaker make_frame)
      : layout_(*object.layout),
        source_(std::move(object)),
        out_(std::move(head)),
        frames_(frames),
        first_(std::move(first)),
        make_frame_(std::move(make_frame)),
        encoder_(std::make_unique<PatchingEncoder>(out_, std::move(patches))) {
    const auto* syntax = dicom::find_transfer_syntax(layout_.transfer_syntax);
    implicit_ = syntax != nullptr && !syntax->explicit_vr;
    at_ = layout_.inflated ? 0 : layout_.dataset_offset;
    // The header of Pixel Data lies right before its value (PS3.5 §7.1).
    end_ = layout_.pixels.value.offset - (implicit_ ? 8 : 12);
    parser_ = new_parser();
    native_ = is_native(first_->shape.transfer_syntax);
  }

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    while (given_ == out_.size()) {
      if (stage_ == Stage::kEnd) return std::size_t{0};
      out_.clear();
      given_ = 0;
      GANTRY_TRY(go_on());
    }
    const std::size_t count = std::min(into.size(), out_.size() - given_);
    std::copy_n(reinterpret_cast<const std::byte*>(out_.data()) + given_, count, into.data());
    given_ += count;
    return count;
  }

 private:
  enum class Stage { kBefore, kFrames, kAfter, kEnd };

  std::unique_ptr<dicom::DataSetParser> new_parser() {
    return std::make_unique<dicom::DataSetParser>(*encoder_, kLimits, implicit_, layout_.big_endian, at_);
  }

  Result<void> go_on() {
    switch (stage_) {
      case Stage::kBefore: {
        GANTRY_LET(const bool more, copy_attributes());
        if (!more) {
          encoder_->finish();
          begin_pixels();
          stage_ = Stage::kFrames;
        }
        return {};
      }
      case Stage::kFrames:
        if (next_ <= frames_) return add_frame();
        end_pixels();
        at_ = layout_.pixels.value.offset + layout_.pixels.value.length;
        end_ = std::numeric_limits<std::uint64_t>::max();
        encoder_ = std::make_unique<PatchingEncoder>(out_, Patches());
        parser_ = new_parser();
        stage_ = Stage::kAfter;
        return {};
      case Stage::kAfter: {
        GANTRY_LET(const bool more, copy_attributes());
        if (!more) stage_ = Stage::kEnd;
        return {};
      }
      case Stage::kEnd: return {};
    }
    return {};
  }

  /// A piece of what lies before or behind Pixel Data; false at its end.
  Result<bool> copy_attributes() {
    std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, end_ - at_)));
    std::size_t count = 0;
    if (!piece.empty()) {
      GANTRY_LET(count, source_.read(at_, piece));
    }
    if (count == 0) {
      if (stage_ == Stage::kBefore && at_ < end_) return Error::internal("an object ends before its layout does");
      if (auto finished = parser_->finish(); !finished) return broken(finished.error());
      return false;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(piece.data()), count);
    encoder_->begin_piece(at_, bytes);
    if (auto fed = parser_->feed(bytes); !fed) return broken(fed.error());
    encoder_->end_piece();
    at_ += count;
    return true;
  }

  void begin_pixels() {
    const auto& shape = first_->shape;
    if (!native_) {
      dicom::append_explicit_head(out_, kPixelData, Vr::kOB, dicom::kUndefinedLength);
      append_item(out_, dicom::kItem, 0);  // the Basic Offset Table, empty: frames are not known yet
      return;
    }
    const std::uint64_t bits = shape.bits_allocated == 1 ? shape.values() * frames_ : first_->bytes.size() * 8ULL * frames_;
    const std::uint64_t bytes = (bits + 7) / 8;
    dicom::append_explicit_head(out_, kPixelData, shape.bits_allocated > 8 ? Vr::kOW : Vr::kOB,
                                static_cast<std::uint32_t>(bytes + bytes % 2));
  }

  Result<void> add_frame() {
    std::shared_ptr<const Frame> frame = std::exchange(first_, nullptr);
    if (next_ > 1) {
      GANTRY_LET(frame, make_frame_(next_));
    }
    ++next_;
    if (!native_) {
      const auto length = static_cast<std::uint32_t>(frame->bytes.size());
      append_item(out_, dicom::kItem, length + length % 2);
      out_ += frame->bytes;
      if (length % 2 != 0) out_.push_back('\0');
    } else if (frame->shape.bits_allocated == 1) {
      add_bits(frame->bytes, frame->shape.values());
    } else {
      out_ += frame->bytes;
      pixel_bytes_ += frame->bytes.size();
    }
    return {};
  }

  /// 1-bit frames lie one behind the other without a gap (PS3.5 §8.1.1).
  void add_bits(std::string_view bytes, std::uint64_t bits) {
    for (std::uint64_t done = 0; done < bits; done += 8) {
      const auto count = static_cast<unsigned>(std::min<std::uint64_t>(8, bits - done));
      bits_ |= static_cast<unsigned>(static_cast<unsigned char>(bytes[static_cast<std::size_t>(done / 8)])) << bits_held_;
      bits_held_ += count;
      if (bits_held_ >= 8) {
        out_.push_back(static_cast<char>(bits_ & 0xFF));
        ++pixel_bytes_;
        bits_ >>= 8;
        bits_held_ -= 8;
      }
    }
  }

  void end_pixels() {
    if (!native_) {
      append_item(out_, dicom::kSequenceDelimiter, 0);
      return;
    }
    if (bits_held_ > 0) {
      out_.push_back(static_cast<char>(bits_ & 0xFF));
      ++pixel_bytes_;
    }
    if (pixel_bytes_ % 2 != 0) out_.push_back('\0');
  }

  const dicom::Layout layout_;
  DataSetBytes source_;
  std::string out_;
  std::size_t given_ = 0;
  const std::uint32_t frames_;
  std::shared_ptr<const Frame> first_;
  FrameMaker make_frame_;
  std::unique_ptr<PatchingEncoder> encoder_;
  std::unique_ptr<dicom::DataSetParser> parser_;
  bool implicit_ = false;
  bool native_ = false;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  Stage stage_ = Stage::kBefore;
  std::uint32_t next_ = 1;
  std::uint64_t pixel_bytes_ = 0;
  unsigned bits_ = 0;
  unsigned bits_held_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> transcode_object(const StoredObject& object, const ImageAttributes& image,
                                                     const std::string& transfer_syntax, FrameMaker make_frame) {
  GANTRY_LET(auto first, make_frame(1));
  if (is_native(transfer_syntax) && first->bytes.size() * std::uint64_t{image.frames} > kValueMost) {
    return Error::too_large("the decoded pixels don't fit in a value of a data set");
  }
  GANTRY_LET(auto head, dicom::file_head(*object.bytes, transfer_syntax));
  auto patches = patches_of(image, *first);
  return std::unique_ptr<ByteStream>(std::make_unique<TranscodedStream>(
      object, std::move(head), image.frames, std::move(first), std::move(patches), std::move(make_frame)));
}

}  // namespace gantry::pixels

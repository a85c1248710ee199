#include "gantry/dicomweb/stow/metadata_instance.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "gantry/dicom/explicit_encoder.hpp"
#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicomweb/stow/bulk_text.hpp"
#include "gantry/dicomweb/stow/codestream.hpp"

namespace gantry::dicomweb::stow {
namespace {

using dicom::Tag;
using dicom::Vr;

constexpr Tag kCharacterSet{0x00080005}, kSopClass{0x00080016}, kSop{0x00080018};
constexpr Tag kSamples{0x00280002}, kPhotometric{0x00280004}, kPlanar{0x00280006}, kFrames{0x00280008},
    kRows{0x00280010}, kColumns{0x00280011}, kAllocated{0x00280100}, kStored{0x00280101}, kHighBit{0x00280102},
    kSign{0x00280103}, kLossy{0x00282110};
constexpr Tag kDocument{0x00420011}, kDocumentType{0x00420012}, kPixels{0x7FE00010};
constexpr std::uint32_t kUndefined = 0xFFFFFFFF, kItem = 0xE000, kItemEnd = 0xE00D, kSequenceEnd = 0xE0DD;
constexpr std::size_t kSniffedBytes = 64 << 10;
constexpr std::size_t kDiscardedMost = 16;  // are named
constexpr std::string_view kOctets = "application/octet-stream";

Error wrong(Tag tag, std::string_view what) {
  return Error::invalid("the metadata's " + dicom::to_hex8(tag) + " " + std::string(what));
}

void append_little(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void append_item(std::string& out, std::uint32_t element, std::uint32_t length) {
  append_little(out, 0xFFFE, 2);
  append_little(out, element, 2);
  append_little(out, length, 4);
}

template <class T>
bool append_number(std::string& out, std::string_view text) {
  T value{};
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));  // little endian machines alone are built for
  out.append(bytes.data(), bytes.size());
  return true;
}

bool append_binary_number(std::string& out, Vr vr, std::string_view text) {
  switch (vr) {
    case Vr::kUS: return append_number<std::uint16_t>(out, text);
    case Vr::kSS: return append_number<std::int16_t>(out, text);
    case Vr::kUL: return append_number<std::uint32_t>(out, text);
    case Vr::kSL: return append_number<std::int32_t>(out, text);
    case Vr::kUV: return append_number<std::uint64_t>(out, text);
    case Vr::kSV: return append_number<std::int64_t>(out, text);
    case Vr::kFL: return append_number<float>(out, text);
    case Vr::kFD: return append_number<double>(out, text);
    case Vr::kAT: {
      const auto tag = parse_tag(text);
      if (tag) append_little(out, tag->group, 2), append_little(out, tag->element, 2);
      return tag.has_value();
    }
    default: return false;
  }
}

char padding_of(Vr vr) { return vr == Vr::kUI || dicom::facts(vr).kind != dicom::VrKind::kText ? '\0' : ' '; }

MetadataAttribute text_of(Tag tag, Vr vr, std::string value) { return {tag, vr, {std::move(value)}, {}, {}, {}}; }

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (&value == &values.front() ? "" : "\\") + value;
  return text;
}

/// Groups of messages, of directories and of the file's own head, delimiters, and group lengths.
bool has_no_place(Tag tag) noexcept { return tag.element == 0 || tag.group < 8 || tag.group == 0xFFFE; }
/// Group lengths only count bytes, and the File Meta group is made by who writes the file (PS3.10 §7.1).
bool tells(Tag tag) noexcept { return tag.element != 0 && tag.group != 0x0002; }

/// Writes data sets; bulk data become pieces of their own.
class Writer {
 public:
  /// `pixels`, when there are any, are the parts of Pixel Data as they go into the file.
  Writer(const BulkParts& parts, const RandomAccess* bytes, const std::vector<BulkPart>* pixels, bool encapsulated,
         std::uint64_t& left)
      : parts_(parts), bytes_(bytes), pixels_(pixels), encapsulated_(encapsulated), left_(left) {}

  /// `charset` is the Specific Character Set that the set's source had, unless it names another.
  Result<void> write(const MetadataSet& set, std::size_t depth, std::string charset) {
    if (const auto* own = find(set, kCharacterSet); own != nullptr) charset = joined(own->values);
    for (const auto& attribute : set) {
      if (has_no_place(attribute.tag)) {
        if (tells(attribute.tag) && discarded_.size() < kDiscardedMost) discarded_.push_back(attribute.tag);
        continue;
      }
      // The text came as JSON or XML, so it is UTF-8 whatever its source once was (PS3.18 F.2.1.2), in items, too.
      if (attribute.tag == kCharacterSet) {
        GANTRY_TRY(write(text_of(kCharacterSet, Vr::kCS, "ISO_IR 192"), depth, charset));
      } else {
        GANTRY_TRY(write(attribute, depth, charset));
      }
    }
    return {};
  }
  std::string& text() { return text_; }
  /// What was left out so far and said something.
  std::vector<Tag> take_discarded() { return std::move(discarded_); }
  std::vector<FilePiece> take() {
    flush();
    return std::move(pieces_);
  }

 private:
  void flush() {
    if (!text_.empty()) pieces_.emplace_back(std::exchange(text_, {}));
  }
  Result<void> add(const dicom::ByteRange& range) {
    if (range.length > left_) return Error::invalid("the metadata use the parts more often than they were sent");
    left_ -= range.length;
    flush();
    if (range.length > 0) pieces_.emplace_back(range);
    return {};
  }

  Result<void> write(const MetadataAttribute& attribute, std::size_t depth, const std::string& charset) {
    if (attribute.vr == Vr::kSQ) return write_sequence(attribute, depth, charset);
    if (!attribute.bulk_uri.empty()) return write_bulk(attribute, depth, charset);
    std::string value = attribute.binary;
    const auto& facts = dicom::facts(attribute.vr);
    if (!attribute.values.empty() && facts.kind == dicom::VrKind::kBytes)
      return wrong(attribute.tag, "can't have a Value");
    for (std::size_t i = 0; i < attribute.values.size(); ++i) {
      if (facts.kind == dicom::VrKind::kNumber) {
        if (!append_binary_number(value, attribute.vr, attribute.values[i]))
          return wrong(attribute.tag, "is no number");
        continue;
      }
      if (i > 0) value += '\\';
      value += attribute.values[i];
    }
    return write_value(attribute, std::move(value));
  }

  Result<void> write_value(const MetadataAttribute& attribute, std::string value) {
    if (value.size() % 2 != 0) value += padding_of(attribute.vr);
    if (!dicom::facts(attribute.vr).long_length && value.size() > 0xFFFE)
      return wrong(attribute.tag, "is too long for its VR");
    dicom::append_explicit_head(text_, attribute.tag, attribute.vr, static_cast<std::uint32_t>(value.size()));
    text_ += value;
    return {};
  }

  Result<void> write_sequence(const MetadataAttribute& attribute, std::size_t depth, const std::string& charset) {
    if (!attribute.values.empty() || !attribute.bulk_uri.empty() || !attribute.binary.empty()) {
      return wrong(attribute.tag, "is a sequence, but has a value");
    }
    dicom::append_explicit_head(text_, attribute.tag, Vr::kSQ, kUndefined);
    for (const auto& item : attribute.items) {
      append_item(text_, kItem, kUndefined);
      GANTRY_TRY(write(item, depth + 1, charset));
      append_item(text_, kItemEnd, 0);
    }
    append_item(text_, kSequenceEnd, 0);
    return {};
  }

  Result<void> write_bulk(const MetadataAttribute& attribute, std::size_t depth, const std::string& charset) {
    const auto found = parts_.find(attribute.bulk_uri);
    if (found == parts_.end()) {
      return wrong(attribute.tag, "names a BulkDataURI that is no part's Content-Location");
    }
    if (pixels_ != nullptr && depth == 0 && attribute.tag == kPixels && encapsulated_) return write_fragments(*pixels_);
    if (needs_conversion(attribute.vr, charset)) return write_text(attribute, found->second, charset);
    std::uint64_t length = 0;
    for (const auto& part : found->second) length += part.range.length;
    const auto& facts = dicom::facts(attribute.vr);
    if (length >= kUndefined || (!facts.long_length && length > 0xFFFE))
      return wrong(attribute.tag, "is too long for its VR");
    const bool odd = length % 2 != 0;
    dicom::append_explicit_head(text_, attribute.tag, attribute.vr, static_cast<std::uint32_t>(length + (odd ? 1 : 0)));
    for (const auto& part : found->second) GANTRY_TRY(add(part.range));
    if (odd) text_ += padding_of(attribute.vr);
    return {};
  }

  Result<void> write_text(const MetadataAttribute& attribute, const std::vector<BulkPart>& parts,
                          const std::string& charset) {
    std::string value;
    for (const auto& part : parts) {
      if (part.range.length > left_) return Error::invalid("the metadata use the parts more often than they were sent");
      left_ -= part.range.length;
      if (part.range.length > text_left_) {
        return wrong(attribute.tag, "makes more than " + std::to_string(kBulkTextMost) +
                                        " bytes of text in another character set than UTF-8");
      }
      text_left_ -= part.range.length;
      auto text = bulk_text(*bytes_, part.range, attribute.vr, charset);
      if (!text && text.error().kind() == ErrorKind::kInvalid) return wrong(attribute.tag, text.error().detail());
      if (!text) return std::move(text).error();
      value += *text;
    }
    return write_value(attribute, std::move(value));
  }

  /// A frame is a fragment, without an offset table (PS3.5 A.4): who reads it walks over them.
  Result<void> write_fragments(const std::vector<BulkPart>& frames) {
    dicom::append_explicit_head(text_, kPixels, Vr::kOB, kUndefined);
    append_item(text_, kItem, 0);
    for (const auto& frame : frames) {
      if (frame.range.length >= kUndefined - 1) return wrong(kPixels, "has a frame that is too long for a fragment");
      const bool odd = frame.range.length % 2 != 0;
      append_item(text_, kItem, static_cast<std::uint32_t>(frame.range.length + (odd ? 1 : 0)));
      GANTRY_TRY(add(frame.range));
      if (odd) text_ += '\0';
    }
    append_item(text_, kSequenceEnd, 0);
    return {};
  }

  const BulkParts& parts_;
  const RandomAccess* bytes_;  ///< null without parts
  const std::vector<BulkPart>* pixels_;
  const bool encapsulated_;
  std::uint64_t& left_;
  std::string text_;
  std::vector<FilePiece> pieces_;
  std::vector<Tag> discarded_;
  std::uint64_t text_left_ = kBulkTextMost;  ///< that may be held to be converted
};

void fill(MetadataSet& set, Tag tag, Vr vr, const std::string& value) {
  const auto* there = find(set, tag);
  if (there == nullptr || there->values.empty()) put(set, text_of(tag, vr, value));
}

void fill_image(MetadataSet& set, const Codestream& image) {
  const unsigned allocated = image.bits <= 8 ? 8 : image.bits <= 16 ? 16 : 32;
  fill(set, kSamples, Vr::kUS, std::to_string(image.samples));
  fill(set, kPhotometric, Vr::kCS, image.photometric);
  if (image.samples > 1) fill(set, kPlanar, Vr::kUS, "0");
  fill(set, kRows, Vr::kUS, std::to_string(image.rows));
  fill(set, kColumns, Vr::kUS, std::to_string(image.columns));
  fill(set, kAllocated, Vr::kUS, std::to_string(allocated));
  fill(set, kStored, Vr::kUS, std::to_string(image.bits));
  fill(set, kHighBit, Vr::kUS, std::to_string(image.bits - 1));
  fill(set, kSign, Vr::kUS, image.is_signed ? "1" : "0");
  if (image.lossy) fill(set, kLossy, Vr::kCS, "01");
}

std::optional<std::uint64_t> number_of_frames(const MetadataSet& set) {
  const std::string said = first_value(set, kFrames);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), number);
  return error == std::errc() && end == said.data() + said.size() ? std::optional(number) : std::nullopt;
}

/// What the metadata say otherwise than the image.
std::vector<Tag> contradictions(const MetadataSet& set, const Codestream& image) {
  std::vector<Tag> tags;
  const auto compare = [&](Tag tag, std::uint32_t value) {
    const std::string said = first_value(set, tag);
    if (!said.empty() && said != std::to_string(value)) tags.push_back(tag);
  };
  compare(kSamples, image.samples);
  compare(kRows, image.rows);
  compare(kColumns, image.columns);
  return tags;
}

/// What a video is when its part does not say: the profiles that most are of.
std::string video_syntax(std::string_view media_type) {
  if (media_type == "video/mpeg" || media_type == "video/mpeg2") return "1.2.840.10008.1.2.4.100";
  if (media_type == "video/mp4") return "1.2.840.10008.1.2.4.102";
  if (media_type == "video/h265") return "1.2.840.10008.1.2.4.107";
  return {};
}

/// Looks at the parts of Pixel Data: their transfer syntax, and where the codestreams are in them. nullopt: not
/// compressed.
Result<std::optional<std::string>> look_at_pixels(MetadataSet& set, std::vector<BulkPart>& frames,
                                                  const RandomAccess& bytes, std::vector<Tag>& contradicted) {
  const std::string& declared = frames.front().transfer_syntax;
  const auto* known = dicom::find_transfer_syntax(declared);
  if (!declared.empty() && known == nullptr) {
    return Error::unsupported("the transfer syntax " + declared.substr(0, 64) + " of a part is not known");
  }
  const bool plain = known != nullptr ? !known->encapsulated : frames.front().media_type == kOctets;
  if (plain) {
    if (known != nullptr && declared != dicom::kExplicitLittleEndian) {
      return Error::unsupported("bulk data are taken in little endian, not as " + declared);
    }
    return std::optional<std::string>();
  }
  std::optional<Codestream> first;
  for (auto& frame : frames) {
    std::string beginning(static_cast<std::size_t>(std::min<std::uint64_t>(frame.range.length, kSniffedBytes)), '\0');
    GANTRY_LET(const std::size_t got, bytes.read_at(frame.range.offset, std::as_writable_bytes(std::span(beginning))));
    auto image = read_codestream(std::string_view(beginning).substr(0, got));
    if (!image) continue;
    // Pixel Data holds codestreams, not files (PS3.5 A.4.4).
    frame.range.offset += image->offset;
    frame.range.length = image->length != 0 ? std::min(image->length, frame.range.length - image->offset)
                                            : frame.range.length - image->offset;
    if (!first) first = std::move(image);
  }
  if (first) {
    // Parts hold a frame each, so that another number of them could only become a file whose frames can't be told
    // apart.
    if (const auto said = number_of_frames(set); said && *said != frames.size()) {
      return wrong(kFrames,
                   "says " + std::to_string(*said) + " frames, but the parts are " + std::to_string(frames.size()));
    }
    contradicted = contradictions(set, *first);
    fill_image(set, *first);
  }
  if (frames.size() > 1) fill(set, kFrames, Vr::kIS, std::to_string(frames.size()));
  // What the bytes are counts before what a part says they are, unless both are of one kind.
  if (first) {
    const auto* found = dicom::find_transfer_syntax(first->transfer_syntax);
    const bool agree = known != nullptr && found != nullptr && known->frame_media_type == found->frame_media_type &&
                       known->lossless <= found->lossless;
    return std::optional(agree ? declared : first->transfer_syntax);
  }
  if (known != nullptr) return std::optional(declared);
  std::string video = video_syntax(frames.front().media_type);
  if (video.empty()) {
    return Error::unsupported("the Pixel Data's part (" + frames.front().media_type.substr(0, 64) +
                              ") is nothing that is known here: say its transfer-syntax");
  }
  return std::optional(std::move(video));
}

std::string file_meta(const MetadataSet& set, std::string_view transfer_syntax) {
  std::string group;
  const auto add = [&group](Tag tag, Vr vr, std::string value) {
    if (value.size() % 2 != 0) value += padding_of(vr);
    dicom::append_explicit_head(group, tag, vr, static_cast<std::uint32_t>(value.size()));
    group += value;
  };
  add(Tag(0x00020001), Vr::kOB, std::string("\0\1", 2));
  add(Tag(0x00020002), Vr::kUI, first_value(set, kSopClass));
  add(Tag(0x00020003), Vr::kUI, first_value(set, kSop));
  add(Tag(0x00020010), Vr::kUI, std::string(transfer_syntax));
  add(Tag(0x00020012), Vr::kUI, std::string(dicom::kImplementationClassUid));
  add(Tag(0x00020013), Vr::kSH, std::string(dicom::kImplementationVersion));
  std::string head(128, '\0');
  head += "DICM";
  dicom::append_explicit_head(head, Tag(0x00020000), Vr::kUL, 4);
  append_little(head, group.size(), 4);
  return head + group;
}

}  // namespace

Result<MadeInstance> make_instance(MetadataSet metadata, const BulkParts& given, const RandomAccess* bytes,
                                   std::uint64_t& left) {
  MadeInstance made;
  std::string transfer_syntax(dicom::kExplicitLittleEndian);
  std::vector<BulkPart> frames;
  const auto* pixels = find(metadata, kPixels);
  if (pixels != nullptr && !pixels->bulk_uri.empty()) {
    const std::string uri = pixels->bulk_uri;  // filling in moves the attributes
    const auto found = given.find(uri);
    if (found == given.end()) return wrong(kPixels, "names a BulkDataURI that is no part's Content-Location");
    if (bytes == nullptr) return Error::internal("there are parts, but no bytes of them");
    frames = found->second;
    GANTRY_LET(auto compressed, look_at_pixels(metadata, frames, *bytes, made.contradicted));
    if (compressed) transfer_syntax = *std::move(compressed);
  }
  if (const auto* document = find(metadata, kDocument); document != nullptr && !document->bulk_uri.empty()) {
    const auto found = given.find(document->bulk_uri);
    if (found != given.end() && found->second.front().media_type != kOctets) {
      fill(metadata, kDocumentType, Vr::kLO, found->second.front().media_type);
    }
  }
  fill(metadata, kCharacterSet, Vr::kCS, "ISO_IR 192");
  const bool encapsulated = transfer_syntax != dicom::kExplicitLittleEndian;
  Writer writer(given, bytes, frames.empty() ? nullptr : &frames, encapsulated, left);
  writer.text() = file_meta(metadata, transfer_syntax);
  GANTRY_TRY(writer.write(metadata, 0, {}));
  made.discarded = writer.take_discarded();
  made.pieces = writer.take();
  return made;
}

}  // namespace gantry::dicomweb::stow

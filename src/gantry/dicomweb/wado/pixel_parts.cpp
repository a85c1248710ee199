#include "gantry/dicomweb/wado/pixel_parts.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "gantry/dicom/transfer_syntax.hpp"
#include "gantry/dicom/vr.hpp"
#include "gantry/dicomweb/wado/pixel_streams.hpp"

namespace gantry::dicomweb::wado {

using dicom::ByteRange;
using dicom::PixelLayout;

Result<std::vector<std::uint32_t>> parse_frame_list(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  std::unordered_set<std::uint32_t> seen;
  for (;;) {
    const auto end = text.find(',');
    const auto digits = text.substr(0, end);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
      return Error::invalid("a list of frame numbers from 1 was expected, such as 1,2,5");
    }
    std::uint32_t number = 0;
    const auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc()) return Error::not_found("there is no frame " + std::string(digits.substr(0, 20)));
    if (number == 0) return Error::invalid("frames are numbered from 1");
    if (!seen.insert(number).second) return Error::invalid("frame " + std::to_string(number) + " is asked for twice");
    numbers.push_back(number);
    if (end == std::string_view::npos) return numbers;
    text.remove_prefix(end + 1);
  }
}

PixelType pixel_type(const archive::LocatedInstance& instance) {
  const auto& pixels = instance.layout->pixels;
  const bool fragments = pixels.kind == PixelLayout::Kind::kEncapsulated || !pixels.fragments.empty();
  const auto* syntax = dicom::find_transfer_syntax(instance.transfer_syntax);
  if (!fragments) return {"application/octet-stream", std::string(dicom::kExplicitLittleEndian), false};
  std::string media_type = "application/octet-stream";
  if (syntax != nullptr && !syntax->frame_media_type.empty()) media_type = syntax->frame_media_type;
  return {std::move(media_type), instance.transfer_syntax, true};
}

namespace {

// A frame list holds fewer than 2,000 numbers (a URL has at most 8 kB), so their segments stay below 10 MB together.
constexpr std::size_t kFragmentsOfFrameMost = 64;
// Video may lie in many fragments and is read in ranges, which needs them listed.
constexpr std::size_t kFragmentsOfValueMost = 4096;

class FramesStream final : public ByteStream {
 public:
  FramesStream(archive::InstancePtr instance, MultipartPlan parts, PixelType type, std::string location)
      : instance_(std::move(instance)),
        parts_(std::move(parts)),
        type_(std::move(type)),
        location_(std::move(location)) {}

  /// Of the whole body.
  [[nodiscard]] std::uint64_t length() const {
    const auto& pixels = instance_->layout->pixels;
    MultipartPlan measured = parts_;
    std::uint64_t bytes = head(measured).size() + measured.closing().size();
    if (pixels.frames > 1) bytes += std::uint64_t{pixels.frames - 1} * head(measured).size();
    for (std::size_t i = pixels.first_fragment.front(); i < pixels.fragments.size(); ++i)
      bytes += pixels.fragments[i].length;
    return bytes;
  }

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    for (;;) {
      if (sent_ < text_.size()) {
        const std::size_t count = std::min(into.size(), text_.size() - sent_);
        std::memcpy(into.data(), text_.data() + sent_, count);
        sent_ += count;
        return count;
      }
      if (frame_ != nullptr) {
        GANTRY_LET(const std::size_t count, frame_->read(into));
        if (count > 0) return count;
        frame_ = nullptr;
      }
      if (closed_) return std::size_t{0};
      GANTRY_TRY(open_next());
    }
  }

 private:
  [[nodiscard]] std::string head(MultipartPlan& parts) const {
    return parts.part_head(type_.media_type, type_.transfer_syntax, location_);
  }

  Result<void> open_next() {
    sent_ = 0;
    if (next_ > instance_->layout->pixels.frames) {
      text_ = parts_.closing();
      closed_ = true;
      return {};
    }
    GANTRY_LET(auto frame, instance_->layout->frame(next_++));
    text_ = head(parts_);
    frame_ = range_stream(instance_->file, std::move(frame.ranges));
    return {};
  }

  archive::InstancePtr instance_;
  MultipartPlan parts_;
  PixelType type_;
  std::string location_;
  std::uint32_t next_ = 1;
  std::string text_;
  std::size_t sent_ = 0;
  std::shared_ptr<ByteStream> frame_;
  bool closed_ = false;
};

}  // namespace

http::Produced all_frames(archive::InstancePtr instance, MultipartPlan parts, const PixelType& type,
                          std::string location) {
  auto stream = std::make_shared<FramesStream>(std::move(instance), std::move(parts), type, std::move(location));
  const std::uint64_t length = stream->length();
  return {std::move(stream), length};
}

PixelSource::PixelSource(archive::InstancePtr instance) : instance_(std::move(instance)) {
  if (instance_->layout->inflated) inflated_ = inflated_access(instance_->file, instance_->layout->dataset_offset);
}

std::vector<http::Segment> PixelSource::cut(std::vector<ByteRange> ranges, unsigned word_bytes, std::uint64_t value_end,
                                            std::size_t listed_most) {
  std::vector<http::Segment> segments;
  const bool swap = word_bytes > 1 && instance_->layout->big_endian;
  if (!swap && inflated_ == nullptr && ranges.size() <= listed_most) {
    for (const auto& range : ranges)
      segments.emplace_back(http::FileRange{instance_->file, range.offset, range.length});
    return segments;
  }
  std::uint64_t length = 0;
  for (const auto& range : ranges) length += range.length;
  if (swap && !ranges.empty()) {
    // A frame may end inside a word, whose other byte then belongs to the value's padding.
    auto& last = ranges.back();
    const std::uint64_t whole = (last.length + word_bytes - 1) / word_bytes * word_bytes;
    last.length = std::min(whole, value_end - last.offset);
    length = std::min(length, last.length / word_bytes * word_bytes);
  }
  const std::shared_ptr<const RandomAccess> source = inflated_ != nullptr ? inflated_ : instance_->file;
  auto stream = range_stream(source, std::move(ranges));
  if (swap) stream = swapped(std::move(stream), word_bytes, length);
  segments.emplace_back(http::Produced{std::move(stream), length});
  return segments;
}

Result<std::vector<http::Segment>> PixelSource::frame(std::uint32_t number) {
  const auto& layout = *instance_->layout;
  GANTRY_LET(auto frame, layout.frame(number));
  const std::uint64_t end = layout.pixels.value.offset + layout.pixels.value.length;
  const unsigned word = layout.pixels.kind == PixelLayout::Kind::kNative ? layout.pixels.word_bytes : 1;
  const bool whole_bytes = frame.bits % 8 == 0 && frame.bit_shift == 0;
  if (whole_bytes) return cut(std::move(frame.ranges), word, end, kFragmentsOfFrameMost);
  // 1-bit frames that begin or end inside a byte.
  const std::uint64_t bytes = (frame.bits + 7) / 8;
  const std::shared_ptr<const RandomAccess> source = inflated_ != nullptr ? inflated_ : instance_->file;
  auto& range = frame.ranges.front();
  const std::uint64_t length = range.length;
  if (word > 1 && layout.big_endian) range.length = std::min((length + word - 1) / word * word, end - range.offset);
  auto stream = range_stream(source, frame.ranges);
  if (word > 1 && layout.big_endian) stream = swapped(std::move(stream), word, length);
  stream = shifted(std::move(stream), frame.bit_shift, frame.bits);
  std::vector<http::Segment> segments;
  segments.emplace_back(http::Produced{std::move(stream), bytes});
  return segments;
}

std::vector<http::Segment> PixelSource::whole() {
  const auto& pixels = instance_->layout->pixels;
  if (!pixels.fragments.empty()) {
    return cut(pixels.fragments, 1, pixels.value.offset + pixels.value.length, kFragmentsOfValueMost);
  }
  return cut({pixels.value}, pixels.word_bytes, pixels.value.offset + pixels.value.length, 1);
}

std::vector<http::Segment> PixelSource::value(const dicom::BulkItem& item) {
  return cut({item.range}, dicom::facts(dicom::parse_vr(item.vr)).word_bytes, item.range.offset + item.range.length, 1);
}

bool can_be_ranged(const http::BodyPlan& plan) noexcept {
  return std::none_of(plan.segments.begin(), plan.segments.end(),
                      [](const http::Segment& segment) { return std::holds_alternative<http::Produced>(segment); });
}

}  // namespace gantry::dicomweb::wado

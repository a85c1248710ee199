#include "gantry/dicomweb/wado/pixel_streams.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>

#include "gantry/dicom/explicit_le.hpp"

namespace gantry::dicomweb::wado {
namespace {

constexpr std::size_t kPiece = 64 << 10;

class InflatedAccess final : public RandomAccess {
 public:
  InflatedAccess(std::shared_ptr<const RandomAccess> object, std::uint64_t dataset_offset)
      : object_(std::move(object)), dataset_offset_(dataset_offset) {}

  // Known only after everything was inflated; those who read go by the layout's ranges.
  [[nodiscard]] std::uint64_t size() const noexcept override { return ~std::uint64_t{0}; }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::scoped_lock lock(mutex_);
    if (stream_ == nullptr || offset < position_) {
      GANTRY_LET(stream_, dicom::inflate_dataset(object_, dataset_offset_));
      position_ = 0;
    }
    std::array<std::byte, 16 << 10> skipped;
    while (position_ < offset) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(skipped.size(), offset - position_));
      GANTRY_LET(const std::size_t count, stream_->read(std::span(skipped).first(want)));
      if (count == 0) return std::size_t{0};
      position_ += count;
    }
    std::size_t filled = 0;
    while (filled < into.size()) {
      GANTRY_LET(const std::size_t count, stream_->read(into.subspan(filled)));
      if (count == 0) break;
      filled += count;
      position_ += count;
    }
    return filled;
  }

 private:
  std::shared_ptr<const RandomAccess> object_;
  std::uint64_t dataset_offset_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<ByteStream> stream_;
  mutable std::uint64_t position_ = 0;
};

class RangeStream final : public ByteStream {
 public:
  RangeStream(std::shared_ptr<const RandomAccess> source, std::vector<dicom::ByteRange> ranges)
      : source_(std::move(source)), ranges_(std::move(ranges)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    while (at_ < ranges_.size() && ranges_[at_].length == 0) ++at_;
    if (at_ == ranges_.size() || into.empty()) return std::size_t{0};
    auto& range = ranges_[at_];
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), range.length));
    GANTRY_LET(const std::size_t count, source_->read_at(range.offset, into.first(want)));
    if (count == 0) return Error::internal("an object ends before its layout does");
    range.offset += count;
    range.length -= count;
    return count;
  }

 private:
  std::shared_ptr<const RandomAccess> source_;
  std::vector<dicom::ByteRange> ranges_;
  std::size_t at_ = 0;
};

/// Reads until `into` is full or the source ends.
Result<std::size_t> read_full(ByteStream& source, std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    GANTRY_LET(const std::size_t count, source.read(into.subspan(filled)));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

/// Makes its output a block at a time.
class BlockStream : public ByteStream {
 public:
  Result<std::size_t> read(std::span<std::byte> into) override {
    if (at_ == block_.size()) {
      block_.clear();
      at_ = 0;
      GANTRY_TRY(make(block_));
    }
    const std::size_t count = std::min(into.size(), block_.size() - at_);
    if (count > 0) std::memcpy(into.data(), block_.data() + at_, count);
    at_ += count;
    return count;
  }

 protected:
  /// Fills the empty `block`; leaves it empty at the end.
  virtual Result<void> make(std::vector<std::byte>& block) = 0;

 private:
  std::vector<std::byte> block_;
  std::size_t at_ = 0;
};

class SwappedStream final : public BlockStream {
 public:
  SwappedStream(std::shared_ptr<ByteStream> source, unsigned word_bytes, std::uint64_t length)
      : source_(std::move(source)), word_(word_bytes), left_(length) {}

 private:
  Result<void> make(std::vector<std::byte>& block) override {
    if (left_ == 0) return {};
    const std::uint64_t words = (std::min<std::uint64_t>(left_, kPiece) + word_ - 1) / word_;
    block.resize(static_cast<std::size_t>(words * word_));
    GANTRY_LET(const std::size_t count, read_full(*source_, block));
    if (count != block.size()) return Error::internal("a value ends inside a word");
    for (std::size_t i = 0; i < block.size(); i += word_) {
      std::reverse(block.begin() + static_cast<std::ptrdiff_t>(i),
                   block.begin() + static_cast<std::ptrdiff_t>(i + word_));
    }
    if (block.size() > left_) block.resize(static_cast<std::size_t>(left_));
    left_ -= block.size();
    return {};
  }

  std::shared_ptr<ByteStream> source_;
  std::size_t word_;
  std::uint64_t left_;
};

class ShiftedStream final : public BlockStream {
 public:
  ShiftedStream(std::shared_ptr<ByteStream> source, unsigned shift, std::uint64_t bits)
      : source_(std::move(source)), shift_(shift), bits_left_(bits) {}

 private:
  Result<void> make(std::vector<std::byte>& block) override {
    if (bits_left_ == 0) return {};
    const std::uint64_t bits = std::min<std::uint64_t>(bits_left_, kPiece * 8);
    const auto bytes = static_cast<std::size_t>((bits + 7) / 8);
    // The byte that the block before ended in gives this block's first bits.
    const std::size_t input_bytes = static_cast<std::size_t>((shift_ + bits + 7) / 8);
    std::vector<std::byte> input(input_bytes);
    std::size_t kept = 0;
    if (carried_) {
      input[0] = carry_;
      kept = 1;
    }
    GANTRY_LET(const std::size_t count, read_full(*source_, std::span(input).subspan(kept)));
    if (count + kept < input_bytes) return Error::internal("a frame ends before its last bit");
    block.resize(bytes);
    for (std::size_t i = 0; i < bytes; ++i) {
      auto value = static_cast<unsigned>(input[i]) >> shift_;
      if (shift_ > 0 && i + 1 < input_bytes) value |= static_cast<unsigned>(input[i + 1]) << (8 - shift_);
      block[i] = static_cast<std::byte>(value & 0xFFU);
    }
    if (bits % 8 != 0) block.back() &= static_cast<std::byte>((1U << (bits % 8)) - 1);
    carried_ = shift_ > 0;
    carry_ = input.back();
    bits_left_ -= bits;
    return {};
  }

  std::shared_ptr<ByteStream> source_;
  unsigned shift_;
  std::uint64_t bits_left_;
  bool carried_ = false;
  std::byte carry_{};
};

class BlankPreamble final : public ByteStream {
 public:
  explicit BlankPreamble(std::shared_ptr<ByteStream> source) : source_(std::move(source)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    GANTRY_LET(const std::size_t count, source_->read(into));
    const std::size_t blank = std::min(count, left_);
    std::fill_n(into.begin(), blank, std::byte{0});
    left_ -= blank;
    return count;
  }

 private:
  std::shared_ptr<ByteStream> source_;
  std::size_t left_ = 128;
};

}  // namespace

std::shared_ptr<const RandomAccess> inflated_access(std::shared_ptr<const RandomAccess> object,
                                                    std::uint64_t dataset_offset) {
  return std::make_shared<InflatedAccess>(std::move(object), dataset_offset);
}

std::shared_ptr<ByteStream> range_stream(std::shared_ptr<const RandomAccess> source,
                                         std::vector<dicom::ByteRange> ranges) {
  return std::make_shared<RangeStream>(std::move(source), std::move(ranges));
}

std::shared_ptr<ByteStream> swapped(std::shared_ptr<ByteStream> source, unsigned word_bytes, std::uint64_t length) {
  return std::make_shared<SwappedStream>(std::move(source), word_bytes, length);
}

std::shared_ptr<ByteStream> shifted(std::shared_ptr<ByteStream> source, unsigned shift, std::uint64_t bits) {
  return std::make_shared<ShiftedStream>(std::move(source), shift, bits);
}

std::shared_ptr<ByteStream> without_preamble(std::shared_ptr<ByteStream> source) {
  return std::make_shared<BlankPreamble>(std::move(source));
}

}  // namespace gantry::dicomweb::wado

#include "gantry/http/send_plan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/uio.h>
#include <unistd.h>

namespace gantry::http {

namespace {

// What was read together is evicted together, mostly from its begin on: few looks tell nearly as much as many.
constexpr std::uint64_t kProbeStep = 256 * 1024;
constexpr std::size_t kSkipBytes = 64 * 1024;

std::uint64_t length_of(const SendPiece& piece) {
  if (const auto* memory = std::get_if<MemoryPiece>(&piece)) return memory->bytes.size();
  if (const auto* range = std::get_if<FileRange>(&piece)) return range->length;
  return std::get<ProducedPiece>(piece).length.value_or(0);
}

class PlanStream final : public ByteStream {
 public:
  explicit PlanStream(SendPlan plan) : plan_(std::move(plan)) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (into.empty()) return std::size_t{0};
    while (at_ < plan_.pieces.size()) {
      GANTRY_LET(const std::size_t got, read_piece(plan_.pieces[at_], into));
      if (got > 0) return got;
      ++at_;
    }
    return std::size_t{0};
  }

 private:
  static Result<std::size_t> read_piece(SendPiece& piece, std::span<std::byte> into) {
    if (auto* memory = std::get_if<MemoryPiece>(&piece)) {
      const std::size_t take = std::min(into.size(), memory->bytes.size());
      std::copy_n(reinterpret_cast<const std::byte*>(memory->bytes.data()), take, into.begin());
      memory->bytes.remove_prefix(take);
      return take;
    }
    if (auto* range = std::get_if<FileRange>(&piece)) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), range->length));
      if (take == 0) return take;
      GANTRY_LET(const std::size_t got, range->file->read_at(range->offset, into.first(take)));
      if (got == 0) return Error::internal("an object is shorter than its index says");
      range->offset += got;
      range->length -= got;
      return got;
    }
    return std::get<ProducedPiece>(piece).read(into);
  }

  SendPlan plan_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::size_t> ProducedPiece::read(std::span<std::byte> into) {
  while (skip > 0) {
    std::array<std::byte, kSkipBytes> over{};
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(skip, over.size()));
    GANTRY_LET(const std::size_t got, stream->read(std::span(over).first(want)));
    if (got == 0) return Error::internal("a produced body ended before its range");
    skip -= got;
  }
  if (!length) return stream->read(into);
  if (*length == 0) return std::size_t{0};
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), *length));
  GANTRY_LET(const std::size_t got, stream->read(into.first(want)));
  if (got == 0) return Error::internal("a produced body is shorter than was declared");
  *length -= got;
  if (*length == 0 && to_end) {
    std::array<std::byte, 1> more{};
    GANTRY_LET(const std::size_t extra, stream->read(more));
    if (extra != 0) return Error::internal("a produced body is longer than was declared");
  }
  return got;
}

bool SendPlan::in_memory() const noexcept {
  return std::all_of(pieces.begin(), pieces.end(),
                     [](const SendPiece& piece) { return std::holds_alternative<MemoryPiece>(piece); });
}

SendPlan make_send_plan(BodyPlan body) {
  SendPlan plan;
  plan.length = body.length();
  plan.pieces.reserve(body.segments.size());
  for (Segment& segment : body.segments) {
    if (auto* bytes = std::get_if<Bytes>(&segment)) {
      if (bytes->empty()) continue;
      auto owner = std::make_shared<const std::string>(std::move(*bytes));
      const std::string_view view = *owner;
      plan.pieces.emplace_back(MemoryPiece{std::move(owner), view});
    } else if (auto* shared = std::get_if<SharedBytes>(&segment)) {
      if (!*shared || (*shared)->empty()) continue;
      const std::string_view view = **shared;
      plan.pieces.emplace_back(MemoryPiece{std::move(*shared), view});
    } else if (auto* range = std::get_if<FileRange>(&segment)) {
      if (range->length > 0) plan.pieces.emplace_back(std::move(*range));
    } else {
      auto& produced = std::get<Produced>(segment);
      plan.pieces.emplace_back(ProducedPiece{std::move(produced.stream), 0, produced.length, true, produced.pool});
    }
  }
  return plan;
}

SendPlan cut(SendPlan plan, std::uint64_t offset, std::uint64_t length) {
  SendPlan part;
  part.length = length;
  for (SendPiece& piece : plan.pieces) {
    if (length == 0) break;
    const std::uint64_t has = length_of(piece);
    if (offset >= has) {
      offset -= has;
      continue;
    }
    const std::uint64_t take = std::min(length, has - offset);
    if (auto* memory = std::get_if<MemoryPiece>(&piece)) {
      memory->bytes = memory->bytes.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(take));
    } else if (auto* range = std::get_if<FileRange>(&piece)) {
      range->offset += offset;
      range->length = take;
    } else {
      auto& produced = std::get<ProducedPiece>(piece);
      produced.skip += offset;
      produced.length = take;
      produced.to_end = produced.to_end && offset + take == has;
    }
    part.pieces.push_back(std::move(piece));
    offset = 0;
    length -= take;
  }
  return part;
}

std::shared_ptr<ByteStream> as_stream(SendPlan plan) { return std::make_shared<PlanStream>(std::move(plan)); }

std::uint64_t cached_prefix(int fd, std::uint64_t offset, std::uint64_t length) {
  const auto cached = [fd](std::uint64_t at) {
    char byte = 0;
    iovec vector{&byte, 1};
    // A file system that knows no RWF_NOWAIT answers EOPNOTSUPP: nothing is known, so it counts as cold.
    return preadv2(fd, &vector, 1, static_cast<off_t>(at), RWF_NOWAIT) >= 0;
  };
  if (length == 0) return 0;
  for (std::uint64_t at = 0; at < length; at += kProbeStep) {
    if (!cached(offset + at)) return at;
  }
  return cached(offset + length - 1) ? length : (length - 1) / kProbeStep * kProbeStep;
}

void read_ahead(int fd, std::uint64_t offset, std::uint64_t length) {
  thread_local std::array<char, 128 * 1024> buffer;
  while (length > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    const ssize_t got = pread(fd, buffer.data(), want, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
}

}  // namespace gantry::http

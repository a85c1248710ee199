#include "gantry/http/sender.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <utility>

namespace gantry::http {

namespace {

constexpr std::size_t kTurnBytes = 1024 * 1024;
constexpr std::size_t kVectorsMax = 64;
constexpr std::size_t kFeedBytes = 128 * 1024;
constexpr std::chrono::milliseconds kFeedTime{20};

}  // namespace

struct Sender::Feed {
  explicit Feed(ProducedPiece produced)
      : piece(std::move(produced)),
        bytes(static_cast<std::size_t>(std::min<std::uint64_t>(piece.length.value_or(kFeedBytes), kFeedBytes))) {}

  /// fill_unguarded() without its exceptions: streams are other modules' code, and a worker must not throw.
  Result<void> fill() {
    try {
      return fill_unguarded();
    } catch (const std::exception& error) {
      return Error::internal(std::string("a produced body threw: ") + error.what());
    }
  }

  /// Blocking: reads until the buffer is full, the stream ends, or it got slow, since what is there should go out then.
  Result<void> fill_unguarded() {
    const auto until = Clock::now() + kFeedTime;
    size = 0;
    if (bytes.empty()) {  // a declared length of 0: only the promise is checked
      bytes.resize(1);
      piece.length.reset();
      GANTRY_LET(const std::size_t got, piece.read(bytes));
      if (got != 0) return Error::internal("a produced body is longer than was declared");
      ended = true;
      return {};
    }
    while (size < bytes.size()) {
      GANTRY_LET(const std::size_t got, piece.read(std::span(bytes).subspan(size)));
      if (got == 0) {
        ended = true;
        return {};
      }
      size += got;
      if (piece.length && *piece.length == 0) {
        ended = true;
        return {};
      }
      if (Clock::now() >= until) return {};
    }
    return {};
  }

  ProducedPiece piece;
  std::vector<std::byte> bytes;
  std::size_t size = 0;
  bool ended = false;
};

Sender::Sender(Wire& wire, WorkerPool& disk, const TenantTurns::Place& place, Answer& answer)
    : wire_(wire), disk_(disk), place_(place), answer_(answer), pieces_(std::move(answer.plan.pieces)) {
  for (SendPiece& piece : pieces_) {
    auto* range = std::get_if<FileRange>(&piece);
    if (range == nullptr || range->file->fd() >= 0) continue;
    const std::uint64_t length = range->length;
    SendPlan one;
    one.pieces.push_back(std::move(piece));
    piece = ProducedPiece{as_stream(std::move(one)), 0, length, false};
  }
}

void Sender::push_chunk_size(std::uint64_t size) {
  auto& text = chunk_sizes_[chunk_sizes_used_++];
  const int length = std::snprintf(text.data(), text.size(), "%llx\r\n", static_cast<unsigned long long>(size));
  pending_.emplace_back(text.data(), static_cast<std::size_t>(length));
}

Sender::Next Sender::gather() {
  if (!head_taken_) {
    pending_.emplace_back(answer_.head);
    head_taken_ = true;
  }
  for (;;) {
    if (pending_.size() + 4 > kVectorsMax || chunk_sizes_used_ + 1 > chunk_sizes_.size()) return Next::kMore;
    std::size_t run_end = at_;
    std::uint64_t run_bytes = 0;
    while (run_end < pieces_.size() && pending_.size() + (run_end - at_) + 4 < kVectorsMax) {
      const auto* memory = std::get_if<MemoryPiece>(&pieces_[run_end]);
      if (memory == nullptr) break;
      run_bytes += memory->bytes.size();
      ++run_end;
    }
    if (run_end > at_) {
      if (run_bytes > 0) {
        if (answer_.chunked) push_chunk_size(run_bytes);
        for (; at_ < run_end; ++at_) pending_.push_back(std::get<MemoryPiece>(pieces_[at_]).bytes);
        if (answer_.chunked) pending_.emplace_back("\r\n");
      }
      at_ = run_end;
      continue;
    }
    if (at_ == pieces_.size()) {
      if (answer_.chunked && !terminated_) {
        pending_.emplace_back("0\r\n\r\n");
        terminated_ = true;
      }
      return Next::kEnd;
    }
    if (const auto* range = std::get_if<FileRange>(&pieces_[at_])) {
      if (answer_.chunked) push_chunk_size(range->length);
      warm_until_ = range->offset;
      return Next::kFile;
    }
    if (!held_.empty()) return Next::kMore;  // one buffer at a time: the ended one is pending still
    if (!feed_) feed_ = std::make_shared<Feed>(std::get<ProducedPiece>(std::move(pieces_[at_])));
    if (!fed_) return Next::kDisk;
    fed_ = false;
    if (feed_->size > 0) {
      if (answer_.chunked) push_chunk_size(feed_->size);
      pending_.emplace_back(reinterpret_cast<const char*>(feed_->bytes.data()), feed_->size);
      if (answer_.chunked) pending_.emplace_back("\r\n");
    }
    if (!feed_->ended) return Next::kLater;
    if (feed_->size > 0) held_.push_back(std::move(feed_));
    feed_.reset();
    ++at_;
  }
}

Sender::Step Sender::step() {
  for (;;) {
    if (in_file_) {
      if (const Step step = send_file(); step != Step::kDone) return step;
      continue;
    }
    if (next_ == Next::kNothing || next_ == Next::kDisk) next_ = gather();
    // While nothing was sent, the first produced bytes are awaited: head and bytes leave together, and a source that
    // fails at once can still be answered with an error.
    if (next_ == Next::kDisk && (pending_.empty() || !started_)) return Step::kNeedsDisk;
    if (!pending_.empty()) {
      if (const Step step = flush(next_ == Next::kFile || next_ == Next::kMore); step != Step::kDone) return step;
    }
    if (next_ == Next::kEnd) {
      const Wire::Io io = wire_.flush();
      return io == Wire::Io::kDone ? Step::kDone : io == Wire::Io::kBlocked ? Step::kBlocked : Step::kGone;
    }
    in_file_ = next_ == Next::kFile;
    next_ = Next::kNothing;
  }
}

Sender::Step Sender::flush(bool more) {
  while (pending_at_ < pending_.size()) {
    std::array<iovec, kVectorsMax> vectors;
    std::size_t used = 0;
    std::size_t bytes = 0;
    for (std::size_t i = pending_at_; i < pending_.size() && used < vectors.size() && bytes < kTurnBytes; ++i) {
      const std::size_t take = std::min(pending_[i].size(), kTurnBytes - bytes);
      vectors[used++] = {const_cast<char*>(pending_[i].data()), take};
      bytes += take;
    }
    std::size_t sent = 0;
    switch (wire_.send(std::span(vectors).first(used), more, sent)) {
      case Wire::Io::kDone: break;
      case Wire::Io::kBlocked: turn_bytes_ = 0; return Step::kBlocked;
      case Wire::Io::kGone: return Step::kGone;
    }
    started_ = true;
    turn_bytes_ += sent;
    while (pending_at_ < pending_.size() && sent >= pending_[pending_at_].size()) {
      sent -= pending_[pending_at_].size();
      ++pending_at_;
    }
    if (sent > 0) pending_[pending_at_].remove_prefix(sent);
    if (turn_bytes_ >= kTurnBytes) {
      turn_bytes_ = 0;
      return Step::kYield;
    }
  }
  pending_.clear();
  pending_at_ = 0;
  chunk_sizes_used_ = 0;
  held_.clear();
  return Step::kDone;
}

Sender::Step Sender::send_file() {
  auto& range = std::get<FileRange>(pieces_[at_]);
  while (range.length > 0) {
    const std::uint64_t slice = std::min<std::uint64_t>(range.length, kTurnBytes);
    if (warm_until_ <= range.offset) {
      const std::uint64_t cached = cached_prefix(range.file->fd(), range.offset, slice);
      if (cached == 0) return Step::kNeedsDisk;
      warm_until_ = range.offset + cached;
    }
    const auto take = static_cast<std::size_t>(std::min(slice, warm_until_ - range.offset));
    std::size_t sent = 0;
    switch (wire_.send_file(range.file->fd(), range.offset, take, sent)) {
      case Wire::Io::kDone: break;
      case Wire::Io::kBlocked: turn_bytes_ = 0; return Step::kBlocked;
      case Wire::Io::kGone: return Step::kGone;
    }
    if (sent == 0) return fail("a file is shorter than the range to send of it");
    range.offset += sent;
    range.length -= sent;
    turn_bytes_ += sent;
    if (turn_bytes_ >= kTurnBytes) {
      turn_bytes_ = 0;
      return Step::kYield;
    }
  }
  in_file_ = false;
  ++at_;
  if (answer_.chunked) pending_.emplace_back("\r\n");
  return Step::kDone;
}

Task<bool> Sender::fetch() {
  if (in_file_) {
    const auto& range = std::get<FileRange>(pieces_[at_]);
    const std::uint64_t offset = range.offset;
    const std::uint64_t length = std::min<std::uint64_t>(range.length, kTurnBytes);
    auto job = [file = range.file, offset, length] { read_ahead(file->fd(), offset, length); };
    auto read = co_await run_admitted(disk_, place_.tenant(), std::move(job));
    if (!read) {
      failure_ = read.error().detail();
      co_return false;
    }
    // Sent without asking again: where memory is so short that the pages went already, asking would never end.
    warm_until_ = offset + length;
    co_return true;
  }
  auto job = [feed = feed_] { return feed->fill(); };
  WorkerPool& pool = feed_->piece.pool != nullptr ? *feed_->piece.pool : disk_;
  auto filled = co_await run_admitted(pool, place_.tenant(), std::move(job));
  if (!filled) {
    failure_ = filled.error().detail();
    co_return false;
  }
  fed_ = true;
  co_return true;
}

Task<Sender::Outcome> Sender::run(Step first, std::chrono::milliseconds write_stall, Deadline deadline) {
  for (Step step = first;; step = this->step()) {
    switch (step) {
      case Step::kDone: co_return Outcome::kComplete;
      case Step::kGone: co_return Outcome::kGone;
      case Step::kBroken: co_return Outcome::kBroken;
      case Step::kYield:
        if (place_.is_shared()) {
          co_await place_.next();
        } else {
          co_await wire_.yield();
        }
        break;
      case Step::kBlocked: {
        const Deadline until = std::min(deadline, Clock::now() + write_stall);
        const Wire::Ready ready = co_await wire_.wait_writable(until);
        if (ready != Wire::Ready::kYes) co_return Outcome::kGone;
        if (place_.is_shared()) co_await place_.next();
        break;
      }
      case Step::kNeedsDisk: {
        const bool fetched = co_await fetch();
        if (!fetched) co_return started_ ? Outcome::kBroken : Outcome::kNotBegun;
        if (wire_.is_cut() || Clock::now() >= deadline) co_return Outcome::kGone;
        break;
      }
    }
  }
}

Sender::Step Sender::fail(std::string why) {
  failure_ = std::move(why);
  return Step::kBroken;
}

}  // namespace gantry::http

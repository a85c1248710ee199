#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "gantry/index/instance_index.hpp"

namespace gantry::archive {

/// Pulls the rows of a search one at a time, in bounded memory: the index pushes rows into a page until the page has
/// its fill of bytes, and the next page begins where it ended. Nearly every answer is one page, one consistent state of
/// the index. Where it takes more, a study that changed in between ends the cursor with kUnavailable, because rows
/// could be missing or twice; searches over all studies go on. Blocking; one thread at a time.
template <class T>
class RowCursor {
 public:
  /// What to keep of a row; nullopt drops it (then offset and limit count kept rows).
  using Keep = std::function<Result<std::optional<T>>(index::SearchRow&&)>;
  using SizeOf = std::function<std::size_t(const T&)>;

  struct Options {
    bool filtered = false;  ///< `keep` drops rows
    std::size_t page_bytes = 8 << 20;
    std::chrono::seconds statement_time{5};  ///< of one page
  };

  /// `index` outlives the cursor. Offset and limit are those of `query`.
  RowCursor(index::InstanceIndex& index, RequestContext ctx, index::SearchQuery query, Keep keep, SizeOf size_of,
            Options options)
      : index_(index),
        ctx_(std::move(ctx)),
        query_(std::move(query)),
        keep_(std::move(keep)),
        size_of_(std::move(size_of)),
        options_(options),
        offset_(query_.offset),
        limit_(query_.limit) {
    if (options_.filtered) {
      skip_ = offset_;
      offset_ = 0;
    }
    if (limit_ == 0U) exhausted_ = true;
  }

  /// The next row, or nullopt at the end.
  Result<std::optional<T>> next() {
    while (page_.empty() && !exhausted_) GANTRY_TRY(fill());
    if (page_.empty()) return std::optional<T>();
    std::optional<T> row(std::move(page_.front()));
    page_.pop_front();
    return row;
  }

  /// Reads the first page, if that has not happened yet.
  Result<void> begin() {
    if (page_.empty() && !exhausted_ && pages_ == 0) GANTRY_TRY(fill());
    return {};
  }
  /// True when no further page follows: the rest is in memory.
  [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }
  /// Rows in memory.
  [[nodiscard]] const std::deque<T>& page() const noexcept { return page_; }
  /// How many rows were kept so far, those of the page included.
  [[nodiscard]] std::uint64_t kept() const noexcept { return kept_; }

 private:
  Result<void> fill() {
    auto ctx = ctx_;
    ctx.deadline = std::min(ctx.deadline, Clock::now() + options_.statement_time);
    if (query_.study) {
      GANTRY_LET(const auto version, index_.version_of(ctx, *query_.study, std::nullopt));
      if (pages_ > 0 && version != version_) return Error::unavailable("the study changed while it was being listed");
      version_ = version;
    }
    query_.offset = offset_;
    query_.limit = options_.filtered ? std::nullopt : limit_;
    std::size_t bytes = 0;
    bool full = false;
    std::optional<Error> failure;
    auto visit = [&](index::SearchRow&& row) {
      ++offset_;
      auto kept = keep_(std::move(row));
      if (!kept) {
        failure = std::move(kept).error();
        return false;
      }
      if (*kept) {
        if (skip_ > 0) {
          --skip_;
        } else {
          bytes += size_of_(**kept) + sizeof(T);
          page_.push_back(*std::move(*kept));
          ++kept_;
          if (limit_) --*limit_;
        }
      }
      full = bytes >= options_.page_bytes;
      return !full && limit_ != 0U;
    };
    GANTRY_TRY(index_.search(ctx, query_, visit));
    if (failure) return *std::move(failure);
    ++pages_;
    exhausted_ = !full || limit_ == 0U;
    return {};
  }

  index::InstanceIndex& index_;
  RequestContext ctx_;
  index::SearchQuery query_;
  Keep keep_;
  SizeOf size_of_;
  Options options_;
  std::uint64_t offset_;                ///< where the next page begins in the index's rows
  std::optional<std::uint64_t> limit_;  ///< what is left of it
  std::uint64_t skip_ = 0;              ///< kept rows still to be skipped
  std::uint64_t kept_ = 0;
  std::uint64_t pages_ = 0;
  bool exhausted_ = false;
  std::optional<std::uint64_t> version_;
  std::deque<T> page_;
};

}  // namespace gantry::archive

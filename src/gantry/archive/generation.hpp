#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gantry/base/context.hpp"
#include "gantry/base/ids.hpp"
#include "gantry/cache/shared_cache.hpp"

namespace gantry::archive {

struct GenerationLives {
  std::chrono::milliseconds life = std::chrono::seconds(15);  ///< without renewal
  std::chrono::milliseconds most = std::chrono::minutes(10);  ///< with it
};

/// The mark by which nodes see that a series' JSON is being generated (DESIGN §8). It saves work; nothing leans on it:
/// a mark that can't be set, or is somebody else's, stops nobody. One thread at a time; blocking.
class Generation {
 public:
  static constexpr std::string_view kWorker = "worker-", kReader = "reader-";  ///< what tokens begin with

  /// Takes the mark, if nobody has it. `cache` may be null, and outlives it.
  Generation(cache::SharedCache* cache, RequestContext ctx, const SeriesUid& series, std::string token,
             GenerationLives lives = {});
  /// Gives it back.
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  [[nodiscard]] bool owns() const noexcept { return owns_; }
  /// Keeps it, when a third of its life has passed.
  void renew();
  /// Does a worker have it now?
  [[nodiscard]] bool is_a_workers() const;

 private:
  cache::SharedCache* const cache_;
  const RequestContext ctx_;
  const std::string key_, token_;
  const GenerationLives lives_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point renewed_ = began_;
  bool owns_ = false;
};

}  // namespace gantry::archive

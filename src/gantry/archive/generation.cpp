#include "gantry/archive/generation.hpp"

#include <utility>

#include "gantry/cache/keys.hpp"

namespace gantry::archive {

Generation::Generation(cache::SharedCache* cache, RequestContext ctx, const SeriesUid& series, std::string token,
                       GenerationLives lives)
    : cache_(cache),
      ctx_(std::move(ctx)),
      key_(cache::generating_key(ctx_.tenant, series)),
      token_(std::move(token)),
      lives_(lives) {
  if (cache_ == nullptr) return;
  const auto taken = cache_->acquire(ctx_, key_, token_, lives_.life);
  owns_ = taken && *taken;
}

Generation::~Generation() {
  // What can't be given back ends by itself.
  if (owns_) (void)cache_->release(ctx_, key_, token_);
}

void Generation::renew() {
  const auto now = Clock::now();
  if (!owns_ || now - renewed_ < lives_.life / 3 || now - began_ > lives_.most) return;
  renewed_ = now;
  const auto renewed = cache_->renew(ctx_, key_, token_, lives_.life);
  if (renewed && !*renewed) owns_ = false;
}

bool Generation::is_a_workers() const {
  if (cache_ == nullptr || owns_) return false;
  const auto holder = cache_->holder(ctx_, key_);
  return holder && *holder && (*holder)->starts_with(kWorker);
}

}  // namespace gantry::archive

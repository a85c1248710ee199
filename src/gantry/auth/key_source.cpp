#include "gantry/auth/key_source.hpp"

#include <algorithm>
#include <utility>

#include "gantry/base/sha256.hpp"

namespace gantry::auth {
namespace {

constexpr std::chrono::milliseconds kSharedWait{200};  // between two looks at what another node is fetching
constexpr int kSharedLooks = 25;
constexpr std::chrono::milliseconds kRetryLeast{10};
constexpr std::chrono::milliseconds kRetryMost{std::chrono::minutes(1)};

/// Of the node, not of any tenant.
RequestContext within_process() {
  RequestContext ctx;
  ctx.deadline = Clock::now() + std::chrono::seconds(5);
  return ctx;
}

}  // namespace

KeySource::KeySource(KeySourceSettings settings, Fetch fetch, cache::SharedCache* shared, Report report)
    : settings_(std::move(settings)),
      fetch_(std::move(fetch)),
      shared_(shared),
      report_(std::move(report)),
      jwks_url_(settings_.jwks_url),
      began_(Clock::now()),
      thread_([this] { run(); }) {}

KeySource::~KeySource() { stop(); }

void KeySource::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

KeySource::Keys KeySource::current() const {
  const std::scoped_lock lock(mutex_);
  if (keys_.set && Clock::now() - confirmed_ > settings_.stale_life) return {nullptr, keys_.generation};
  return keys_;
}

Task<void> KeySource::renewed() {
  OneShot<bool> shot;
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) co_return;
    if (!running_) {
      if (Clock::now() < began_ + settings_.pause) co_return;
      asked_ = true;
      running_ = true;
      began_ = Clock::now();
    }
    waiting_.push_back(shot);
  }
  wake_.notify_all();
  co_await shot.take();
}

KeySource::Counters KeySource::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

std::chrono::milliseconds KeySource::age() const {
  const std::scoped_lock lock(mutex_);
  if (!keys_.set) return std::chrono::milliseconds::max();
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - confirmed_);
}

void KeySource::run() {
  take_shared();  // so that a node that starts while the provider is down can serve
  std::chrono::milliseconds retry = settings_.pause;
  for (;;) {
    attempt();
    std::vector<OneShot<bool>> told;
    std::unique_lock lock(mutex_);
    const bool fresh = keys_.set && confirmed_ >= began_;
    retry = fresh ? settings_.pause : std::clamp(retry * 2, kRetryLeast, kRetryMost);
    running_ = false;
    told.swap(waiting_);
    lock.unlock();
    for (const auto& shot : told) shot.set(true);
    lock.lock();
    const auto due = Clock::now() + (fresh ? settings_.refresh : std::min(retry, settings_.refresh));
    wake_.wait_until(lock, due, [this] { return asked_ || stopping_.load(); });
    if (stopping_) {
      told.swap(waiting_);
      lock.unlock();
      for (const auto& shot : told) shot.set(true);
      return;
    }
    asked_ = false;
    running_ = true;
    began_ = Clock::now();
  }
}

void KeySource::attempt() {
  if (shared_ != nullptr) {
    // Whoever gets the mark fetches for all nodes; it is not given back, so nobody else does for a while.
    const auto ours = shared_->acquire(within_process(), settings_.shared_key + ":fetch", random_hex(8), settings_.pause);
    if (ours && !*ours) {
      for (int look = 0; look < kSharedLooks && !stopping_; ++look) {
        if (take_shared() || current().set) return;
        std::this_thread::sleep_for(kSharedWait);
      }
    }
  }
  const auto fetched = fetch_from_provider();
  if (fetched) {
    if (std::exchange(reported_, false)) report_("the keys of " + settings_.issuer + " can be had again");
    return;
  }
  {
    const std::scoped_lock lock(mutex_);
    ++counters_.failures;
  }
  if (stopping_) return;
  if (!std::exchange(reported_, true)) {
    report_("the keys of " + settings_.issuer + " can't be had, those at hand go on serving for " +
            std::to_string(std::chrono::duration_cast<std::chrono::hours>(settings_.stale_life).count()) +
            " h: " + fetched.error().detail());
  }
  take_shared();
}

Result<void> KeySource::fetch_from_provider() {
  if (jwks_url_.empty()) {
    std::string url = settings_.discovery_url;
    if (url.empty()) {
      url = settings_.issuer;
      while (url.ends_with('/')) url.pop_back();
      url += "/.well-known/openid-configuration";
    }
    GANTRY_LET(const auto document, fetch_(url, stopping_));
    const auto claims = Claims::parse(document);
    if (!claims) return Error::unavailable(url + " gives no JSON object");
    const auto issuer = claims->text("issuer");
    if (issuer != settings_.issuer) {
      return Error::unavailable(url + " is of issuer " + printable(issuer.value_or("")) + ", expected was " +
                                settings_.issuer + ": auth.issuer must be written exactly so");
    }
    const auto keys = claims->text("jwks_uri");
    if (!keys) return Error::unavailable(url + " names no jwks_uri");
    jwks_url_ = std::string(*keys);
  }
  {
    const std::scoped_lock lock(mutex_);
    ++counters_.fetches;
  }
  auto adopted = [&]() -> Result<void> {
    GANTRY_LET(const auto text, fetch_(jwks_url_, stopping_));
    GANTRY_TRY(adopt(text));
    if (shared_ != nullptr) {
      static_cast<void>(shared_->put_text(within_process(), settings_.shared_key, text, settings_.shared_life));
    }
    return {};
  }();
  // The provider may have moved them: the next attempt asks where they are.
  if (!adopted) jwks_url_ = settings_.jwks_url;
  return adopted;
}

bool KeySource::take_shared() {
  if (shared_ == nullptr) return false;
  const auto text = shared_->get_text(within_process(), settings_.shared_key);
  return text && *text && adopt(**text).ok();
}

Result<void> KeySource::adopt(const std::string& text) {
  GANTRY_LET(auto set, KeySet::parse(text));
  std::vector<std::string> skipped;
  {
    const std::scoped_lock lock(mutex_);
    confirmed_ = Clock::now();
    if (text == text_) return {};
    text_ = text;
    skipped = set->skipped();
    keys_ = {std::move(set), keys_.generation + 1};
  }
  for (const auto& words : skipped) report_("not used of " + settings_.issuer + ": " + words);
  return {};
}

}  // namespace gantry::auth

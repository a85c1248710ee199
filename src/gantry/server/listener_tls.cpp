#include "gantry/server/listener_tls.hpp"

#include <ctime>
#include <utility>

namespace gantry::server {
namespace {

constexpr const char* kHandshakes = "gantry_tls_handshakes_total";
constexpr const char* kHandshakesHelp = "TLS handshakes, by how they ended.";
constexpr std::chrono::hours kSoon{24 * 14};

std::string date_of(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

double unix_seconds(std::chrono::system_clock::time_point time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

Result<std::shared_ptr<tls::ServerIdentity>> load_identity(const config::Settings& settings) {
  const auto& from = settings.tls;
  if (from.certificate.empty()) return std::shared_ptr<tls::ServerIdentity>();
  tls::ServerFiles files;
  files.certificate = from.certificate;
  files.key = from.key;
  files.client_ca = from.client_ca;
  files.clients = from.client == "required"   ? tls::ClientCertificates::kRequired
                  : from.client == "optional" ? tls::ClientCertificates::kOptional
                                              : tls::ClientCertificates::kNone;
  auto loaded = tls::ServerIdentity::load(files);
  if (!loaded) return Error(loaded.error().kind(), "[tls] " + loaded.error().detail());
  return loaded;
}

ListenerTls::ListenerTls(std::shared_ptr<tls::ServerIdentity> identity, const config::Settings& settings,
                         observe::Log& log, observe::Metrics& metrics)
    : identity_(std::move(identity)),
      log_(log),
      done_(metrics.counter(kHandshakes, kHandshakesHelp, {{"result", "full"}})),
      resumed_(metrics.counter(kHandshakes, kHandshakesHelp, {{"result", "resumed"}})),
      failed_(metrics.counter(kHandshakes, kHandshakesHelp, {{"result", "failed"}})),
      late_(metrics.counter(kHandshakes, kHandshakesHelp, {{"result", "late"}})),
      watcher_([this] { return identity_->reload(); }, settings.tls.reload_interval,
               [this](const std::string& failure) { tell(failure); }) {
  describe(identity_->facts(), "the certificate of the HTTP listener");
  publish(metrics);
}

void ListenerTls::tell(const std::string& failure) {
  const auto facts = identity_->facts();
  if (failure.empty()) {
    describe(facts, "the certificate was read again and is in use");
  } else {
    log_.error("the certificate could not be read again; the old one stays in use",
               {{"detail", failure}, {"subject", facts.subject}, {"expires", date_of(facts.expires)}});
  }
}

void ListenerTls::describe(const tls::ServerIdentity::Facts& facts, const char* message) {
  const auto left = facts.expires - std::chrono::system_clock::now();
  const bool soon = left < kSoon;
  const std::string expires = date_of(facts.expires);
  const observe::Field fields[] = {
      {"subject", facts.subject}, {"expires", expires}, {"sha256", facts.fingerprint}};
  log_.write(soon ? observe::LogLevel::kWarn : observe::LogLevel::kInfo, message, fields);
  if (left <= std::chrono::seconds(0)) log_.error("the certificate has expired: clients refuse it", {{"expired", expires}});
  if (facts.key_is_exposed) log_.warn("everybody on this machine may read tls.key: take the permission away (chmod 600)");
}

void ListenerTls::publish(observe::Metrics& metrics) {
  metrics.read_gauge("gantry_tls_certificate_expiry_timestamp_seconds",
                     "When the listener's certificate expires, in seconds since 1970.",
                     [this] { return unix_seconds(identity_->facts().expires); });
  metrics.read_counter("gantry_tls_reloads_total", "Certificates that were read again and came into use.",
                       [this] { return static_cast<double>(watcher_.counters().reloaded); });
  metrics.read_counter("gantry_tls_reload_failures_total", "Certificates that could not be used; the old one stayed.",
                       [this] { return static_cast<double>(watcher_.counters().failed); });
}

void ListenerTls::note(const http::HandshakeRecord& record) {
  using Outcome = http::HandshakeRecord::Outcome;
  switch (record.outcome) {
    case Outcome::kDone: done_.add(); return;
    case Outcome::kResumed: resumed_.add(); return;
    case Outcome::kFailed: failed_.add(); break;
    case Outcome::kLate: late_.add(); break;
  }
  std::uint64_t left_out = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = Clock::now();
    if (now < quiet_until_) {
      ++left_out_;
      return;
    }
    quiet_until_ = now + std::chrono::seconds(1);
    left_out = std::exchange(left_out_, 0);
  }
  log_.info("a TLS handshake failed",
            {{"remote", record.remote_address}, {"detail", record.detail}, {"more_of_these", left_out}});
}

}  // namespace gantry::server

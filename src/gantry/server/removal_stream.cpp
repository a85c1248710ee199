#include "gantry/server/removal_stream.hpp"

#include "gantry/base/json_text.hpp"

namespace gantry::server {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{200};

std::string counts(const archive::TenantRemovalReport& report) {
  return "\"studies\":" + std::to_string(report.studies) + ",\"series\":" + std::to_string(report.series) +
         ",\"instances\":" + std::to_string(report.instances) + ",\"bytes\":" + std::to_string(report.bytes) +
         ",\"objects\":" + std::to_string(report.objects) + ",\"other_rows\":" + std::to_string(report.other_rows) +
         ",\"cache_keys\":" + std::to_string(report.cache_keys) + ",\"resumed\":" + (report.resumed ? "true" : "false");
}

}  // namespace

RemovalStream::RemovalStream(RequestContext ctx, archive::TenantRemovalParts parts, std::function<void()> changed)
    : ctx_(std::move(ctx)), parts_(std::move(parts)), changed_(std::move(changed)), thread_([this] { run(); }) {}

RemovalStream::~RemovalStream() {
  stop();
  thread_.join();
}

void RemovalStream::run() {
  const auto told = [this](const archive::TenantRemovalProgress& progress) {
    if (is_stopped()) return false;
    if (told_ == Clock::time_point()) changed_();  // the first that it tells is that the state is another
    if (Clock::now() - told_ < kProgressEvery) return true;
    told_ = Clock::now();
    return say("{\"progress\":{\"step\":" + json_string(progress.step) + ",\"instances_left\":" +
               std::to_string(progress.instances_left) + "," + counts(progress.so_far) + "}}\n");
  };
  const auto report = archive::remove_tenant(ctx_, parts_, told);
  changed_();
  std::string last = report ? "{\"report\":{" + counts(*report) + "}}\n"
                            : "{\"error\":" + json_string(report.error().detail()) + "}\n";
  // A removal that was done when it was to stop is done.
  std::string when_stopped =
      report ? last : "{\"error\":\"the removal was stopped; it goes on with the same command\"}\n";
  end(std::move(last), std::move(when_stopped));
  done_ = true;
}

}  // namespace gantry::server

#include "gantry/server/pixel_parts.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace gantry::server {
namespace {

constexpr std::size_t kQueueMost = 1024;
constexpr int kNiceness = 10;

std::size_t processes_of(const config::Settings& settings) {
  if (settings.pixels.processes > 0) return settings.pixels.processes;
  return std::max(1U, std::thread::hardware_concurrency());
}

pixels::SandboxSettings sandbox_settings(const config::Settings& settings, std::size_t processes) {
  pixels::SandboxSettings made;
  made.processes = processes;
  made.frame_time =
      std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(settings.pixels.frame_time));
  made.limits.native_bytes = settings.pixels.frame_bytes;
  return made;
}

}  // namespace

PixelParts::PixelParts(const config::Settings& settings, storage::ObjectStore& objects,
                       archive::RetrieveService& retrieves, observe::Metrics& metrics, RenditionMaker::Told told)
    : retrieves_(retrieves),
      processes_(processes_of(settings)),
      codec_(sandbox_settings(settings, processes_)),
      renditions_(objects, {settings.pixels.store_bytes, settings.pixels.progressive}),
      service_(codec_, pool_, settings.pixels.cache_bytes, &renditions_),
      // While some wait for a codec process, others read, render and copy.
      pool_("pixels", 2 * processes_, kQueueMost, kNiceness) {
  if (settings.pixels.progressive) {
    maker_ = std::make_unique<RenditionMaker>(retrieves, objects, service_, std::move(told));
  }
  publish(metrics);
}

archive::StoreService::Listener& PixelParts::listener() noexcept {
  if (maker_) return *maker_;
  return retrieves_;
}

void PixelParts::stop() {
  if (maker_) maker_->stop();
}

void PixelParts::publish(observe::Metrics& metrics) const {
  const auto counter = [&](const char* name, const char* help, auto read) {
    metrics.read_counter(name, help, [read] { return static_cast<double>(read()); });
  };
  counter("gantry_codec_frames_total", "Frames that codec processes were given.",
          [this] { return codec_.counters().frames; });
  counter("gantry_codec_failures_total", "Of these, those that could not be converted.",
          [this] { return codec_.counters().failed; });
  counter("gantry_codec_processes_started_total", "Codec processes that were started.",
          [this] { return codec_.counters().started; });
  counter("gantry_codec_processes_died_total", "Codec processes that ended while they worked.",
          [this] { return codec_.counters().died; });
  counter("gantry_pixel_cache_hits_total", "Frames and pictures found in memory.",
          [this] { return service_.counters().frames.hits; });
  counter("gantry_pixel_cache_misses_total", "Frames and pictures that had to be made.",
          [this] { return service_.counters().frames.misses; });
  metrics.read_gauge("gantry_pixel_cache_bytes", "Bytes of frames and pictures in memory.",
                     [this] { return static_cast<double>(service_.counters().frames.bytes); });
  counter("gantry_renditions_found_total", "Times that an instance, or a frame of it, was found in another transfer syntax.",
          [this] { return renditions_.counters().found; });
  counter("gantry_renditions_kept_total", "Instances that were kept in another transfer syntax.",
          [this] { return renditions_.counters().kept; });
  counter("gantry_renditions_failed_total", "Those that could not be kept or read; they are made when they are asked for.",
          [this] { return renditions_.counters().failed; });
  counter("gantry_renditions_removed_total", "Those that were removed to make room.",
          [this] { return renditions_.counters().removed; });
  metrics.read_gauge("gantry_renditions_bytes", "Bytes of those that are kept because somebody asked for them.",
                     [this] { return static_cast<double>(renditions_.counters().bytes); });
  if (maker_) {
    counter("gantry_progressive_made_total", "Images that were looked at for an HTJ2K rendition, and have one.",
            [this] { return maker_->counters().made; });
    counter("gantry_progressive_failed_total", "HTJ2K renditions that could not be made.",
            [this] { return maker_->counters().failed; });
    metrics.read_gauge("gantry_progressive_waiting_instances", "Images that wait for their HTJ2K rendition.",
                       [this] { return static_cast<double>(maker_->counters().waiting); });
  }
  metrics.read_gauge("gantry_pixel_waiting_tasks", "Tasks that wait for a pixel thread.",
                     [this] { return static_cast<double>(pool_.queued()); });
}

}  // namespace gantry::server

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gantry/pixels/frame_codec.hpp"
#include "gantry/pixels/local_codec.hpp"

namespace gantry::pixels {

struct SandboxSettings {
  std::vector<std::string> command{"/proc/self/exe", "codec-process"};  ///< what calls run_codec_process()
  std::size_t processes = 2;
  std::chrono::seconds frame_time{30};  ///< a frame may take so long, then its process is ended
  FrameLimits limits;
};

/// Converts frames in child processes that may do nothing but compute; what is_harmless() is converted here. A process
/// is started when it is first needed, and again after it died: that costs the frame it worked on and nothing else.
/// convert() waits for a free process, so its callers are to be bounded (a WorkerPool).
class SandboxedCodec final : public FrameCodec {
 public:
  explicit SandboxedCodec(SandboxSettings settings);
  /// Ends the processes. Nobody may be in convert().
  ~SandboxedCodec() override;

  Result<Frame> convert(const FrameShape& from, std::string_view bytes, const CodecTarget& to) override;

  struct Counters {
    std::uint64_t frames = 0;   ///< converted by processes
    std::uint64_t failed = 0;   ///< of these, could not be
    std::uint64_t started = 0;  ///< processes
    std::uint64_t died = 0;     ///< processes that ended while they worked, by themselves or by us
  };
  [[nodiscard]] Counters counters() const;

 private:
  class Process;
  std::unique_ptr<Process> take();
  void give_back(std::unique_ptr<Process> process);

  const SandboxSettings settings_;
  LocalCodec local_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Process>> idle_;
  std::size_t busy_ = 0;
  std::atomic<std::uint64_t> frames_{0}, failed_{0}, started_{0}, died_{0};
};

}  // namespace gantry::pixels
